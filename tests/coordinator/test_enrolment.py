from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from coordinator.enrolment import ask_for_holdings, check_providers
from coordinator.grouped_job import GroupedJob, GroupedProviders
from coordinator.holdings import Holdings
from coordinator.job import Job, Learning, Pretraining, Providers
from protocols.ids import ProviderId, QueryId
from protocols.queries import Answer, Describe, Query, pack_names
from synlearn.errors import InputError

if TYPE_CHECKING:
    from coordinator.questions import Questions

ROWS = {ProviderId("alice"): 800, ProviderId("bob"): 60}


class Describing:
    """Answers `describe`, and nothing else."""

    def ask(
        self, query_id: QueryId, queries: Mapping[ProviderId, Query]
    ) -> dict[ProviderId, Answer]:
        assert query_id == QueryId(0, 0, 0)
        assert all(query == Describe() for query in queries.values())
        return {name: {"rows": np.array(ROWS[name], np.int64)} for name in queries}


def job(validation_rows: int) -> Job:
    return Job(
        name="a job",
        zoo=Path("zoo"),
        providers=Providers(count=2),
        learning=Learning(validation_rows=validation_rows),
    )


def test_providers_with_enough_rows_are_taken() -> None:
    check_providers(job(60), list(ROWS), cast("Questions", Describing()))


def test_the_provider_with_too_few_rows_is_named() -> None:
    with pytest.raises(InputError, match=r"validation_rows is 61, but provider bob has 60 rows"):
        check_providers(job(61), list(ROWS), cast("Questions", Describing()))


HELD = {ProviderId("alice"): {"cat": 4, "dog": 2}, ProviderId("bob"): {"bee": 9}}


class Holding:
    """Says which classes it holds."""

    def __init__(self, channels: int = 3) -> None:
        self.shape = (channels, 32, 32)

    def ask(
        self, query_id: QueryId, queries: Mapping[ProviderId, Query]
    ) -> dict[ProviderId, Answer]:
        assert query_id == QueryId(0, 0, 0)
        return {
            name: {
                "input_shape": np.array(self.shape, np.int64),
                "class_names": pack_names(tuple(HELD[name])),
                "class_rows": np.array(list(HELD[name].values()), np.int64),
            }
            for name in queries
        }


def grouped(**pretraining: int | str) -> GroupedJob:
    settings: dict[str, int | str] = {"classes": 2, "rows_per_class": 2, **pretraining}
    return GroupedJob(
        name="a job",
        zoo=Path("zoo"),
        providers=GroupedProviders(pool=Path("pool"), split=Path("split")),
        pretraining=Pretraining(**settings),  # type: ignore[arg-type]
    )


def holdings(job: GroupedJob, channels: int = 3) -> Holdings:
    questions = cast("Questions", Holding(channels))
    return ask_for_holdings(job, list(HELD), (3, 32, 32), questions)


def test_a_grouped_job_learns_who_holds_what() -> None:
    found = holdings(grouped())
    assert found.classes == ("bee", "cat", "dog")
    assert found.rows.tolist() == [[0, 4, 2], [9, 0, 0]]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"rows_per_class": 3},
            r"rows_per_class is 3, but of provider alice's classes 1 have as many rows",
        ),
        ({"classes": 5}, r"classes x rows_per_class is 10, but provider bob has 9 rows"),
    ],
)
def test_who_cannot_make_triplets_is_named(settings: dict[str, int], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        holdings(grouped(**settings))
    holdings(grouped(**settings, mode="off"))


def test_images_that_do_not_fit_the_models_are_refused() -> None:
    with pytest.raises(InputError, match=r"alice has images of shape \(1, 32, 32\), but the zoo's"):
        holdings(grouped(), channels=1)
