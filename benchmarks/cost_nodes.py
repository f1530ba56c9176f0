"""What a node computes: the real answers, over made-up pictures, with untrained models."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from benchmarks.cost_fit import cpu_seconds, shares, slope
from coordinator.estimate.operations import operations_of, operations_of_architecture
from protocols.ids import JobId, QueryId, digest_of
from protocols.queries import (
    SCORES,
    ClassOutputs,
    HeadStatistics,
    PretrainingGradient,
    Query,
    TargetFeatures,
    TaskEvidence,
    packed_length,
)
from provider.answers import Context, answer
from provider.answers.class_features import class_feature_sums
from provider.dataset import ClassImages
from provider.models import ModelCache
from provider.rows import RowSplit, row_generator, subject_generator
from synlearn.datasets.labelled_images import labelled_images
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from synlearn.mre.pretraining import triplet_count
from synlearn.zoo.architectures import Architecture, architecture
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.stacked import StackedModels
from synlearn.zoo.training import initial_stack

CLASSES: Final = tuple(f"set/class-{number}" for number in range(5))
ROWS: Final = 24
"""Of each class: as many as the shipped providers hold, more or less."""
SHAPE: Final = (3, 32, 32)
MODELS: Final = 12
COMPARED: Final = (4, 32)
"""Models of which evidence is asked together."""
_SECRET, _JOB = bytes(32), JobId("cost")


def measure_nodes() -> dict[str, float]:
    """All constants of a node's answers."""
    dataset, narrow = _dataset(), _files((4, 8, 8))
    models = _files((8, 12, 16))  # those of the shipped zoo
    wide = _files((16, 32, 32))
    found = _shown(dataset, [narrow, models, wide])
    found["product_seconds"] = _products(dataset, models)
    found |= _embedded(dataset)
    found |= _trained(dataset)
    found["slot_seconds"] = _slots(dataset)
    found |= _evidence(dataset, _files((8, 12, 16), COMPARED[-1]))
    return found


class _Files:
    """Model files of one architecture, by digest."""

    def __init__(self, network: Architecture, count: int) -> None:
        names = [f"model-{number}" for number in range(count)]
        stack = StackedModels(tuple(names), network, initial_stack(names, network, seed=0))
        every = [to_bytes(ModelFile(network, stack.tensors_of(row))) for row in range(count)]
        self.files: dict[str, bytes] = {digest_of(data): data for data in every}
        self.operations = operations_of_architecture(network)

    @property
    def digests(self) -> tuple[str, ...]:
        return tuple(self.files)


def _files(widths: tuple[int, int, int], count: int = MODELS) -> _Files:
    return _Files(
        architecture("picture-cnn", {"widths": widths, "kernel": 3, "hidden": 24, "classes": 10}),
        count,
    )


def _dataset() -> ClassImages:
    random = np.random.default_rng(0)
    count, (channels, *sides) = len(CLASSES) * ROWS, SHAPE
    images = random.integers(0, 256, (count, *sides, channels), np.uint8)
    labels = np.repeat(np.arange(len(CLASSES)), ROWS)
    return ClassImages(labelled_images(images, labels, CLASSES, None, where="made-up pictures"))


def _seconds(dataset: ClassImages, query: Query, files: Mapping[str, bytes]) -> float:
    """Of an answer; the files are parsed already, as by a node that was asked before."""
    cache = ModelCache()

    def work() -> None:
        context = Context(
            dataset=dataset,
            files=dict(files),
            models=cache,
            random=row_generator(_SECRET, _JOB, QueryId(0, 0, 0)),
            split=RowSplit(_SECRET),
            random_about=lambda about: subject_generator(_SECRET, _JOB, about),
        )
        answer(query, context)

    return cpu_seconds(work)


