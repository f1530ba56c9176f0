"""Fuzzes targets one after the other, each in an own process with limits of time and memory."""

import hashlib
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.target import Target

HANG_SECONDS = 60
"""One input that takes longer is a finding; a loaded machine is tens of times slower."""
MEMORY_MB = 4096
_START_SECONDS = 600
"""For imports under instrumentation, and for the end of the last input."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one target.

    Attributes:
        target: Its name.
        seconds: It took, imports included.
        runs: Inputs tried.
        covered: Edges of our own code that were seen.
        corpus: Inputs kept, since each saw something new.
        findings: Files with inputs that found a defect.
    """

    target: str
    seconds: float
    runs: int
    covered: int
    corpus: int
    findings: tuple[Path, ...]


def fuzz(target: Target, seconds: int, folder: Path) -> Outcome:
    """Run one target.

    Args:
        target: What to fuzz.
        seconds: For fuzzing itself, after the imports.
        folder: Gets `corpus/`, `findings/` and `log.txt`; what is in `corpus/` is gone on from.
    """
    corpus, findings = folder / "corpus", folder / "findings"
    for place in (corpus, findings):
        place.mkdir(parents=True, exist_ok=True)
    known = set(findings.iterdir())
    for seed in target.seeds():
        (corpus / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
    command = [
        *(sys.executable, "-m", "tests.fuzz.child", target.name, str(corpus)),
        f"-max_total_time={seconds}",
        f"-timeout={HANG_SECONDS}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={target.largest}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        "-len_control=0",
        "-verbosity=1",
    ]
    started = time.monotonic()
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own command
        try:
            code = process.wait(seconds + _START_SECONDS + HANG_SECONDS)
        except subprocess.TimeoutExpired:  # it hangs where not even libFuzzer's alarm reaches
            process.kill()
            code = process.wait()
    text = (folder / "log.txt").read_text(errors="replace")
    found = tuple(sorted(set(findings.iterdir()) - known))
    if code and not found:
        found = (folder / "log.txt",)
    return Outcome(
        target.name,
        time.monotonic() - started,
        _last(r"#(\d+)\t", text),
        _last(r"cov: (\d+)", text),
        len(list(corpus.iterdir())),
        found,
    )


def _last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0
