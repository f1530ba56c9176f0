import numpy as np
import pytest

from coordinator.class_questions import ClassQuestions, models_of_statistics
from coordinator.grouped_job import Validation
from coordinator.holdings import Holdings
from protocols.ids import ProviderId
from protocols.queries import MAX_MODELS
from synlearn.errors import InputError

HOLDINGS = Holdings.of({ProviderId("p0"): {"ant": 3, "bee": 2}, ProviderId("p1"): {"bee": 4}})


def test_a_zoo_larger_than_one_question_may_name_is_asked_about_in_parts() -> None:
    """However few numbers an answer has."""
    questions = ClassQuestions(Validation(), HOLDINGS)
    models = ["a" * 64] * (MAX_MODELS + 100)
    parts = list(questions.output_parts(len(models), 4))
    assert [part.stop - part.start for part in parts] == [MAX_MODELS, 100]
    for part in parts:
        assert len(questions.outputs(tuple(models[part]), 4)) == 2


def test_a_handful_of_models_is_what_an_answer_has_room_for() -> None:
    assert models_of_statistics(Validation(width=512), classes=5) == 3
    assert models_of_statistics(Validation(width=64), classes=5) == 16
    with pytest.raises(InputError, match="width is 512, too large for a provider of 16 classes"):
        models_of_statistics(Validation(width=512), classes=16)


def test_nobody_is_asked_about_classes_that_it_does_not_hold() -> None:
    questions = ClassQuestions(Validation(), HOLDINGS)
    asked = questions.statistics(("a" * 64,), np.array([0]), halves=True)
    assert list(asked) == ["p0"]
