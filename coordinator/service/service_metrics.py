"""The service's metrics; every label is from a closed list."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from coordinator.service.pool import Pool

_BUCKETS: Final = (0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0, 10.0, 30.0)


class ServiceMetrics:
    """Counts requests.

    Args:
        registry: Where the metrics are entered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        labels = ("road", "endpoint")
        self._requests = Counter(
            "synlearn_service_requests",
            "Requests that were answered or refused; code: as the road has it.",
            (*labels, "code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "synlearn_service_request_duration_seconds",
            "From a request's first byte to its answer's last.",
            labels,
            buckets=_BUCKETS,
            registry=registry,
        )
        self._open = Gauge(
            "synlearn_service_requests_in_flight",
            "Requests that are being answered.",
            ("road",),
            registry=registry,
        )
        self._pool = {
            name: Gauge(f"synlearn_service_{name}", text, ("pool",), registry=registry)
            for name, text in (
                ("workers", "Worker processes that are up."),
                ("requests_waiting", "Requests that wait for a worker."),
                ("workers_replaced", "Workers replaced since the service was started."),
            )
        }

    def watch(self, name: str, pool: Pool) -> None:
        """Tell how a pool of workers is doing, whenever somebody asks."""
        seen = {
            "workers": lambda: float(pool.at_work),
            "requests_waiting": lambda: float(pool.waiting),
            "workers_replaced": lambda: float(pool.replaced),
        }
        for kind, look in seen.items():
            self._pool[kind].labels(name).set_function(look)

    @contextmanager
    def in_flight(self, road: str) -> Iterator[None]:
        """Count a request as being answered."""
        gauge = self._open.labels(road)
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()

    def done(self, road: str, endpoint: str, code: str, seconds: float) -> None:
        """Count a request that is over."""
        self._requests.labels(road, endpoint, code).inc()
        self._seconds.labels(road, endpoint).observe(seconds)
