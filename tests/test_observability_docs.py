"""`docs/observability.md` names every metric and every field of a log line, and no other."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from coordinator.job_metrics import JobMetrics
from provider.metrics import NodeMetrics
from synlearn.logs import FIELDS

HOUSE = Path(__file__).parents[1]
TEXT = (HOUSE / "docs" / "observability.md").read_text()
TABLES = "\n".join(line for line in TEXT.splitlines() if line.startswith("|"))
FROM_FILES = ("provider/site/ledger_metrics.py", "coordinator/metrics.py")
"""Metrics that are read when Prometheus asks stand in no registry before."""


def counted() -> set[str]:
    registry = CollectorRegistry()
    NodeMetrics(registry)
    JobMetrics(registry)
    return {
        f"{each.name}_total" if each.type == "counter" else each.name for each in registry.collect()
    }


def read_when_asked() -> set[str]:
    found = set()
    for path in FROM_FILES:
        text = (HOUSE / path).read_text()
        for kind, name in re.findall(r'(Counter|Gauge)MetricFamily\(\s*"(\w+)"', text):
            found.add(f"{name}_total" if kind == "Counter" else name)
    return found


def test_every_metric_is_in_a_table_and_nothing_else() -> None:
    names = counted() | read_when_asked()
    assert set(re.findall(r"`(synlearn_(?:node|coordinator)_\w+)`", TABLES)) == names


def test_alarms_ask_for_metrics_that_exist() -> None:
    names = counted() | read_when_asked()
    (alarms,) = re.findall(r"Worth an alarm:\n\n```\n(.*?)```", TEXT, re.DOTALL)
    assert set(re.findall(r"synlearn_\w+", alarms)) <= names


def test_every_field_of_a_line_is_explained() -> None:
    (table,) = re.findall(r"\| field \| is \|\n(.*?)\n\n", TEXT, re.DOTALL)
    cells = " ".join(line.split("|")[1] for line in table.splitlines())
    assert set(re.findall(r"`(\w+)`", cells)) == set(FIELDS)
