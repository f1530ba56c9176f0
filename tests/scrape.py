"""Metrics as Prometheus would see them: asked over HTTP, read by the client library's parser."""

import urllib.request

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]


class Scrape:
    """What one scrape has given."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {each.name: each for each in text_string_to_metric_families(text)}
        self._samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """One sample; None where there is none with just these labels."""
        return self._samples.get((name, tuple(sorted(labels.items()))))

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples with these labels and any others."""
        return sum(
            value
            for (known, found), value in self._samples.items()
            if known == name and set(labels.items()) <= set(found)
        )

    def labels(self) -> set[str]:
        """All values of all labels."""
        return {value for _, found in self._samples for _, value in found}


def scrape(port: int) -> Scrape:
    """Ask a process of this machine."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as reply:
        return Scrape(reply.read().decode())


def collected(registry: CollectorRegistry) -> Scrape:
    """What a scrape of a registry would give."""
    return Scrape(generate_latest(registry).decode())
