import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.reuse.fine_tuning import FineTuning, TaskImages, fine_tune
from synlearn.zoo.architectures import Hyperparameters, architecture
from synlearn.zoo.formats.torch import ModelFile
from synlearn.zoo.training import initial_stack

TINY: Hyperparameters = {"widths": (4, 4, 4), "kernel": 3, "hidden": 8}
QUICK = FineTuning(steps=12, batch=8)


def model(name: str, classes: int = 3) -> ModelFile:
    network = architecture("picture-cnn", {**TINY, "classes": classes})
    stack = initial_stack([name], network, 0)
    return ModelFile(network, {key: value[0] for key, value in stack.items()})


def images(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Two classes: light above, or light below."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    pictures = random.integers(0, 120, (count, 32, 32, 3))
    for row, label in enumerate(labels):
        pictures[row, 16 * label : 16 * label + 16] += 100
    return pictures.astype(np.uint8), labels


TASK = TaskImages(*images(16, 0), *images(6, 1), *images(40, 2))
MODELS = [model(name) for name in ("a", "b", "c")]


def test_models_learn_the_task_whatever_their_classes_were() -> None:
    found = fine_tune([model("a"), model("b", classes=7)], TASK, FineTuning(steps=40), 0)
    assert (found.accuracy > 0.9).all()
    assert found.accuracy.shape == found.head_accuracy.shape == (2,)


def test_models_of_a_stack_do_not_influence_each_other() -> None:
    together = fine_tune(MODELS, TASK, QUICK, 3)
    for place, own in enumerate(MODELS):
        alone = fine_tune([own], TASK, QUICK, 3)
        assert alone.accuracy == pytest.approx(together.accuracy[place : place + 1])
        assert alone.rate == together.rate[place]


def test_what_was_given_is_left_as_it_was_and_a_seed_repeats() -> None:
    before = {key: value.clone() for key, value in MODELS[0].tensors.items()}
    one, again = (fine_tune(MODELS, TASK, QUICK, 5).accuracy for _ in range(2))
    assert np.array_equal(one, again)
    for key, value in before.items():
        assert torch.equal(value, MODELS[0].tensors[key])


def test_validation_chooses_the_rate_and_the_test_does_not() -> None:
    """With its labels turned round, validation prefers the rate that has learned the least."""
    pictures, labels = TASK.valid, 1 - TASK.valid_labels
    turned = TaskImages(
        TASK.train, TASK.train_labels, pictures, labels, TASK.test, TASK.test_labels
    )
    settings = FineTuning(steps=30, rates=(1e-9, 1e-2))
    chosen = fine_tune(MODELS, TASK, settings, 0)
    against = fine_tune(MODELS, turned, settings, 0)
    assert against.accuracy.mean() <= chosen.accuracy.mean()
    for place in np.flatnonzero(against.rate == 0):  # next to no step: the head it began with
        assert against.accuracy[place] == pytest.approx(against.head_accuracy[place])


def test_models_of_two_architectures_are_refused() -> None:
    wide = architecture("picture-cnn", {**TINY, "widths": (8, 4, 4), "classes": 3})
    stack = initial_stack(["w"], wide, 0)
    other = ModelFile(wide, {key: value[0] for key, value in stack.items()})
    with pytest.raises(InputError, match="differ in their heads only"):
        fine_tune([MODELS[0], other], TASK, QUICK, 0)
