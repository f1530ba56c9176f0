"""The folder of a job's run: what it is, where it stands, and what came of it."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from coordinator.job import Job
from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.settings import as_table

Tensors = dict[str, torch.Tensor]


class RunFolder:
    """One job's run on disk; every file in it is written whole or not at all.

    Attributes:
        path: The folder.
        nodes: Where the embedded nodes keep their ledgers.
        model: Where the learned MRE model goes.
        log: The JSON-lines log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.nodes = path / "nodes"
        self.model = path / "mre"
        self.log = path / "log.jsonl"
        self._job = path / "job.json"
        self._checkpoint = path / "checkpoint.safetensors"

    def open(self, job: Job, *, resume: bool) -> None:
        """Claim the folder for a job.

        Raises:
            InputError: It holds another job's run, or this one's and `resume` was not asked for,
                or none and it was.
        """
        if not self._job.exists():
            if resume:
                raise InputError(
                    f"{self.path} holds no run to resume; leave out --resume to start one."
                )
            if self.path.exists() and any(self.path.iterdir()):
                raise InputError(f"{self.path} is not empty; name another folder with --out.")
            self.nodes.mkdir(parents=True)
            write_atomically(self._job, json.dumps({"id": job.id, **as_table(job)}, indent=2).encode())
            return
        if not resume:
            raise InputError(
                f"{self.path} already holds a run; add --resume to go on with it, or name another "
                "folder with --out."
            )
        if json.loads(self._job.read_text())["id"] != job.id:
            raise InputError(
                f"the job file has changed since the run in {self.path} began; undo the change, or "
                "start a new run in another folder with --out."
            )

    def load(self) -> Tensors | None:
        """Return the last checkpoint, None before the first.

        Raises:
            InputError: The file is damaged.
        """
        if not self._checkpoint.exists():
            return None
        try:
            return load(self._checkpoint.read_bytes())
        except SafetensorError as error:
            raise InputError(
                f"{self._checkpoint} is damaged; delete the folder and start the job again."
            ) from error

    def save(self, tensors: Tensors) -> None:
        """Replace the checkpoint; it is on disk when this returns."""
        write_atomically(
            self._checkpoint, save({name: value.contiguous() for name, value in tensors.items()})
        )

