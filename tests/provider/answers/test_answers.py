from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from protocols.errors import Code, Refused
from protocols.ids import JobId, QueryId, digest_of
from protocols.queries import (
    Answer,
    Describe,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
    check_answer,
)
from provider.answers import Context, answer
from provider.models import ModelCache
from provider.rows import RowSplit, row_generator, subject_generator
from synlearn.datasets.dsprites_renderer import Shape
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from tests.models import model_file
from tests.sprites import Sprites

Q = QueryId(1, 0, 0)
torch.manual_seed(0)
BACKBONE = save_backbone(Backbone(BackboneSpec(width=2, features=6)))
BACKBONE_ID = digest_of(BACKBONE)
MODELS: dict[str, bytes] = {digest_of(data): data for data in map(model_file, "abc")}
FILES: dict[str, bytes] = {BACKBONE_ID: BACKBONE, **MODELS}
QUESTIONS: list[Query] = [
    Describe(),
    PretrainingGradient(BACKBONE_ID, 3, 4, 0.5),
    PretrainingGradient(BACKBONE_ID, 3, 4, 0.5, precision="float64"),
    PretrainingUpdate(BACKBONE_ID, 2, 3, 0.5, 2, 0.1),
    SquaredError(tuple(MODELS), 5),
    TargetFeatures(BACKBONE_ID, 3, 4),
]


def context(query_id: QueryId = Q, models: ModelCache | None = None) -> Context:
    return Context(
        dataset=Sprites(Shape.HEART, rows=20),
        files=FILES,
        models=models or ModelCache(),
        random=row_generator(bytes(32), JobId("job"), query_id),
        split=RowSplit(bytes(32)),
        random_about=partial(subject_generator, bytes(32), JobId("job")),
    )


def same(one: Answer, other: Answer) -> bool:
    return one.keys() == other.keys() and all(
        one[name].tobytes() == other[name].tobytes() for name in one
    )


@pytest.mark.parametrize("query", QUESTIONS)
def test_every_answer_is_what_the_question_promises(query: Query) -> None:
    check_answer(query, answer(query, context()))


@pytest.mark.parametrize("query", QUESTIONS)
def test_an_answer_depends_on_nothing_but_question_and_rows(query: Query) -> None:
    """Not on the models parsed before, nor on the global generator, nor on earlier answers."""
    used = ModelCache()
    for other in QUESTIONS:
        answer(other, context(models=used))
    torch.manual_seed(1)
    once = answer(query, context(models=used))
    torch.manual_seed(2)
    assert same(once, answer(query, context()))


@pytest.mark.parametrize("query", QUESTIONS[1:])
def test_another_question_id_draws_other_rows(query: Query) -> None:
    assert not same(answer(query, context()), answer(query, context(QueryId(1, 1, 0))))


def test_a_description_counts_the_rows() -> None:
    described = answer(Describe(), context())
    assert int(described["rows"]) == 20
    assert described["input_shape"].tolist() == [1, 64, 64]
    assert int(described["targets"]) == 2


def test_draws_are_of_different_rows() -> None:
    scene = context()
    for _ in range(20):
        rows = scene.draw_rows(20)
        assert sorted(rows) == list(range(20))


def test_means_over_all_rows_are_the_mean_of_all_rows() -> None:
    backbone = ModelCache().backbone(BACKBONE_ID, BACKBONE)
    images = torch.from_numpy(Sprites(Shape.HEART, 20).images(np.arange(20)))
    with torch.no_grad():
        expected = backbone(images).mean(dim=0)
    means = answer(TargetFeatures(BACKBONE_ID, 20, 2), context())["means"]
    np.testing.assert_allclose(means, np.stack([expected, expected]), atol=1e-6)


def test_a_backbone_that_overflows_sends_no_number() -> None:
    """`check_answer` is what keeps it in; here it only has to be noticed."""
    wild = Backbone(BackboneSpec(width=2, features=6))
    with torch.no_grad():
        wild.head.weight.fill_(3e38)
    data = save_backbone(wild)
    files: dict[str, bytes] = {digest_of(data): data}
    scene = replace(context(), files=files)
    means = answer(TargetFeatures(digest_of(data), 3, 2), scene)["means"]
    gradient = answer(PretrainingGradient(digest_of(data), 2, 2, 0.5), scene)["gradient"]
    assert not np.isfinite(means).all() or not np.isfinite(gradient).all()


def test_models_of_another_number_of_outputs_are_refused() -> None:
    class OneTarget(Sprites):
        targets = 1

    scene = replace(context(), dataset=OneTarget(Shape.HEART, 20))
    with pytest.raises(Refused) as caught:
        answer(SquaredError(tuple(MODELS), 5), scene)
    assert caught.value.code is Code.MODEL_UNUSABLE
    assert "2 values; the rows have 1" in caught.value.local
