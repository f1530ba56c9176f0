import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from coordinator.checkpoint import RunFolder
from synlearn.errors import InputError
from tests.coordinator.tiny import JOB, bits

ZOO, OTHER_ZOO = "a" * 64, "b" * 64
TENSORS = {
    "vector": torch.arange(5.0, dtype=torch.float64),
    "count": torch.tensor(3),
    "turned": torch.arange(6.0).reshape(2, 3).T,
    "none": torch.zeros(0, 4),
}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.open(JOB, ZOO, resume=False)
    return folder


def error(folder: RunFolder, *, resume: bool, job: object = JOB, zoo: str = ZOO) -> str:
    before = listing(folder.path)
    with pytest.raises(InputError) as caught:
        folder.open(job, zoo, resume=resume)  # type: ignore[arg-type]
    assert listing(folder.path) == before, "a refusal writes nothing"
    return str(caught.value)


def listing(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes() if file.is_file() else b"a folder"
        for file in path.rglob("*")
    }


def test_a_new_run_makes_its_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "deep" / "down" / "run")
    folder.open(JOB, ZOO, resume=False)
    assert folder.nodes.is_dir()
    claim = json.loads((folder.path / "job.json").read_text())
    assert (claim["id"], claim["zoo_digest"], claim["name"]) == (JOB.id, ZOO, "tiny")
    assert folder.load() is None


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    RunFolder(tmp_path).open(JOB, ZOO, resume=False)


def test_a_run_is_resumed_by_the_same_job(folder: RunFolder) -> None:
    folder.save(TENSORS)
    again = RunFolder(folder.path)
    again.open(replace(JOB, zoo=Path("/moved/zoo")), ZOO, resume=True)
    assert bits(again.load() or {}) == bits(TENSORS)


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    assert error(RunFolder(tmp_path), resume=False) == (
        f"{tmp_path} is not empty; name another folder with --out."
    )


def test_nothing_to_resume(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        assert error(RunFolder(path), resume=True) == (
            f"{path} holds no run to resume; leave out --resume to start one."
        )
    assert not (tmp_path / "missing").exists()


def test_a_run_is_not_begun_twice(folder: RunFolder) -> None:
    assert error(folder, resume=False) == (
        f"{folder.path} already holds a run; add --resume to go on with it, or name another "
        "folder with --out."
    )


def test_another_job_is_refused(folder: RunFolder) -> None:
    assert error(folder, resume=True, job=replace(JOB, seed=1)) == (
        f"the job file has changed since the run in {folder.path} began; undo the change, or "
        "start a new run in another folder with --out."
    )


def test_another_zoo_in_the_same_place_is_refused(folder: RunFolder) -> None:
    assert error(folder, resume=True, zoo=OTHER_ZOO) == (
        f"the zoo {JOB.zoo} has changed since the run in {folder.path} began; undo the change, "
        "or start a new run in another folder with --out."
    )


def test_another_manifest_of_the_providers_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.open(JOB, ZOO, resume=False, split_digest="a" * 64)
    folder.open(JOB, ZOO, resume=True, split_digest="a" * 64)
    with pytest.raises(InputError, match="the providers' manifest has changed since the run in"):
        folder.open(JOB, ZOO, resume=True, split_digest="b" * 64)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"id": "x"}', "null"])
def test_a_damaged_claim_is_named(text: str, folder: RunFolder) -> None:
    (folder.path / "job.json").write_text(text)
    assert error(folder, resume=True) == (
        f"{folder.path / 'job.json'} is damaged; delete the folder and start the job again."
    )


def test_a_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        assert error(RunFolder(path), resume=False) == (
            f"{path} cannot be used as the folder of a run (Not a directory); name another with "
            "--out."
        )


def test_a_run_killed_while_it_claimed_its_folder_can_be_begun_again(tmp_path: Path) -> None:
    """What may be left: nothing, a torn claim under another name, or a claim alone."""
    path = tmp_path / "run"
    path.mkdir()
    (path / ".job.json.0123abcd.partial").write_text('{"id"')
    RunFolder(path).open(JOB, ZOO, resume=False)
    RunFolder(path).nodes.rmdir()
    RunFolder(path).open(JOB, ZOO, resume=True)
    assert RunFolder(path).nodes.is_dir()


def test_a_checkpoint_takes_the_place_of_the_last(folder: RunFolder) -> None:
    folder.save({"vector": torch.zeros(2)})
    folder.save(TENSORS)
    assert bits(folder.load() or {}) == bits(TENSORS)
    assert sorted(listing(folder.path)) == ["checkpoint.safetensors", "job.json", "nodes"]


def test_a_damaged_checkpoint_is_named(folder: RunFolder) -> None:
    folder.save(TENSORS)
    path = folder.path / "checkpoint.safetensors"
    whole = path.read_bytes()
    for data in (b"", whole[:7], whole[:-1], whole + b"\0", b"\xff" * len(whole), b"\x80\x04K."):
        path.write_bytes(data)
        with pytest.raises(InputError) as caught:
            folder.load()
        assert str(caught.value) == (
            f"{path} is damaged; delete the folder and start the job again."
        )


def test_a_full_disk_costs_no_checkpoint(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.save(TENSORS)

    def full(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        folder.save({"vector": torch.zeros(2)})
    assert bits(folder.load() or {}) == bits(TENSORS)
    assert sorted(listing(folder.path)) == ["checkpoint.safetensors", "job.json", "nodes"]


WRITES = """
import sys
from pathlib import Path
import torch
from coordinator.checkpoint import RunFolder

folder = RunFolder(Path(sys.argv[1]))
for value in range(10**9):
    folder.save({"vector": torch.full((300_000,), float(value))})
    print(value, flush=True)
"""


def test_after_sigkill_there_is_a_whole_checkpoint(folder: RunFolder) -> None:
    """Killed while it writes one checkpoint after the other."""
    for written in (1, 4):
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", WRITES, str(folder.path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(written):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        later = process.stdout.read().split()
        process.wait()
        done = int(later[-1]) if later else written - 1
        found = folder.load()
        assert found is not None
        vector = found["vector"]
        assert torch.equal(vector, vector[:1].expand_as(vector)), "torn"
        assert float(vector[0]) >= done, "what was said to be on disk is not there"
