"""The folder of a job's run: what it is, where it stands, and what came of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from coordinator.job import GroupedJob, Job
from coordinator.named_tensors import Tensors
from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.settings import as_table


class RunFolder:
    """One job's run on disk; every file in it is written whole or not at all.

    Attributes:
        path: The folder.
        nodes: Where the embedded nodes keep their ledgers.
        sums: Where masked sums are kept until the next checkpoint.
        model: Where the learned MRE model goes.
        log: The JSON-lines log.
        evidence: What a fusion is fitted on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.nodes = path / "nodes"
        self.sums = path / "sums"
        self.model = path / "mre"
        self.log = path / "log.jsonl"
        self.evidence = path / "evidence.safetensors"
        self._job = path / "job.json"
        self._checkpoint = path / "checkpoint.safetensors"

    def open(
        self, job: Job | GroupedJob, zoo_digest: str, *, resume: bool, split_digest: str = ""
    ) -> None:
        """Claim the folder for a job.

        Args:
            job: What to run.
            zoo_digest: Stands for the zoo's content; the job names only its folder.
            resume: Go on with the run in the folder.
            split_digest: Stands for what the providers hold, where the job names a manifest.

        Raises:
            InputError: The folder holds another job's run, or this one's and `resume` was not
                asked for, or none and it was; or it cannot be written.
        """
        claim = {"id": job.id, "zoo_digest": zoo_digest, "split_digest": split_digest}
        try:
            if self._job.exists():
                self._check_claim(claim, f"zoo {job.zoo}", resume)
            else:
                self._claim(claim | as_table(job), resume)
            self.nodes.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be used as the folder of a run ({error.strerror}); name "
                "another with --out."
            ) from error

    def check_zoo(self, job: Job | GroupedJob, zoo_digest: str) -> None:
        """Make sure that this is the run of a job with this zoo, whoever the providers were.

        Raises:
            InputError: It is another's, or the folder holds no run.
        """
        if not self._job.is_file():
            raise InputError(f"{self.path} holds no run; give the folder that --out named.")
        self._check_claim({"id": job.id, "zoo_digest": zoo_digest}, f"zoo {job.zoo}", resume=True)

    def load(self) -> Tensors | None:
        """Return the last checkpoint, None before the first.

        Raises:
            InputError: The file is damaged.
        """
        return _read(self._checkpoint)

    def save(self, tensors: Tensors) -> None:
        """Replace the checkpoint; it is on disk when this returns."""
        _write(self._checkpoint, tensors)

    def load_evidence(self) -> Tensors | None:
        """Return what a fusion is fitted on, None before it is there; errors as `load`."""
        return _read(self.evidence)

    def save_evidence(self, tensors: Tensors) -> None:
        """Keep what a fusion is fitted on; it is on disk when this returns."""
        _write(self.evidence, tensors)

    def _claim(self, claim: Mapping[str, Any], resume: bool) -> None:
        if resume:
            raise InputError(
                f"{self.path} holds no run to resume; leave out --resume to start one."
            )
        if self.path.exists() and not all(map(_is_partial, self.path.iterdir())):
            raise InputError(f"{self.path} is not empty; name another folder with --out.")
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self._job, json.dumps(claim, indent=2).encode())

    def _check_claim(self, claim: Mapping[str, str], zoo: str, resume: bool) -> None:
        if not resume:
            raise InputError(
                f"{self.path} already holds a run; add --resume to go on with it, or name another "
                "folder with --out."
            )
        try:
            recorded = json.loads(self._job.read_bytes())
            changed = [name for name, now in claim.items() if recorded[name] != now]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self._job} is damaged; delete the folder and start the job again."
            ) from error
        what = {"id": "job file", "zoo_digest": zoo, "split_digest": "providers' manifest"}
        if changed:
            raise InputError(
                f"the {what[changed[0]]} has changed since the run in {self.path} began; undo the "
                "change, or start a new run in another folder with --out."
            )


def _read(path: Path) -> Tensors | None:
    if not path.exists():
        return None
    try:
        return load(path.read_bytes())
    except SafetensorError as error:
        raise InputError(
            f"{path} is damaged; delete the folder and start the job again."
        ) from error


def _write(path: Path, tensors: Tensors) -> None:
    write_atomically(path, save({name: value.contiguous() for name, value in tensors.items()}))


def _is_partial(path: Path) -> bool:
    """Whether this is what `write_atomically` leaves behind when it is killed."""
    return path.name.startswith(".") and path.suffix == ".partial"
