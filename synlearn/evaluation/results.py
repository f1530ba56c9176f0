"""What an experiment found, as typed data: the content of every `results.json`.

The raw value of each seed is stored; means, intervals and paired differences derive from them, so
they can never disagree with the numbers they summarise. `synlearn.evaluation.results_file` writes
and reads the file.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from synlearn.errors import InputError
from synlearn.evaluation.intervals import paired_difference
from synlearn.evaluation.measurements import (
    Ceiling,
    Comparison,
    Measurement,
    Method,
    Metric,
    Role,
    Split,
    Target,
)
from synlearn.evaluation.provenance import MachineFacts

Scalar = bool | int | float | str
LARGEST = 1e100
"""Of a measured value: of larger ones an interval, with their squares, might not be finite."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything that one run of an experiment, a benchmark or the demo has to say.

    Attributes:
        experiment: short name, such as "dsprites-in-dataset".
        summary: a sentence or two: what was learned on what, and what was asked.
        command: the command that repeats the run; empty if there is none.
        finished: when it ended, ISO 8601 in UTC; empty if not recorded.
        seeds: the seeds (or repeats) in the order they ran.
        seed_varies: what a seed changes, in plain words.
        seed_shares: what stays the same between seeds.
        methods, metrics, splits: what the keys in `measurements` mean, in reading order.
        measurements: all cells; each holds a value for every seed.
        ceilings: noise ceilings by split.
        targets: promised numbers.
        timings: seconds by step.
        sizes: counts and byte sizes by name.
        settings: the settings that matter, by name.
        versions: package versions by name.
        digests: sha256 (hex) of models, data and configuration by name.
        machine: the machine.

    Raises:
        InputError: if a key is unknown or given twice, or seeds are missing, or a value is not
            finite.
    """

    experiment: str
    summary: str
    seeds: tuple[int, ...]
    methods: tuple[Method, ...]
    metrics: tuple[Metric, ...]
    splits: tuple[Split, ...]
    measurements: tuple[Measurement, ...]
    machine: MachineFacts
    ceilings: tuple[Ceiling, ...] = ()
    targets: tuple[Target, ...] = ()
    seed_varies: str = ""
    seed_shares: str = ""
    command: str = ""
    finished: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _unique("seeds", self.seeds)
        _unique("methods", [method.key for method in self.methods])
        _unique("metrics", [metric.key for metric in self.metrics])
        _unique("splits", [split.key for split in self.splits])
        _unique("measurements", [(m.metric, m.method, m.split, m.k) for m in self.measurements])
        _unique("ceilings", [(c.metric, c.split) for c in self.ceilings])
        for m in self.measurements:
            where = f"measurement {m.metric}/{m.method}/{m.split}/K={m.k}"
            self._check_keys(where, m.metric, m.split, m.method)
            self._check_values(where, m.by_seed)
        for ceiling in self.ceilings:
            where = f"ceiling {ceiling.metric}/{ceiling.split}"
            self._check_keys(where, ceiling.metric, ceiling.split)
            self._check_values(where, ceiling.tau_half_by_seed)
            _ = ceiling.by_seed  # refuses a tau outside [-1, 1]
        for t in self.targets:
            self._check_keys(f"target for {t.metric}", t.metric, t.split, t.method)

    def method(self, key: str) -> Method:
        """The method of this key; KeyError if there is none."""
        return {method.key: method for method in self.methods}[key]

    def metric(self, key: str) -> Metric:
        """The metric of this key; KeyError if there is none."""
        return {metric.key: metric for metric in self.metrics}[key]

    def split(self, key: str) -> Split:
        """The split of this key; KeyError if there is none."""
        return {split.key: split for split in self.splits}[key]

    def find(self, metric: str, method: str, split: str, k: int | None) -> Measurement | None:
        """The one cell with these keys, or None if it was not measured."""
        wanted = (metric, method, split, k)
        for m in self.measurements:
            if (m.metric, m.method, m.split, m.k) == wanted:
                return m
        return None

    def ceiling(self, metric: str, split: str) -> Ceiling | None:
        """The noise ceiling of a metric on a split, or None if it was not measured."""
        for ceiling in self.ceilings:
            if (ceiling.metric, ceiling.split) == (metric, split):
                return ceiling
        return None

    def is_met(self, target: Target) -> bool | None:
        """Whether the mean passes the bound of `target`; None if that cell was not measured."""
        found = self.find(target.metric, target.method, target.split, target.k)
        if found is None:
            return None
        mean = found.estimate.mean
        if self.metric(target.metric).higher_is_better:
            return mean >= target.bound
        return mean <= target.bound

    def compare(self, better: Measurement, baseline: Measurement) -> Comparison:
        """Paired difference of two cells that share metric, split and K."""
        return Comparison(
            metric=better.metric,
            split=better.split,
            k=better.k,
            method=better.method,
            baseline=baseline.method,
            estimate=paired_difference(better.by_seed, baseline.by_seed),
        )

    def comparisons(self) -> Iterator[Comparison]:
        """Each `Role.METHOD` against each baseline, wherever both were measured alike."""
        for m in self.measurements:
            if self.method(m.method).role is not Role.METHOD:
                continue
            for other in self.methods:
                found = self.find(m.metric, other.key, m.split, m.k)
                if other.role is Role.BASELINE and found is not None:
                    yield self.compare(m, found)

    def _check_keys(self, where: str, metric: str, split: str, method: str | None = None) -> None:
        known = {
            "metric": (metric, [m.key for m in self.metrics]),
            "split": (split, [s.key for s in self.splits]),
            "method": (method, [m.key for m in self.methods]),
        }
        for kind, (key, keys) in known.items():
            if key is not None and key not in keys:
                raise InputError(
                    f"Results, {where}: {kind} {key!r} is not declared; declared are "
                    f"{', '.join(keys) or 'none'}, so add it or correct the key."
                )

    def _check_values(self, where: str, by_seed: Mapping[int, float]) -> None:
        if set(by_seed) != set(self.seeds):
            raise InputError(
                f"Results, {where}: it has seeds {sorted(by_seed)}, but the run had "
                f"{sorted(self.seeds)}; give one value for each seed."
            )
        for seed, value in by_seed.items():
            if not np.isfinite(value):
                raise InputError(
                    f"Results, {where}: the value of seed {seed} is {value}; "
                    "leave out what could not be measured instead of storing it."
                )
            if abs(value) > LARGEST:
                raise InputError(
                    f"Results, {where}: the value of seed {seed} is {value}, beyond {LARGEST:g}; "
                    "give it in another unit."
                )


def _unique(what: str, keys: Iterable[object]) -> None:
    seen: set[object] = set()
    for key in keys:
        if key in seen:
            raise InputError(f"Results: {what} holds {key!r} twice; remove one.")
        seen.add(key)
    if not seen and what not in ("measurements", "ceilings"):
        raise InputError(f"Results: {what} is empty; name at least one.")
