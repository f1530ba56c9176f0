"""What a job has asked of its providers so far: read from its log, so that resumed runs add up."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """Totals over all runs of a job, repeated questions included.

    Attributes:
        questions: SQUERYs: one for each provider asked.
        question_bytes: Of their bodies and their answers' bodies.
        sums: MQUERYs that gave a sum.
        attempts: Attempts at them.
        sum_bytes: Of all messages of all attempts, to and from the parties.
        file_bytes: Of models and backbones that nodes have pulled.
    """

    questions: int = 0
    question_bytes: int = 0
    sums: int = 0
    attempts: int = 0
    sum_bytes: int = 0
    file_bytes: int = 0

    def __str__(self) -> str:
        return (
            f"{self.questions:,} SQUERYs ({_mib(self.question_bytes)}), {self.sums:,} MQUERYs in "
            f"{self.attempts:,} attempts ({_mib(self.sum_bytes)}), {_mib(self.file_bytes)} of files"
        )


def cost_of(log: Path) -> Cost:
    """Add up the lines of a job's log; a line that a crash cut short is left out."""
    totals = dict.fromkeys(Cost.__slots__, 0)
    for text in log.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        match line["event"]:
            case "questions":
                totals["questions"] += line["providers"]
                totals["question_bytes"] += line["bytes_sent"] + line["bytes_received"]
            case "aggregation":
                totals["sums"] += not line["failure"]
                totals["attempts"] += 1
                totals["sum_bytes"] += line["bytes_sent"] + line["bytes_received"]
            case "files":
                totals["file_bytes"] += line["bytes"]
    return Cost(**totals)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
