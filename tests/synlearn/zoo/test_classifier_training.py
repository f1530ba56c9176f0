import numpy as np
import torch

from synlearn.zoo.architectures import architecture
from synlearn.zoo.classifier_training import SHIFT, TrainingSet, _Batches, train_classifiers

NETWORK = architecture(
    "picture-cnn", {"widths": (4, 6, 8), "kernel": 3, "hidden": 12, "classes": 6}
)
RANDOM = np.random.default_rng(0)


def task(model: str, classes: int, *, shift: bool = False, flip: bool = False) -> TrainingSet:
    """Classes that differ in the brightness of one corner."""
    labels = np.repeat(np.arange(classes), 12)
    pictures = RANDOM.integers(0, 40, (len(labels), 32, 32, 3))
    pictures[:, :16, :16] += (200 * labels // max(classes - 1, 1))[:, None, None, None]
    return TrainingSet(model, pictures.astype(np.uint8), labels, classes, shift, flip)


def test_classifiers_learn_their_own_classes() -> None:
    sets = [task("two", 2), task("three", 3, shift=True)]
    trained = train_classifiers(sets, NETWORK, steps=150, seed=0)
    assert trained.losses.shape == (2,)
    for row, own in enumerate(sets):
        planes = own.pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255
        logits = trained.models.select([row]).predict(planes)[0]
        assert (logits[:, : own.classes].argmax(axis=1) == own.labels).mean() > 0.9
        assert trained.losses[row] < np.log(own.classes) / 2


def test_a_model_does_not_depend_on_what_is_trained_beside_it() -> None:
    own, other, third = task("own", 2), task("other", 4), task("third", 6, flip=True)
    first = train_classifiers([own, other], NETWORK, steps=12, seed=0).models.tensors_of(0)
    second = train_classifiers([third, own], NETWORK, steps=12, seed=0).models.tensors_of(1)
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], rtol=1e-3, atol=1e-4)


def test_head_rows_beyond_a_models_classes_stay_as_they_began() -> None:
    sets = [task("two", 2), task("six", 6)]
    start = train_classifiers(sets, NETWORK, steps=1, seed=3).models.tensors_of(0)
    end = train_classifiers(sets, NETWORK, steps=30, seed=3).models.tensors_of(0)
    assert torch.equal(start["head.weight"][2:], end["head.weight"][2:])
    assert not torch.equal(start["head.weight"][:2], end["head.weight"][:2])


def test_batches_hold_every_image_with_its_label_shifted_by_at_most_three() -> None:
    pictures = np.zeros((4, 32, 32, 3), np.uint8)
    for row in range(4):
        pictures[row, 16, 10] = 50 * (row + 1)
    own = TrainingSet("x", pictures, np.array([3, 1, 2, 0]), 4, shift=True, flip=True)
    batches = _Batches(own, steps=40, seed=0)
    places = set()
    for step in range(40):
        images, labels = batches.at(step)
        assert images.shape == (32, 3, 32, 32)
        for image, label in zip(images, labels, strict=True):
            y, x = np.argwhere(image[0].numpy())[0].tolist()
            row = round(float(image[0, y, x]) * 255) // 50 - 1
            assert own.labels[row] == label
            places.add((y - 16, x))
    down = {y for y, _ in places}
    right = {x for _, x in places}
    assert down == set(range(-SHIFT, SHIFT + 1))
    # The dot lies at 10, or mirrored at 21.
    assert right == {centre + move for centre in (10, 21) for move in range(-SHIFT, SHIFT + 1)}
