from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from protocols.errors import Code, Refused
from protocols.ids import digest_of
from protocols.masked import MaskedQuery, vector_of
from protocols.queries import (
    ClassFeatureSums,
    ClassOutputs,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    SquaredError,
)
from provider.answers import Context, answer
from provider.answers.class_features import class_feature_sums
from provider.contribution import check_rows, contribution, wholes_of
from provider.models import ModelCache
from provider.rows import RowSplit, row_generator, subject_generator
from synlearn.datasets.dsprites_renderer import Shape
from synlearn.mre.backbone import load_backbone
from tests.labelled import provider_with
from tests.masked_nodes import BACKBONE, ERRORS, FILES, Q
from tests.protocols.query_examples import A, B
from tests.session_harness import JOB
from tests.sprites import Sprites

HELD = provider_with({"ant": 7, "bee": 4})
SPRITES = Sprites(Shape.ELLIPSE, 20)
CLASSES = ("ant", "bee", "cat")
FEATURES = ClassFeatureSums(digest_of(BACKBONE), ("bee", "ant", "cat", "ant"), 6)
OUTPUTS = ClassOutputs((A, B), CLASSES, 3)
LIKELIHOOD = LeepLikelihood((A,), CLASSES, np.array([[0, 1, 2]], np.int32), np.ones((1, 1, 3, 3)))
STATISTICS = HeadStatistics((A,), CLASSES, 2, True, True)
CORRECT = HeadCorrect(
    (A,),
    CLASSES,
    True,
    np.array([[0, 1, 2]], np.int32),
    np.ones((1, 1, 3, 2), np.float32),
    np.ones((1, 1, 3), np.float32),
)
GRADIENT = PretrainingGradient(digest_of(BACKBONE), classes=3, rows_per_class=2, margin=0.5)


def rows(*counts: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(counts, np.int64)


@pytest.mark.parametrize(
    ("query", "right"),
    [
        (OUTPUTS, rows(7, 4, 0)),
        (LIKELIHOOD, rows(7, 4, 0)),
        (STATISTICS, rows(4, 2, 0)),
        (CORRECT, rows(3, 2, 0)),
        (GRADIENT, rows(4)),  # two of the classes have enough rows
        (SquaredError((A,), 5), rows(5)),
    ],
)
def test_only_the_rows_that_would_be_added_are_right(
    query: MaskedQuery, right: "np.ndarray[tuple[int], np.dtype[np.int64]]"
) -> None:
    check_rows(query, right, HELD)
    for slot in range(len(right)):
        for change in (-1, 1):
            wrong = right.copy()
            wrong[slot] += change
            with pytest.raises(Refused) as caught:
                check_rows(query, wrong, HELD)
            assert caught.value.code is Code.TOO_FEW_ROWS


def test_a_node_draws_as_many_rows_of_a_class_as_it_has() -> None:
    check_rows(FEATURES, rows(4, 7, 0, 1), HELD)
    check_rows(FEATURES, rows(0, 0, 0, 0), HELD)
    for wrong in (rows(5, 0, 0, 0), rows(0, 0, 1, 0), rows(0, 0, 0, 8)):
        with pytest.raises(Refused, match="rows to slot"):
            check_rows(FEATURES, wrong, HELD)


def test_nobody_adds_more_rows_than_it_has() -> None:
    check_rows(SquaredError((A,), 11), rows(11), HELD)
    with pytest.raises(Refused, match="12 rows; there are 11"):
        check_rows(SquaredError((A,), 12), rows(12), HELD)


def test_wholes() -> None:
    model = digest_of(BACKBONE)
    assert wholes_of(FEATURES, rows(3, 6, 0, 6), HELD) == frozenset()
    assert wholes_of(FEATURES, rows(4, 6, 0, 7), HELD) == {
        f"class_feature_sums|{model}|bee",
        f"class_feature_sums|{model}|ant",
    }
    assert wholes_of(OUTPUTS, rows(7, 4, 0), HELD) == {
        f"class_outputs|{model}|{name}" for model in (A, B) for name in ("ant", "bee")
    }
    assert wholes_of(STATISTICS, rows(4, 2, 0), HELD) == {
        f"head_statistics|{A}|ant",
        f"head_statistics|{A}|bee",
    }
    assert wholes_of(ERRORS, rows(5), SPRITES) == frozenset()
    everything = replace(ERRORS, rows=20)
    assert len(wholes_of(everything, rows(20), SPRITES)) == len(ERRORS.models)


def context(dataset: object, attempt: int = 1) -> Context:
    return Context(
        dataset=dataset,  # type: ignore[arg-type]
        files={str(digest): data for digest, data in FILES.items()},
        models=ModelCache(),
        random=row_generator(bytes(32), JOB, Q, attempt),
        split=RowSplit(bytes(32)),
        random_about=partial(subject_generator, bytes(32), JOB),
    )


@pytest.mark.parametrize(
    ("query", "dataset", "own"), [(ERRORS, SPRITES, rows(5)), (GRADIENT, HELD, rows(4))]
)
def test_a_vector_is_the_answer_that_would_have_been_given(
    query: MaskedQuery, dataset: object, own: "np.ndarray[tuple[int], np.dtype[np.int64]]"
) -> None:
    vector = contribution(query, own, context(dataset), 64.0)
    assert not isinstance(query, ClassFeatureSums)
    plain = answer(query, context(dataset))
    for name, array in vector_of(query).unflatten(vector, 64.0).items():
        np.testing.assert_array_equal(array, plain[name])
    assert not np.array_equal(vector, contribution(query, own, context(dataset, 2), 64.0))


def test_class_features() -> None:
    own = rows(3, 2, 0, 2)
    vector = contribution(FEATURES, own, context(HELD), 4.0)
    expected = class_feature_sums(
        HELD, load_backbone(BACKBONE), FEATURES.slots, own, row_generator(bytes(32), JOB, Q, 1)
    )
    np.testing.assert_array_equal(vector.reshape(4, 6), expected)
    assert not vector.reshape(4, 6)[2].any()


def test_a_backbone_of_another_width() -> None:
    with pytest.raises(Refused) as caught:
        contribution(replace(FEATURES, width=5), rows(1, 1, 0, 1), context(HELD), 4.0)
    assert caught.value.code is Code.MODEL_UNUSABLE


def test_rows_of_all_slots_together_have_a_limit() -> None:
    many = replace(FEATURES, slots=(FEATURES.slots[1],) * 2**16)
    held = provider_with({FEATURES.slots[1]: 100}, side=4)
    check_rows(many, np.full(2**16, 64, np.int64), held)
    with pytest.raises(Refused) as caught:
        check_rows(many, np.full(2**16, 65, np.int64), held)
    assert caught.value.code is Code.BAD_PARAMETERS
