from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from coordinator.enrolment import check_providers
from coordinator.job import Job, Learning, Providers
from protocols.ids import ProviderId, QueryId
from protocols.queries import Answer, Describe, Query
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
