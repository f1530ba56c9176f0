"""Random schedules of faults; ten thousand of them: ``python -m benchmarks.secagg_faults``."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks.faulty_world import WrongSumError, play
from benchmarks.secagg_faults import main, play_all
from protocols.ids import ProviderId
from protocols.secagg import client
from protocols.secagg.messages import SealedShares
from protocols.secagg.server import Server, Sum

SCHEDULES = 200


def test_every_schedule_ends_in_an_exact_sum_or_a_clean_abort() -> None:
    tally = play_all(range(SCHEDULES))
    assert not tally.failures
    assert sum(tally.sums.values()) + tally.aborts == SCHEDULES
    # The schedules are worth playing: both ends, every attempt and every fault occur.
    assert tally.aborts > SCHEDULES / 20
    assert min(tally.sums[attempt] for attempt in (1, 2, 3)) > SCHEDULES / 50
    for kind in (
        "lost",
        "late",
        "repeated",
        "asked again",
        "replies too late",
        "node restarts",
        "nodes gone",
        "coordinator restarts",
        "refusals",
        "deadlines",
        *(f"aborts in {round_}" for round_ in ("advertise", "share", "mask", "sign", "unmask")),
    ):
        assert tally.happened[kind] >= 5, kind


@pytest.mark.parametrize("parties", [33, 40])
def test_schedules_on_the_sparse_graph(parties: int) -> None:
    tally = play_all(range(3), parties)
    assert not tally.failures


def test_a_schedule_is_all_in_its_seed() -> None:
    assert play(17) == play(17)


def test_the_command_counts_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments: dict[str, Any] = {"first": 0, "parties": 3, "processes": 1}
    main(tmp_path, schedules=3, **arguments)
    record = json.loads((tmp_path / "results.json").read_text())
    assert (record["schedules"], record["largest"], record["failures"]) == (3, 3, 0)
    assert record["sums"] + record["aborts"] == 3
    monkeypatch.delattr(Server, "close")
    with pytest.raises(typer.Exit):
        main(tmp_path, schedules=1, **arguments)
    assert json.loads((tmp_path / "results.json").read_text())["failures"] == 1


def first_failure(schedules: int = 8) -> str:
    tally = play_all(range(schedules))
    return min(tally.failures.values(), default="")


def test_the_simulation_sees_a_contribution_that_counts_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receive = Server.receive

    def twice(server: Server, party: ProviderId, body: bytes) -> None:
        receive(server, party, body)
        server._heard.clear()

    monkeypatch.setattr(Server, "receive", twice)
    assert "WrongSumError" in first_failure()


def test_the_simulation_sees_a_contribution_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    masked = Server._masked

    def forgetful(server: Server, party: int, body: bytes) -> None:
        before = server._total.copy()
        masked(server, party, body)
        if party == 1:
            server._total = before

    monkeypatch.setattr(Server, "_masked", forgetful)
    assert "WrongSumError" in first_failure()


def test_the_simulation_sees_a_survivor_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    finish = Server.finish

    def boast(server: Server) -> Sum:
        result = finish(server)
        return replace(result, survivors=server._question.parties)

    monkeypatch.setattr(Server, "finish", boast)
    assert "WrongSumError" in first_failure()


def test_the_simulation_sees_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> SealedShares:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(client, "share", broken)
    assert "KeyError" in first_failure(3)


def test_the_simulation_sees_that_both_shares_were_told(monkeypatch: pytest.MonkeyPatch) -> None:
    unmask = client.unmask

    def chatty(*arguments: object) -> object:
        told = unmask(*arguments)  # type: ignore[arg-type]
        return replace(told, pair_masks={**told.own_masks, **told.pair_masks})

    monkeypatch.setattr(client, "unmask", chatty)
    with pytest.raises(WrongSumError, match="both secrets"):
        play(0)
