"""A view of the files in which every user may run this interpreter, wherever it is installed."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def open_interpreter() -> Iterator[tuple[str, ...]]:
    """Words before a command that is to run as another user; needs root.

    Where a folder above the interpreter is closed to others, as a home of root is, the command runs
    in a mount namespace in which that folder holds the interpreter alone, and is open.
    """
    home = Path(sys.base_prefix).resolve()
    closed = next((each for each in reversed(home.parents) if not each.stat().st_mode & 1), None)
    if closed is None:
        yield ()
        return
    with tempfile.TemporaryDirectory(prefix="open-") as scratch:
        Path(scratch).chmod(0o755)
        place = Path(scratch) / home.relative_to(closed)
        place.mkdir(parents=True)
        mounts = f"mount --bind {home} {place} && mount --rbind {scratch} {closed}"
        shell = ("sh", "-c", f"{mounts} && echo ready; cat")
        holder = subprocess.Popen(  # noqa: S603
            ["unshare", "--mount", "--propagation", "private", *shell],  # noqa: S607
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"ready\n"
            yield ("nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", f"--wd={Path.cwd()}")
        finally:
            holder.communicate()