def _shown(dataset: ClassImages, kinds: list[_Files]) -> dict[str, float]:
    """Rows that are shown to models, few and many, small and large."""
    amounts, took = [], []
    for kind in kinds:
        for classes in (2, 5):
            query = ClassOutputs(kind.digests, CLASSES[:classes], 10)
            pairs = classes * ROWS * MODELS
            amounts.append((1.0, pairs, pairs * kind.operations))
            took.append(_seconds(dataset, query, kind.files))
    _, row, operation = shares(amounts, took)
    return {"row_seconds": row, "operation_seconds": operation}


def _products(dataset: ClassImages, models: _Files) -> float:
    """Wider and wider features of the same rows and models."""
    widths = (16, 64, 128)
    pairs = len(CLASSES) * ROWS * MODELS
    took = [
        _seconds(
            dataset,
            HeadStatistics(models.digests, CLASSES, width, unit_length=False, halved=False),
            models.files,
        )
        for width in widths
    ]
    return slope([pairs * packed_length(width) for width in widths], took)


def _backbone(width: int) -> tuple[dict[str, bytes], str, int]:
    """Its file, its name, and its operations for an image."""
    backbone = Backbone(BackboneSpec(channels=SHAPE[0], width=width))
    data = save_backbone(backbone)
    digest = digest_of(data)
    return {digest: data}, digest, operations_of(backbone.to("meta"), SHAPE)


def _embedded(dataset: ClassImages) -> dict[str, float]:
    """Features of few and many rows, of two backbones."""
    amounts, took = [], []
    for width in (8, 16):
        files, digest, operations = _backbone(width)
        for rows in (20, 60, 120):
            amounts.append((1.0, rows * operations))
            took.append(_seconds(dataset, TargetFeatures(digest, rows, 1), files))
    return {"backbone_seconds": shares(amounts, took)[1]}


def _trained(dataset: ClassImages) -> dict[str, float]:
    """Gradients over small and large batches, whose triples grow faster than their rows."""
    amounts, took = [], []
    for width in (8, 16):
        files, digest, operations = _backbone(width)
        for classes, rows in ((3, 2), (5, 4), (5, 8), (5, 20)):
            amounts.append((1.0, classes * rows * operations, triplet_count(classes, rows)))
            query = PretrainingGradient(digest, classes, rows, 0.5)
            took.append(_seconds(dataset, query, files))
    gradient, training, triplet = shares(amounts, took)
    return {
        "gradient_seconds": gradient,
        "training_seconds": training,
        "triplet_seconds": triplet,
    }


def _slots(dataset: ClassImages) -> float:
    """More and more slots over the very same rows."""
    backbone = Backbone(BackboneSpec(channels=SHAPE[0])).eval()
    counts, took = (200, 1000), []
    for count in counts:
        slots = [CLASSES[slot % len(CLASSES)] for slot in range(count)]
        rows = np.full(count, 2, np.int64)
        took.append(
            cpu_seconds(
                lambda slots=slots, rows=rows: class_feature_sums(  # type: ignore[misc]
                    dataset, backbone, slots, rows, np.random.default_rng(0)
                )
            )
        )
    return slope(counts, took)


def _evidence(dataset: ClassImages, models: _Files) -> dict[str, float]:
    """More and more target datasets, of so many draws that all rows are among them anyhow.

    Of few models and of more: what a target dataset takes of each, and whatever their number.
    """
    files, digest, _ = _backbone(8)
    draws, ks, each = (6, 18), np.array([1, 2, 5, 10], np.int32), []
    for count in COMPARED:
        own = models.digests[:count]
        took = [
            _seconds(
                dataset,
                TaskEvidence(own, digest, 64, CLASSES, ks, number, SCORES),
                {**models.files, **files},
            )
            for number in draws
        ]
        each.append(slope([len(ks) * number for number in draws], took))
    of_model = slope(COMPARED, each)
    return {
        "dataset_seconds": max(0.0, each[0] - COMPARED[0] * of_model),
        "evidence_seconds": of_model,
    }
