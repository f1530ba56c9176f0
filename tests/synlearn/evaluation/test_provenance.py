"""Facts about a machine that is described by files."""

import getpass
import platform
from dataclasses import asdict
from pathlib import Path

import pytest

from synlearn.evaluation.provenance import machine_facts, package_versions


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nmodel name\t: A Processor 9\n")
    (tmp_path / "proc/meminfo").write_text("MemFree: 1 kB\nMemTotal:       2048 kB\n")
    return tmp_path


def test_reads_processor_and_memory(root: Path) -> None:
    facts = machine_facts(root=root)
    assert (facts.cpu, facts.memory_bytes) == ("A Processor 9", 2048 * 1024)
    assert facts.cores >= 1


@pytest.mark.parametrize(("limit", "memory"), [("1000000\n", 1_000_000), ("max\n", 2048 * 1024)])
def test_a_container_may_have_less(root: Path, limit: str, memory: int) -> None:
    (root / "sys/fs/cgroup").mkdir(parents=True)
    (root / "sys/fs/cgroup/memory.max").write_text(limit)
    assert machine_facts(root=root).memory_bytes == memory


def test_a_system_without_proc(tmp_path: Path) -> None:
    facts = machine_facts(root=tmp_path, accelerator="A GPU")
    assert facts.memory_bytes == 0
    assert facts.cpu
    assert facts.accelerator == "A GPU"


def test_says_nothing_about_who_or_where() -> None:
    told = " ".join(str(value) for value in asdict(machine_facts()).values())
    assert platform.node() not in told
    assert str(Path.home()) not in told
    assert len(getpass.getuser()) < 3 or getpass.getuser() not in told.split()


def test_versions() -> None:
    versions = package_versions()
    assert versions["numpy"][0].isdigit()
