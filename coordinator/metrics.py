"""The port where Prometheus asks a coordinator how it is doing, where its operator wants one."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coordinator.job_metrics import JobMetrics
from protocols.certificates import term
from synlearn.errors import InputError
from synlearn.metrics_settings import MetricsSettings

_log = logging.getLogger(__name__)


@contextmanager
def serve_metrics(
    settings: MetricsSettings, certificate: Callable[[], bytes]
) -> Iterator[JobMetrics]:
    """Serve a coordinator's metrics, where `settings` name an address.

    Args:
        settings: `[metrics]` of `federation.toml`.
        certificate: Reads the session port's own certificate, PEM, when Prometheus asks.

    Yields:
        Where jobs are counted, whether anybody asks or not.

    Raises:
        InputError: The address cannot be listened on.
    """
    registry = CollectorRegistry()
    disable_created_metrics()  # type: ignore[no-untyped-call]  # nobody asks when one was made
    ProcessCollector(registry=registry)
    registry.register(_Certificate(certificate))
    metrics = JobMetrics(registry)
    with metrics_port(settings, registry):
        yield metrics


@contextmanager
def metrics_port(settings: MetricsSettings, registry: CollectorRegistry) -> Iterator[None]:
    """Serve a registry, where `settings` name an address.

    Raises:
        InputError: The address cannot be listened on.
    """
    if not settings.listen:
        yield
        return
    host, port = settings.address
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise InputError(
            f"the metrics cannot be served on {settings.listen} ({error.strerror or error}); "
            "choose another port in [metrics]."
        ) from error
    _log.info("metrics are served on port %d", server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Certificate(Collector):
    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read

    def describe(self) -> list[Metric]:
        """Nothing is read before somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        """When the certificate runs out."""
        try:
            ends = term(self._read()).ends
        except (InputError, OSError, ValueError) as error:
            _log.warning("the certificate could not be read for metrics: %s", error)
            return
        yield GaugeMetricFamily(
            "synlearn_coordinator_certificate_expiry_timestamp_seconds",
            "When the session port's certificate runs out, in unix seconds.",
            ends.timestamp(),
        )
