"""From a handful of examples to a ranking of a zoo: what a downstream team calls."""

from importlib.metadata import version
from pathlib import Path

import torch

from synlearn.datasets.arrays import load_arrays
from synlearn.datasets.examples import Examples, ImageShape
from synlearn.datasets.image_folder import load_image_folder
from synlearn.errors import InputError
from synlearn.mre.model import MREModel
from synlearn.ranking import Ranking
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.specification import specifications_of


def load_examples(path: Path, shape: ImageShape) -> Examples:
    """Load examples from a folder of images or an `.npz` file, brought to `shape`.

    Raises:
        InputError: Nothing is there, or something in it cannot be used; the sentence names it.
    """
    if path.is_dir():
        return load_image_folder(path, shape)
    if not path.exists():
        raise InputError(f"{path} does not exist; give a folder of images or an .npz file.")
    if path.suffix != ".npz":
        raise InputError(
            f"{path} is neither a folder nor an .npz file; give a folder of images, or an .npz "
            "file with an array 'images'."
        )
    return load_arrays(path, shape)


def rank_models(
    examples: Examples, model: MREModel, zoo: Zoo, provenance: dict[str, str | int]
) -> Ranking:
    """Rank all models of a zoo for the task that the examples are of.

    No model is run: the examples pass through the MRE model's backbone once, and the models are
    known by their specifications.

    Args:
        examples: K examples, images as the backbone takes them.
        model: What a job has learned.
        zoo: Models to rank.
        provenance: Digests and versions, kept with the ranking.

    Raises:
        InputError: The zoo's specifications belong to another anchor set than the model learned
            with, or the images do not fit.
    """
    specifications = specifications_of(zoo)
    if specifications.anchors != model.provenance.anchors:
        raise InputError(
            "the MRE model was learned with another anchor set than this version has; use the "
            "version that learned it, or learn it again."
        )
    feature = model.task_feature(examples.images)
    scores = model.member_scores(feature[None], torch.from_numpy(specifications.vectors))[:, 0]
    novelty = model.learned.novelty(feature, len(examples))
    warning = (
        f"The examples are unlike all {model.provenance.tasks} tasks that the metric has learned "
        f"from ({novelty:.1f} times the usual distance); do not trust this ranking."
        if novelty > 1
        else ""
    )
    return Ranking.from_member_scores(
        list(specifications.ids),
        scores,
        warning=warning,
        provenance={
            **provenance,
            "zoo": zoo.digest,
            "k": len(examples),
            "synlearn": version("synlearn"),
        },
    )
