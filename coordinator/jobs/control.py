"""What operators' commands ask of a coordinator that runs."""

from collections.abc import Callable
from typing import Any

from coordinator.grouped_job import GroupedJob
from coordinator.jobs.keeper import JobKeeper
from coordinator.jobs.record import JobRecord, Records, check_name
from coordinator.unix_calls import Call
from protocols.ids import JobId
from synlearn.errors import InputError
from synlearn.settings import from_table

_MOST_LOG = 2**20
"""Bytes of a log in one answer."""


class Control:
    """Answers the calls at the control socket.

    Args:
        keeper: Of the jobs.
        records: Where their runs lie.
        present: What is known of a running job's sites, by their names.
    """

    def __init__(
        self,
        keeper: JobKeeper,
        records: Records,
        sites: Callable[[JobId], dict[str, dict[str, Any]]],
    ) -> None:
        self._keeper = keeper
        self._records = records
        self._sites = sites

    def answer(self, asked: Call) -> Call:
        """Answer one call.

        Raises:
            InputError, ValueError: It is wrong; the sentence says how.
        """
        match asked.get("call"):
            case "run":
                return self._run(asked)
            case "stop":
                self._keeper.stop(str(asked.get("name")))
                return {}
            case "status":
                return {"jobs": [self._told(record) for record in self._keeper.records()]}
            case "logs":
                return self._log(check_name(str(asked.get("name"))), int(asked.get("after", 0)))
            case other:
                raise ValueError(f"there is no call {other!r}; is the coordinator of this version?")

    def _run(self, asked: Call) -> Call:
        job = from_table(GroupedJob, asked["table"], "the job")
        record = self._keeper.submit(
            str(asked["name"]), job, str(asked["purpose"]), resume=bool(asked["resume"])
        )
        return {"name": record.name, "job": job.id}

    def _told(self, record: JobRecord) -> dict[str, Any]:
        """A job as `status` shows it."""
        told: dict[str, Any] = {
            "name": record.name,
            "job": record.job.id,
            "state": str(record.state),
            "sentence": record.sentence,
            "began": record.began,
            "ended": record.ended,
            "folder": str(self._records.run_folder(record.name).resolve()),
        }
        watch = self._keeper.watch(record.name)
        if watch is not None:
            told |= watch.as_table()
            told["sites"] = self._sites(record.job.id)
        return told

    def _log(self, name: str, after: int) -> Call:
        path = self._records.run_folder(name) / "log.jsonl"
        try:
            with path.open("rb") as file:
                file.seek(max(0, after))
                piece = file.read(_MOST_LOG)
        except FileNotFoundError as error:
            raise InputError(f"there is no run {name}, or it has no log yet.") from error
        whole = piece[: piece.rfind(b"\n") + 1]
        return {"text": whole.decode("utf-8", "replace"), "next": max(0, after) + len(whole)}
