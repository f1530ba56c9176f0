"""The port where Prometheus asks a node how it is doing, where its owner wants one."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from provider.events import Watcher
from provider.metrics import NodeMetrics
from provider.site.ledger_metrics import LedgerMetrics
from provider.site.memory import Memory
from synlearn.errors import InputError
from synlearn.metrics_settings import MetricsSettings

_log = logging.getLogger(__name__)


@contextmanager
def monitored(memory: Memory) -> Iterator[Watcher]:
    """Serve the metrics of a site on the port of its `node.toml`.

    Yields:
        Whom to tell what happens.

    Raises:
        InputError: The port cannot be listened on.
    """
    registry = CollectorRegistry()
    disable_created_metrics()  # type: ignore[no-untyped-call]  # nobody asks when one was made
    ProcessCollector(registry=registry)
    metrics = NodeMetrics(registry)
    registry.register(LedgerMetrics(memory, lambda: metrics.delta))
    with _served(registry, memory.config.node.metrics) as port:
        _log.info("metrics are served on port %d", port)
        yield metrics


@contextmanager
def _served(registry: CollectorRegistry, settings: MetricsSettings) -> Iterator[int]:
    host, port = settings.address
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise InputError(
            f"the metrics cannot be served on {settings.listen} ({error.strerror or error}); "
            "choose another port in [metrics]."
        ) from error
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
