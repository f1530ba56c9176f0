"""What a coordinator may try against a node that answers with noise. Each is named after an attack.

Without noise, whoever picks the model picks the function: the first test shows what that gives.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from protocols.errors import Code, Refused
from protocols.ids import digest_of
from protocols.queries import (
    Answer,
    ClassOutputs,
    PretrainingGradient,
    Query,
    SquaredError,
    TargetFeatures,
    check_answer,
)
from protocols.secagg.keys import ByteStream
from provider.answers import Context, answer
from provider.answers.class_features import class_feature_sums
from provider.charges import check_left
from provider.dataset import ClassImages
from provider.masked_rules import Budget
from provider.models import ModelCache
from provider.noise import NoiseRule, noisy_answer, rho_of
from provider.noise.mechanism import _clipped
from provider.noise.sensitivity import noised
from provider.privacy import rho_within
from provider.rows import RowSplit, row_generator, subject_generator
from synlearn.datasets.labelled_images import labelled_images
from tests.provider.noise.neighbours import JOB, SECRET, Q, backbones, models

DELTA = 1e-6
BLACK, GREY, PLAIN = 0, 90, 200


def rows(first: int, others: int, count: int = 6) -> ClassImages:
    """One class of images of one colour, the first of which is another."""
    images = np.full((count, 32, 32, 3), others, np.uint8)
    images[0] = first
    images += np.random.default_rng(0).integers(0, 1 + 40 * (others > 0), images.shape, np.uint8)
    if first == BLACK:
        images[0] = 0
    data = labelled_images(images, np.zeros(count, int), ("ant",), None, where="the test's rows")
    return ClassImages(data)


class Valued(ClassImages):
    """With values to predict, far off for the first row."""

    targets = 2

    def __init__(self, data: ClassImages, far: float) -> None:
        self.__dict__.update(data.__dict__)
        self._far = far

    def values(self, wanted: np.ndarray) -> np.ndarray:
        return np.where(wanted == 0, self._far, 0.5)[:, None].repeat(2, axis=1).astype(np.float32)


def exact(query: Query, files: dict[str, bytes], data: ClassImages, rule: NoiseRule) -> Answer:
    return answer(query, scene(files, data, rule))


def scene(files: dict[str, bytes], data: ClassImages, rule: NoiseRule | None) -> Context:
    return Context(
        dataset=data,
        files=files,
        models=ModelCache(),
        random=row_generator(SECRET, JOB, Q),
        split=RowSplit(SECRET),
        random_about=partial(subject_generator, SECRET, JOB),
        limits=rule.limits if rule else None,
    )


def test_a_crafted_model_tells_whether_one_row_is_there() -> None:
    """It says one class of black images, another of all else: a count tells, unless it is noisy."""
    files = dict(list(models(4, 3000.0).items())[:1])
    query = ClassOutputs(tuple(files), ("ant",), outputs=4)
    rule = NoiseRule(0.02)
    pair = [exact(query, files, rows(colour, PLAIN), rule) for colour in (BLACK, PLAIN)]
    there, absent = (own["sums"][0, 0] for own in pair)
    direction = there - absent
    middle = (there + absent) @ direction / 2
    assert np.linalg.norm(direction) > 0.5  # exact sums tell for certain
    right = 0
    for seed in range(300):
        random = ByteStream(seed.to_bytes(32, "big"), "test").take
        guesses = [noisy_answer(query, own, rule, random)["sums"][0, 0] for own in pair]
        right += int(guesses[0] @ direction > middle) + int(guesses[1] @ direction < middle)
    assert right / 600 < 0.6


def test_a_model_that_is_infinite_for_all_rows_but_one() -> None:
    """A refusal would tell whether the row is there."""
    rule = NoiseRule(0.5, 0.7)
    own, errors, features = models(4, 1e12), models(2, 1e12), backbones(1e12)
    queries: list[tuple[Query, dict[str, bytes]]] = [
        (ClassOutputs(tuple(own), ("ant",), 4), own),
        (SquaredError(tuple(errors), 6), errors),
        (TargetFeatures(next(iter(features)), 6, 1), features),
    ]
    for query, files in queries:
        pair = [
            exact(query, files, Valued(rows(BLACK, others), 0.5), rule) for others in (PLAIN, BLACK)
        ]
        for found in pair:
            check_answer(query, found)
        exactly = answer(query, scene(files, Valued(rows(BLACK, PLAIN), 0.5), rule))
        assert all(np.isfinite(array).all() for array in exactly.values())


def test_a_backbone_that_is_no_number_under_masks_and_noise() -> None:
    features = backbones(1e12)
    backbone = ModelCache().backbone(*next(iter(features.items())))
    drawn = partial(class_feature_sums, rows(BLACK, PLAIN), backbone, ("ant",), np.array([6]))
    assert not np.isfinite(drawn(np.random.default_rng(0))).all()
    assert np.isfinite(drawn(np.random.default_rng(0), bounded=True)).all()


def test_one_error_that_drowns_all_others() -> None:
    """Values far from what any model predicts would be seen through any noise of a fixed size."""
    files, rule = models(2, 1.0), NoiseRule(0.5, clip=0.7)
    query = SquaredError(tuple(files), rows=6)
    pair = [exact(query, files, Valued(rows(PLAIN, PLAIN), far), rule) for far in (0.5, 1e6)]
    assert (
        np.linalg.norm(pair[0]["sums"] - pair[1]["sums"]) <= noised(query, rule)["sums"].sensitivity
    )


def test_a_gradient_that_one_row_blows_up() -> None:
    """Where features are zeros, the gradient of their length is 1e12 times that of others."""
    files, rule = backbones(1.0), NoiseRule(0.5, clip=0.7)
    query = PretrainingGradient(next(iter(files)), classes=3, rows_per_class=2, margin=0.5)
    found = [exact(query, files, rows(colour, PLAIN), rule) for colour in (BLACK, PLAIN)]
    lengths = [np.linalg.norm(own["gradient"]) for own in found]
    assert lengths[0] > 1e6 * lengths[1]
    kept = [_clipped(query, "gradient", own["gradient"], rule) for own in found]
    assert all(np.linalg.norm(vector) <= 0.7 * (1 + 1e-9) for vector in kept)


def test_asking_again_to_average_the_noise_away() -> None:
    """Every question is charged, the same under another id too, until nothing is left."""
    budget, rule = Budget(2.0, DELTA), NoiseRule.of_epsilon(2.0, DELTA, questions=9)
    query = SquaredError((digest_of(b"a"),), rows=6)
    rho, spent = rho_of(query, rule), 0.0
    for _ in range(9):
        check_left(rho, budget, spent)
        spent += rho
    with pytest.raises(Refused) as caught:
        check_left(rho, budget, spent)
    assert caught.value.code is Code.BUDGET_SPENT
    assert spent <= rho_within(2.0, DELTA) * (1 + 1e-9)


def test_one_question_of_many_models_in_place_of_many_questions() -> None:
    """Noise grows with what one question asks, so that its price covers all of it."""
    rule = NoiseRule(0.1)
    one = ClassOutputs((digest_of(b"a"),), ("ant",), 4)
    many = replace(one, models=one.models * 100)
    assert rho_of(many, rule) == rho_of(one, rule)
    for name, part in noised(many, rule).items():
        assert part.sensitivity == pytest.approx(10 * noised(one, rule)[name].sensitivity)
