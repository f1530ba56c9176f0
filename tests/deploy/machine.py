"""A small machine of our own: a real systemd, booted in namespaces over a copy-on-write root.

It shares kernel and programs with this host and leaves nothing behind; it has a network of its own
with loopback alone. Needs root and systemd.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_SYSTEMD = Path("/lib/systemd/systemd")
_PATIENCE = 60.0
_BOOT = r"""
set -e
root=$1
shift
mount --make-rprivate /
mount -t tmpfs -o size=4g,mode=755 tmpfs "$root"
mkdir "$root/up" "$root/work" "$root/top"
mount -t overlay -o "lowerdir=/,upperdir=$root/up,workdir=$root/work" overlay "$root/top"
cd "$root/top"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty dev/
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
while [ $# -gt 0 ]; do
    mkdir -p ".$2"
    mount --bind "$1" ".$2"
    shift 2
done
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
fi
ip link set lo up
rm -f etc/machine-id
rm -rf etc/systemd/system/*.wants
for unit in systemd-sysctl systemd-binfmt systemd-modules-load systemd-random-seed kmod-static-nodes \
    systemd-tmpfiles-setup systemd-tmpfiles-setup-dev systemd-machine-id-commit systemd-firstboot \
    systemd-udevd systemd-udev-trigger systemd-update-utmp; do
    ln -sf /dev/null "etc/systemd/system/$unit.service"
done
for unit in proc-sys-fs-binfmt_misc.automount timers.target network-online.target; do
    ln -sf /dev/null "etc/systemd/system/$unit"
done
mkdir -p old
pivot_root . old
umount --lazy /old
mount --make-rshared /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=oci \
    /lib/systemd/systemd --system --unit=basic.target
"""


def can_boot() -> bool:
    """Whether this process may boot one."""
    return os.geteuid() == 0 and _SYSTEMD.exists() and shutil.which("nsenter") is not None


@dataclass(frozen=True)
class Machine:
    """A machine that runs.

    Attributes:
        pid: Of its systemd, as this host counts.
    """

    pid: int

    def run(self, *words: str, check: bool = True, patience: float = _PATIENCE) -> str:
        """Run a command in it, as its root; what it printed."""
        enter = ["nsenter", "--target", str(self.pid), "--all", "--root", "--wd", "--"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
        done = subprocess.run(
            [*enter, *clean, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=patience,
            check=False,
        )
        assert not check or done.returncode == 0, f"{words}\n{done.stdout}"
        return done.stdout

    def shell(self, script: str, patience: float = _PATIENCE) -> str:
        """Run a script in it."""
        return self.run("bash", "-euo", "pipefail", "-c", script, patience=patience)


@contextlib.contextmanager
def machine(folder: Path, shown: Mapping[Path, str]) -> Iterator[Machine]:
    """Boot a machine; it is gone afterwards, and all that was written in it.

    Args:
        folder: An empty one, for its log, and where its root is mounted, out of this host's sight.
        shown: Folders of this host, and where they are in the machine; it can write to them.
    """
    root = folder / "root"
    root.mkdir()
    places = [word for pair in shown.items() for word in map(str, pair)]
    own = _control_group(f"synlearn-{os.getpid()}")
    with (folder / "boot.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "unshare",
                "-mpuinC",
                "--fork",
                "--kill-child",
                "bash",
                "-c",
                _BOOT,
                "boot",
                str(root),
                *places,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: _enter(own),
            start_new_session=True,
        )
    try:
        yield _booted(process, folder / "boot.log")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        _remove(own)


def _booted(process: "subprocess.Popen[bytes]", log: Path) -> Machine:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text(errors="replace")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if children:
            made = Machine(int(children[0]))
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                state = made.run("systemctl", "is-system-running", check=False).strip()
                if state in {"running", "degraded"}:
                    return made
        time.sleep(0.2)
    raise AssertionError(f"not booted\n{log.read_text(errors='replace')}")


def _control_group(name: str) -> Path:
    """A control group for it, below that of this process."""
    tree = Path("/sys/fs/cgroup")
    if not (tree / "cgroup.controllers").exists():
        tree /= "systemd"
    own = tree / name
    own.mkdir()
    return own


def _enter(group: Path) -> None:
    (group / "cgroup.procs").write_text("0")


def _remove(group: Path) -> None:
    for _ in range(50):
        with contextlib.suppress(OSError):
            for inner in sorted(group.rglob("*/"), reverse=True):
                inner.rmdir()
            group.rmdir()
            return
        time.sleep(0.1)
