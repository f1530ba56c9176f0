"""What a worker may use is counted from what it has used."""

import subprocess
import sys

import pytest

from provider.sandbox.process import processor_seconds


def test_another_process_is_measured_until_it_is_gone() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert 0.3 <= processor_seconds(process.pid) < 2
        process.communicate(b"\n", timeout=10)
        with pytest.raises(OSError, match="Invalid argument"):
            processor_seconds(process.pid)
