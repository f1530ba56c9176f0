"""What a site's files say, read when Prometheus asks: it outlives the process, as counters do not.

A few lookups by key, each of microseconds, whatever the size of the ledger.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from functools import lru_cache

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from protocols.certificates import term
from protocols.ids import JobId
from provider.costs import Spent
from provider.policies.budgets import epsilon_after
from provider.site.memory import Memory
from provider.spending import spent_by_function

_log = logging.getLogger(__name__)


class LedgerMetrics(Collector):
    """Metrics of a site's memory.

    Args:
        memory: The site's.
        delta: At which epsilon is told, now.
    """

    def __init__(self, memory: Memory, delta: Callable[[], float]) -> None:
        self._memory = memory
        self._delta = delta

    def describe(self) -> list[Metric]:
        """Nothing is read before somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        try:
            yield from self._spent()
            yield from self._record()
        except sqlite3.Error as error:
            _log.warning("the ledger could not be read for metrics: %s", error)
        yield from self._certificate()

    def _spent(self) -> Iterator[Metric]:
        questions = CounterMetricFamily(
            "synlearn_node_ledger_questions",
            "Questions and attempts at masked sums that the ledger has charged.",
            labels=("job", "function"),
        )
        charged = CounterMetricFamily(
            "synlearn_node_ledger_charged_bytes",
            "Bytes that the ledger has charged for them: of the largest answers.",
            labels=("job", "function"),
        )
        rho = CounterMetricFamily(
            "synlearn_node_privacy_rho",
            "Rho of zero-concentrated differential privacy that was charged.",
            labels=("job",),
        )
        epsilon = GaugeMetricFamily(
            "synlearn_node_privacy_epsilon",
            "The same as epsilon, at the delta of the policy.",
            labels=("job",),
        )
        for job in self._memory.engagements.joined():
            spent = self._of(job)
            for function, each in spent.items():
                questions.add_metric((job, function), each.questions)
                charged.add_metric((job, function), each.bytes)
            total = sum(each.rho for each in spent.values())
            rho.add_metric((job,), total)
            epsilon.add_metric((job,), _epsilon(total, self._delta()))
        yield from (questions, charged, rho, epsilon)

    def _of(self, job: JobId) -> dict[str, Spent]:
        return spent_by_function(self._memory.file, self._memory.provider, job)

    def _record(self) -> Iterator[Metric]:
        memory, path = self._memory, self._memory.home.ledger
        (entries,) = memory.file.run(
            "SELECT max(seq) FROM events WHERE provider = ?", (memory.provider,)
        )[0]
        yield CounterMetricFamily(
            "synlearn_node_ledger_events",
            "Entries of the ledger's signed chain.",
            float(str(entries or 0)),
        )
        parts = (path, path.with_name(f"{path.name}-wal"))
        yield GaugeMetricFamily(
            "synlearn_node_ledger_size_bytes",
            "Of the ledger's file, and of what was not yet moved into it.",
            sum(part.stat().st_size for part in parts if part.exists()),
        )
        yield GaugeMetricFamily(
            "synlearn_node_paused",
            "1 while the owner has paused the node, else 0.",
            float(memory.switch.reason is not None),
        )

    def _certificate(self) -> Iterator[Metric]:
        path = self._memory.config.node.federation.certificate
        if path is None:
            return
        try:
            ends = term(path.read_bytes()).ends
        except (OSError, ValueError) as error:
            _log.warning("%s could not be read for metrics: %s", path, error)
            return
        yield GaugeMetricFamily(
            "synlearn_node_certificate_expiry_timestamp_seconds",
            "When the node's own certificate runs out, in unix seconds.",
            ends.timestamp(),
        )


@lru_cache(maxsize=256)  # the accountant searches for it
def _epsilon(rho: float, delta: float) -> float:
    return epsilon_after(0.0, rho, delta) if rho > 0 else 0.0
