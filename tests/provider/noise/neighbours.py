"""Data sets that differ in one row of one class, and questions of every kind about them."""

from functools import cache, partial

import numpy as np
import torch

from protocols.ids import JobId, QueryId, digest_of
from protocols.queries import (
    Answer,
    ClassOutputs,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
)
from provider.answers import Context, answer
from provider.dataset import ClassImages, Float32, Indices
from provider.models import ModelCache
from provider.noise import NoiseRule
from provider.rows import RowSplit, row_generator, subject_generator
from synlearn.datasets.labelled_images import labelled_images
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from synlearn.zoo.architectures import architecture
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.stacked import StackedModels
from synlearn.zoo.training import initial_stack

CLASSES = ("ant", "bee", "cat")
COUNTS = (6, 5, 2)
ROWS = sum(COUNTS)
TASKS = np.array([[0, 1, -1], [2, 0, 1], [0, 2, -1]], np.int32)
RULE = NoiseRule(rho=0.5, clip=0.7)
SECRET, JOB, Q = bytes(32), JobId("job"), QueryId(1, 0, 0)


def model_file(name: str, classes: int, scale: float) -> bytes:
    """An untrained network without biases, its weights times `scale`: black images give zeros.

    At 30 its outputs are all but certain; at 1e12 they are no numbers, but for black images.
    """
    small = architecture(
        "picture-cnn", {"widths": (2, 2, 3), "kernel": 3, "hidden": 5, "classes": classes}
    )
    stack = StackedModels((name,), small, initial_stack([name], small, seed=0))
    tensors = {
        key: value * (0.0 if "bias" in key else scale) for key, value in stack.tensors_of(0).items()
    }
    return to_bytes(ModelFile(small, tensors))


def backbone_file(scale: float) -> bytes:
    """An untrained backbone; at 1e12 its features are no numbers, but for images that are black."""
    torch.manual_seed(0)
    model = Backbone(BackboneSpec(width=2, features=6, channels=3))
    with torch.no_grad():
        model.head.weight.mul_(scale)
        if scale == 1e12:
            model.head.weight.fill_(3e38)
        model.head.bias.zero_()
    return save_backbone(model)


def _shelf(*files: bytes) -> dict[str, bytes]:
    return {digest_of(data): data for data in files}


@cache
def models(classes: int, scale: float) -> dict[str, bytes]:
    return _shelf(*(model_file(name, classes, scale) for name in "ab"))


@cache
def backbones(scale: float) -> dict[str, bytes]:
    return _shelf(backbone_file(scale))


class Rows(ClassImages):
    """Images of three classes, with two values to predict."""

    targets = 2

    def __init__(self, images: np.ndarray, values: np.ndarray) -> None:
        labels = np.repeat(np.arange(len(CLASSES)), COUNTS)
        super().__init__(labelled_images(images, labels, CLASSES, None, where="the test's rows"))
        self._values = values

    def values(self, rows: Indices) -> Float32:
        return self._values[rows].astype(np.float32)


def neighbours(seed: int, row: int) -> tuple[Rows, Rows]:
    """Two data sets that differ in one row; about half of the images are black."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (ROWS + 1, 32, 32, 3)).astype(np.uint8)
    images[random.random(ROWS + 1) < 0.5] = 0
    values = random.random((ROWS + 1, 2))
    other_images, other_values = images[:ROWS].copy(), values[:ROWS].copy()
    other_images[row], other_values[row] = images[ROWS], values[ROWS]
    return Rows(images[:ROWS], values[:ROWS]), Rows(other_images, other_values)


def questions(scale: float, seed: int) -> list[tuple[Query, dict[str, bytes]]]:
    """A question of every kind that gets noise, with its files."""
    random = np.random.default_rng(seed)
    own, errors, features = models(4, scale), models(2, scale), backbones(scale)
    names, backbone = tuple(own), next(iter(features))
    tables = random.random((2, *TASKS.shape, 4)) ** 40
    weights = random.normal(size=(2, *TASKS.shape, 5)).astype(np.float32)
    biases = np.zeros((2, *TASKS.shape), np.float32)
    return [
        (ClassOutputs(names, CLASSES, outputs=4), own),
        (LeepLikelihood(names, CLASSES, TASKS, tables), own),
        (HeadStatistics(names, CLASSES, 4, unit_length=True, halved=False), own),
        (HeadStatistics(names, CLASSES, 7, unit_length=True, halved=True), own),
        (HeadCorrect(names, CLASSES, True, TASKS, weights, biases), own),
        (HeadCorrect(names, CLASSES, False, TASKS, weights, biases), own),
        (SquaredError(tuple(errors), rows=9), errors),
        (TargetFeatures(backbone, k=5, draws=4), features),
        (PretrainingGradient(backbone, classes=3, rows_per_class=2, margin=0.3), features),
        (PretrainingUpdate(backbone, 3, 2, margin=0.3, steps=2, learning_rate=0.1), features),
    ]


def exact(query: Query, files: dict[str, bytes], data: ClassImages, rule: NoiseRule) -> Answer:
    """What the node computes before it adds noise."""
    return answer(
        query,
        Context(
            dataset=data,
            files=files,
            models=ModelCache(),
            random=row_generator(SECRET, JOB, Q),
            split=RowSplit(SECRET),
            random_about=partial(subject_generator, SECRET, JOB),
            limits=rule.limits,
        ),
    )
