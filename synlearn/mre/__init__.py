"""The MRE model: task feature backbone, model transform, metric, and how each is learned."""
