"""A federation on one machine: an authority, sites with their owners, the coordinator's process."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from coordinator.authority.folder import FederationFolder
from coordinator.cli import app as coordinator
from coordinator.unix_calls import call
from protocols.ids import ProviderId
from provider.site.home import Home
from provider.site.identity import fingerprint, load_key
from synlearn.datasets.mixed_plan import Part
from synlearn.errors import InputError
from tests.integration.grouped import pool, write_grouped_site
from tests.integration.sites import OPEN, PATIENCE, Owner, until

COMMAND = str(Path(sys.executable).with_name("synlearn-coordinator"))


@dataclass
class Region:
    """A federation's folder, sites that belong to it, a job for them, and its coordinator."""

    folder: Path
    job: Path
    owners: list[Owner] = field(default_factory=list)
    up: "subprocess.Popen[bytes] | None" = None
    up_before: Sequence[str] = ()

    @property
    def federation(self) -> FederationFolder:
        return FederationFolder(self.folder / "federation")

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def command(self, *words: str, code: int = 0) -> str:
        """One command of the operator, or of the authority."""
        result = CliRunner().invoke(coordinator, words)
        assert result.exit_code == code, (words, result.output, result.exception)
        return result.output

    def start(self) -> None:
        """Start the coordinator, and wait until it answers."""
        with (self.folder / "up.log").open("ab") as sink:
            self.up = subprocess.Popen(  # noqa: S603 - our own command
                [
                    *self.up_before,
                    COMMAND,
                    "up",
                    "--federation",
                    str(self.federation.root),
                    "--runs",
                    str(self.runs),
                ],
                stdout=sink,
                stderr=sink,
                env=_environment(),
            )
        until(self._answers, self.log)

    def kill(self) -> None:
        """End the coordinator as a crash does."""
        assert self.up is not None
        self.up.kill()
        self.up.wait()

    def stop(self) -> int:
        """End the coordinator as an operator does; its exit code."""
        assert self.up is not None
        self.up.terminate()
        return self.up.wait(PATIENCE)

    def log(self) -> str:
        return (self.folder / "up.log").read_text()

    def submit(self, name: str, job: Path | None = None, *more: str) -> "subprocess.Popen[str]":
        """Begin `run`, which waits for the job's end."""
        words = (*self.up_before, COMMAND, "run", str(job or self.job), "--name", name)
        return subprocess.Popen(  # noqa: S603 - our own command
            [*words, "--federation", str(self.federation.root), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def status(self, name: str) -> dict[str, Any]:
        """How a run stands; empty when there is none."""
        jobs = call(self.federation.control, {"call": "status"})["jobs"]
        return next((each for each in jobs if each["name"] == name), {})

    def wait(
        self, name: str, holds: Callable[[dict[str, Any]], bool], patience: float
    ) -> dict[str, Any]:
        """Wait until a run's status is as it should be; returns it."""
        deadline = time.monotonic() + patience
        while True:
            told: dict[str, Any] = {}
            with suppress(InputError):  # the coordinator is just starting again
                told = self.status(name)
            if told and holds(told):
                return told
            assert time.monotonic() < deadline, (told, self.log()[-4000:])
            time.sleep(0.2)

    def variant(self, seed: int) -> Path:
        """The same job from another seed."""
        path = self.job.with_name(f"seed-{seed}.toml")
        path.write_text(self.job.read_text().replace("seed = 5", f"seed = {seed}"))
        return path

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log of a run so far."""
        path = self.runs / name / "log.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def _answers(self) -> bool:
        assert self.up is not None
        assert self.up.poll() is None, self.log()
        try:
            call(self.federation.control, {"call": "status"})
        except InputError:
            return False
        return True


def _environment() -> dict[str, str]:
    """As it is, but for what importing Flower into this process leaves there: it silences gRPC."""
    kept = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    return kept | {"OMP_NUM_THREADS": "1"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_share(folder: Path, place: int, of: int) -> None:
    """Every so many-th image that providers may hold of the classes of one set, as arrays."""
    images, labels = [], []
    for label, entry in enumerate(pool().classes):
        rows = pool().rows(Part.PROVIDER, label)[place::of]
        if entry.domain == "cifar100" and len(rows):
            images.append(pool().pictures[rows])
            labels += [entry.full_name] * len(rows)
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", np.concatenate(images))
    np.save(folder / "labels.npy", np.array(labels))


def tiny_job(folder: Path) -> Path:
    """A job of seconds for sites, with its zoo, in an existing folder."""
    job = write_grouped_site(folder)
    text = job.read_text()
    for line in ('pool = "pool.safetensors"', 'split = "split.json"'):
        text = text.replace(line, "")
    text = text.replace("k_least = 1", "k_least = 2")  # the sites' own floor
    job.write_text(f"{text}\n[session]\njoin_timeout = 600.0\n")  # of a busy machine
    return job


def make_region(
    folder: Path,
    names: Sequence[ProviderId],
    *,
    supernode: Callable[[ProviderId], Path] | None = None,
    job: Path | None = None,
    write: Callable[[Path, int], None] | None = None,
    host: str = "localhost",
    before: Callable[[str], Sequence[str]] = lambda _: (),
) -> Region:
    """Found a federation, make its sites, and admit them; nothing is started yet.

    Args:
        folder: For everything.
        names: Of the sites.
        supernode: Gives the public key file of each site's SuperNode.
        job: For them; a tiny one where none is given.
        write: Writes the data of a site, by its place, into a new folder.
        host: Under which nodes dial the coordinator.
        before: Words before the command that starts a site's node.
    """
    region = Region(folder, job or tiny_job(folder))
    root = str(folder / "federation")
    words = ("--name", "region", "--host", host, "--port", str(free_port()))
    region.command("federation", "init", root, *words)
    for place, name in enumerate(names):
        data = folder / name / "data"
        if write is None:
            write_share(data, place, len(names))
        else:
            write(data, place)
    add_sites(region, names, supernode=supernode)
    for owner in region.owners:
        owner.before = before(owner.name)
    return region


def add_sites(
    region: Region,
    names: Sequence[ProviderId],
    *,
    supernode: Callable[[ProviderId], Path] | None = None,
) -> None:
    """Make sites on data that lie there already, and admit them in one version of the roster."""
    folder, new = region.folder, []
    for name in names:
        owner = Owner(Home(folder / name / "node"), name, folder / name / "data")
        owner.run("init", "--provider", name, "--data", str(owner.data), "--same-labels")
        owner.home.policy.write_text(OPEN)
        more = ("--supernode", str(supernode(name))) if supernode else ()
        owner.run("request", str(folder / f"{name}.request"), *more)
        new.append(owner)
    requests = [str(folder / f"{name}.request") for name in names]
    marks = [
        word
        for owner in new
        for word in ("--fingerprint", fingerprint(load_key(owner.home.key).identity.public))
    ]
    root = str(region.federation.root)
    region.command("federation", "admit", root, *requests, *marks, "--out", str(folder))
    for owner in new:
        admission = str(folder / f"{owner.name}.admission")
        owner.run("enrol", admission, "--authority", region.federation.public.hex())
    region.owners += new


def join_all(region: Region) -> None:
    """Every owner agrees to what lies before them."""
    for owner in region.owners:
        for job in standing(owner, "invited"):
            owner.run("join", job, "--yes")


def standing(owner: Owner, wanted: str) -> list[str]:
    """Jobs of a site that stand so."""
    jobs = json.loads(owner.run("status", "--json").output)["jobs"]
    return [each["job"] for each in jobs if each["standing"] == wanted]


def bring_invitations(region: Region, name: str) -> None:
    """Bring each owner its invitation by hand, and have them agree."""
    for owner in region.owners:
        file = region.runs / name / "invitations" / f"{owner.name}.invitation"
        until(file.is_file, region.log)
        owner.run("invite", str(file))
    join_all(region)


@contextmanager
def running(region: Region) -> Iterator[Region]:
    """Start all sites and the coordinator, and end them afterwards."""
    try:
        for owner in region.owners:
            owner.start()
        region.start()
        yield region
    finally:
        for owner in region.owners:
            owner.stop()
        if region.up is not None and region.up.poll() is None:
            region.stop()
