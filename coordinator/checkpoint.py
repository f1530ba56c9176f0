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

    def open(self, job: Job, zoo_digest: str, *, resume: bool) -> None:
        """Claim the folder for a job.

        Args:
            job: What to run.
            zoo_digest: Stands for the zoo's content; the job names only its folder.
            resume: Go on with the run in the folder.

        Raises:
            InputError: The folder holds another job's run, or this one's and `resume` was not
                asked for, or none and it was; or it cannot be written.
        """
        try:
            if self._job.exists():
                self._check_claim(job, zoo_digest, resume)
            else:
                self._claim(job, zoo_digest, resume)
            self.nodes.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be used as the folder of a run ({error.strerror}); name "
                "another with --out."
            ) from error

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

    def _claim(self, job: Job, zoo_digest: str, resume: bool) -> None:
        if resume:
            raise InputError(
                f"{self.path} holds no run to resume; leave out --resume to start one."
            )
        if self.path.exists() and not all(map(_is_partial, self.path.iterdir())):
            raise InputError(f"{self.path} is not empty; name another folder with --out.")
        self.path.mkdir(parents=True, exist_ok=True)
        claim = {"id": job.id, "zoo_digest": zoo_digest, **as_table(job)}
        write_atomically(self._job, json.dumps(claim, indent=2).encode())

    def _check_claim(self, job: Job, zoo_digest: str, resume: bool) -> None:
        if not resume:
            raise InputError(
                f"{self.path} already holds a run; add --resume to go on with it, or name another "
                "folder with --out."
            )
        try:
            claim = json.loads(self._job.read_bytes())
            known = claim["id"], claim["zoo_digest"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self._job} is damaged; delete the folder and start the job again."
            ) from error
        for what, recorded, now in zip(
            ("job file", f"zoo {job.zoo}"), known, (job.id, zoo_digest), strict=True
        ):
            if recorded != now:
                raise InputError(
                    f"the {what} has changed since the run in {self.path} began; undo the change, "
                    "or start a new run in another folder with --out."
                )


def _is_partial(path: Path) -> bool:
    """Whether this is what `write_atomically` leaves behind when it is killed."""
    return path.name.startswith(".") and path.suffix == ".partial"
