import json
from pathlib import Path

from coordinator.cost import Cost, cost_of

LINES = [
    {"event": "started", "pretraining_rounds": 0, "learning_rounds": 0},
    {"event": "questions", "providers": 3, "bytes_sent": 100, "bytes_received": 2_000_000},
    {"event": "aggregation", "failure": "too few stayed.", "bytes_sent": 1, "bytes_received": 2},
    {"event": "aggregation", "failure": "", "bytes_sent": 30, "bytes_received": 40},
    {"event": "files", "bytes": 1_500_000},
    {"event": "started", "pretraining_rounds": 1, "learning_rounds": 0},
    {"event": "questions", "providers": 2, "bytes_sent": 10, "bytes_received": 20},
]


def test_a_jobs_runs_add_up_and_a_cut_line_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    text = "".join(json.dumps(line) + "\n" for line in LINES)
    log.write_text(text + '{"event": "questions", "provid')
    found = cost_of(log)
    assert found == Cost(
        questions=5,
        question_bytes=2_000_130,
        sums=1,
        attempts=2,
        sum_bytes=73,
        file_bytes=1_500_000,
    )
    assert str(found) == (
        "5 SQUERYs (1.9 MiB), 1 MQUERYs in 2 attempts (0.0 MiB), 1.4 MiB of files"
    )
