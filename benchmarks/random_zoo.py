"""A zoo of classifiers of random weights, where it does not matter what they know.

The architectures of the mixed experiment, 4 to 20 classes. Specifications are made up as well: to
run a thousand models on all anchors would take longer than everything that is measured.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch

from synlearn.zoo.architectures import Architecture, architecture
from synlearn.zoo.card import FORMAT, ModelCard, ModelId, TrainingData, TrainingRun
from synlearn.zoo.catalog import Zoo, ZooEntry, add_model, digest_of
from synlearn.zoo.class_specification import ClassSpecifications, profile_blocks
from synlearn.zoo.formats.input_format import InputFormat
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.mixed_recipes import FEWEST_CLASSES, FULL, MOST_CLASSES, NETWORKS
from synlearn.zoo.picture_anchors import picture_anchors

_SPREAD: Final = 2.0
"""Standard deviation of made-up logits for the anchors."""


def write_models(root: Path, count: int, seed: int = 0) -> Mapping[ModelId, ZooEntry]:
    """Write this many models with their cards; the first of a longer list are a shorter one."""
    random = np.random.default_rng(seed)
    entries = {}
    for number in range(count):
        network = NETWORKS[FULL.networks[number % len(FULL.networks)]]
        classes = int(random.integers(FEWEST_CLASSES, MOST_CLASSES + 1))
        own = architecture("picture-cnn", {**network, "classes": classes})
        data = to_bytes(_model(own, random))
        name = ModelId(f"random-{number:06d}")
        entries[name] = add_model(root, _card(name, own, data, seed), data)
    return entries


def zoo_of(root: Path, entries: Mapping[ModelId, ZooEntry], count: int) -> Zoo:
    """Return the zoo of the first models."""
    own = {name: entries[name] for name in sorted(entries)[:count]}
    return Zoo(root, own, digest_of(repr(own).encode()))


def made_up_specifications(zoo: Zoo, seed: int = 0) -> ClassSpecifications:
    """Random probabilities of each model's classes for each anchor, and random profiles."""
    random, anchors = np.random.default_rng(seed), picture_anchors()
    probabilities = []
    for model in zoo:
        logits = _SPREAD * random.normal(size=(len(zoo.card(model).outputs), len(anchors.groups)))
        powers = np.exp(logits)
        probabilities.append((powers / powers.sum(axis=0)).astype(np.float32))
    profiles = random.random((len(zoo), sum(profile_blocks(anchors))), np.float32)
    return ClassSpecifications(zoo.ids, tuple(probabilities), profiles, anchors)


def _model(own: Architecture, random: np.random.Generator) -> ModelFile:
    """Weights uniform about 0, of a variance that keeps activations in range."""
    shapes = own.tensor_shapes()
    tensors = {}
    for name, shape in shapes.items():
        inputs = math.prod(shapes[name.replace(".bias", ".weight")][1:])
        drawn = 2 * random.random(shape, np.float32) - 1
        tensors[name] = torch.from_numpy(drawn * np.float32(math.sqrt(3 / inputs)))
    return ModelFile(own, tensors)


def _card(name: ModelId, own: Architecture, data: bytes, seed: int) -> ModelCard:
    return ModelCard(
        format=FORMAT,
        id=name,
        license="apache-2.0",
        library_name="synlearn",
        pipeline_tag="image-classification",
        tags=("random",),
        datasets=(),
        metrics=(),
        architecture=own.name,
        hyperparameters=dict(own.hyperparameters),
        parameters=own.parameter_count(),
        sha256=digest_of(data),
        file_size=len(data),
        input=InputFormat(own.input_shape, 0.0, 1.0, mean=(0.0,) * 3, std=(1.0,) * 3),
        outputs=tuple(f"class-{number}" for number in range(own.outputs)),
        training_data=TrainingData("none", "none", 0, {}, "none", seed, 0),
        training=TrainingRun("none", 0, 0, 0.0, seed, "none", 0.0),
        versions={},
        created=None,
    )
