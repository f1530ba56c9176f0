"""MQUERY in an embedded federation: nodes in worker processes, with all that they are given."""

from pathlib import Path

import numpy as np
import pytest

from coordinator.aggregation import Aggregations, Terms
from coordinator.attendance import Attendance
from coordinator.blobs import MemoryBlobs
from coordinator.federation import embedded_federation
from coordinator.session_questions import QueryRefused
from protocols.ids import JobId, ProviderId, QueryId
from protocols.queries import SquaredError, encode_query
from provider.ledger_file import LedgerFile
from provider.sqlite_attempts import read_attempts
from tests.models import model_file

pytestmark = pytest.mark.integration

JOB = JobId("job")
SHARES: dict[ProviderId, dict[str, int | str]] = {
    ProviderId(f"provider-{place}"): {"domain": 100 * place, "split_seed": 0} for place in range(6)
}
Q = QueryId(2, 0, 0)


def test_nodes_of_several_processes_add_up(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    query = SquaredError(tuple(map(blobs.publish, map(model_file, "ab"))), rows=800)  # all of them
    with embedded_federation(
        JOB,
        SHARES,
        blobs,
        folder=tmp_path,
        seed=1,
        workers=2,
        on_event=lambda _: None,
        masked={"squared_error"},
    ) as federation:
        Attendance(federation.server, federation, 60.0).wait_for_all(SHARES)
        aggregations = Aggregations(federation.server, federation.trust, deadline=60.0)
        rows = dict.fromkeys(SHARES, (800,))
        result = aggregations.ask(Q, query, rows, Terms(bound=2.0**12))
        again = aggregations.ask(QueryId(2, 1, 0), query, rows, Terms(bound=2.0**12))
        with pytest.raises(QueryRefused):
            federation.server.ask(
                next(iter(SHARES)), QueryId(3, 0, 0), encode_query(query), 60.0
            ).result()
    assert result.survivors == tuple(SHARES)
    assert result.answer["count"] == 6 * 800 * 2
    # Over all rows, so the same whichever are drawn first.
    np.testing.assert_allclose(result.answer["sums"], again.answer["sums"], rtol=0, atol=6 * 2**-8)
    assert (result.answer["sums"] > 0).all()
    for place in range(2):
        file = LedgerFile(tmp_path / f"worker-{place}-of-2.db")
        for provider, job in file.owners():
            attempts = read_attempts(file, ProviderId(provider), JobId(job))
            assert [attempt.query for attempt in attempts] == [Q, QueryId(2, 1, 0)]
