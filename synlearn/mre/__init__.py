"""The MRE model: task feature backbone, model transform, metric, and how each is learned."""

from synlearn.mre.model import MREModel

__all__ = ["MREModel"]
