from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from coordinator.aggregation_question import Terms
from protocols.certificates import term
from protocols.errors import Code
from protocols.ids import QueryId
from protocols.queries import ClassFeatureSums, ClassOutputs, Describe
from provider.left_report import lines
from provider.policies.budgets import epsilon_after
from provider.site.engagements import Standing
from provider.site.ledger_metrics import LedgerMetrics
from provider.site.memory import Memory
from tests.attacks.town import (
    JOB,
    NEXT,
    OPEN,
    A,
    B,
    C,
    Town,
    backbone_file,
    looking_at_one_pixel,
    town,
)
from tests.certificates import Authority
from tests.scrape import Scrape, collected

DELTA = 1e-6
NOISE = (
    f"[privacy]\nepsilon_job = 4.0\ndelta = {DELTA}\n"
    "[functions.class_outputs]\nnoise_epsilon = 0.5\n"
)
HELD = {name: {"ant": 24, "bee": 24} for name in (A, B, C)}
PREFIX = "synlearn_node"


def metrics_of(memory: Memory) -> Scrape:
    registry = CollectorRegistry()
    registry.register(LedgerMetrics(memory, lambda: DELTA))
    return collected(registry)


def ask_all_kinds(here: Town) -> None:
    """Plain, plain with noise, masked, refused."""
    here.gather()
    assert isinstance(here.ask(QueryId(0, 0, 5), Describe()), bytes)
    model = here.blobs.put(looking_at_one_pixel())
    outputs = ClassOutputs((model,), ("ant", "bee"), 2)
    for step in range(2):
        assert isinstance(here.ask(QueryId(1, step, 0), outputs), bytes)
    sums = ClassFeatureSums(here.blobs.put(backbone_file()), ("ant", "bee"), 6)
    rows = dict.fromkeys((A, B, C), (20, 20))
    name = QueryId(2, 0, 0)
    here.run(here.question(query=sums, rows=rows, terms=Terms(bound=20.0), query_id=name))
    here.sites[A].memory.switch.pause("")
    assert here.ask(QueryId(3, 0, 0), Describe()) is Code.PAUSED


def test_they_are_what_the_owners_report_says(tmp_path: Path) -> None:
    with town(tmp_path, HELD, OPEN + NOISE) as here:
        ask_all_kinds(here)
        memory = here.sites[A].memory
        found, left = metrics_of(memory), list(lines(memory.file))
        charged = [line for line in left if line.verdict != "refused"]
        questions, sizes = Counter[str](), Counter[str]()
        for line in charged:
            questions[line.function] += 1
            sizes[line.function] += line.charged
        assert questions == {"describe": 1, "class_outputs": 2, "class_feature_sums": 1}
        for function, count in questions.items():
            about = {"job": JOB, "function": function}
            assert found.value(f"{PREFIX}_ledger_questions_total", **about) == count
            size = found.value(f"{PREFIX}_ledger_charged_bytes_total", **about)
            assert size == sizes[function]
        rho = sum(line.rho for line in left)
        assert rho > 0
        assert found.value(f"{PREFIX}_privacy_rho_total", job=JOB) == pytest.approx(rho)
        epsilon = epsilon_after(0.0, rho, DELTA)
        assert found.value(f"{PREFIX}_privacy_epsilon", job=JOB) == pytest.approx(epsilon)
        assert found.value(f"{PREFIX}_paused") == 1
        events = memory.journal.head().seq
        assert found.value(f"{PREFIX}_ledger_events_total") == events
        assert (found.value(f"{PREFIX}_ledger_size_bytes") or 0) > 4096


def test_other_jobs_are_told_apart_and_those_left_are_gone(tmp_path: Path) -> None:
    with town(tmp_path, {A: HELD[A]}) as here:
        for job, times in ((JOB, 1), (NEXT, 2)):
            here.gather(job)
            for step in range(times):
                assert isinstance(here.ask(QueryId(0, step, 5), Describe()), bytes)
        memory = here.sites[A].memory
        name = f"{PREFIX}_ledger_questions_total"
        found = metrics_of(memory)
        assert [found.value(name, job=job, function="describe") for job in (JOB, NEXT)] == [1, 2]
        assert found.value(f"{PREFIX}_privacy_epsilon", job=JOB) == 0
        memory.engagements.move(JOB, Standing.LEFT)
        found = metrics_of(memory)
        assert JOB not in found.labels()
        assert found.value(name, job=NEXT, function="describe") == 2


def test_when_the_certificate_runs_out(tmp_path: Path) -> None:
    issued = Authority().issue(A)
    own = tmp_path / "own.pem"
    own.write_bytes(issued.certificate)
    with town(tmp_path, {A: HELD[A]}) as here:
        memory = here.sites[A].memory
        name = f"{PREFIX}_certificate_expiry_timestamp_seconds"
        assert metrics_of(memory).value(name) is None, "it has none"
        node = memory.config.node
        federation = replace(node.federation, certificate=own, key=tmp_path / "own.key")
        config = replace(memory.config, node=replace(node, federation=federation))
        ends = term(issued.certificate).ends.timestamp()
        assert metrics_of(replace(memory, config=config)).value(name) == ends
