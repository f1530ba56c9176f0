"""The coordinator's way to its SuperLink: the `flwr` command, as operators use it.

A run of ours ships a bundle without code: its two apps are named, and both ends have them
installed. Nothing that a run answers is believed; it carries invitations.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synlearn.atomic import write_atomically
from synlearn.errors import InputError

_CONNECTION = "synlearn"
_BUNDLE = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "synlearn-invitations"
version = "1.0.0"
description = "Carries invitations to SynLearn jobs; the code is what both ends have installed."
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "synlearn"

[tool.flwr.app.components]
serverapp = "coordinator.app:app"
clientapp = "provider.app:app"

[tool.flwr.app.config]
job = ""
"""
QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
}
"""Environment of every Flower process: they connect to nothing but each other."""
_PATIENCE = 60.0
"""Seconds for one command."""


class SuperLinkError(RuntimeError):
    """The SuperLink does not do what it was asked; it may later."""


@dataclass(frozen=True, slots=True)
class SuperLink:
    """Registers SuperNodes, and starts runs.

    Args:
        folder: Of our own, for Flower's configuration and our bundle.
        address: Of the Control API, host:port.
        root_certificates: PEM file with the authority of its certificate.
    """

    folder: Path
    address: str
    root_certificates: Path

    def prepare(self) -> None:
        """Write what the commands need.

        Raises:
            InputError: Flower is not installed.
        """
        if not _command().is_file():
            raise InputError("Flower is not installed; install synlearn with its extra `flower`.")
        certificates = json.dumps(str(self.root_certificates.resolve()))
        (self.folder / "bundle").mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / "bundle" / "pyproject.toml", _BUNDLE.encode())
        write_atomically(
            self.folder / "config.toml",
            f"[superlink]\ndefault = {json.dumps(_CONNECTION)}\n[superlink.{_CONNECTION}]\n"
            f"address = {json.dumps(self.address)}\nroot-certificates = {certificates}\n".encode(),
        )

    def register(self, key: Path, name: str) -> str:
        """Let the SuperNode with this public key connect; returns its number.

        Returns:
            Flower's number of it; empty for one that was registered by another.

        Raises:
            SuperLinkError: As it says.
        """
        words = ("supernode", "register", str(key.resolve()), _CONNECTION, "--name", name)
        try:
            return str(self._run(*words).get("node-id", ""))
        except SuperLinkError as error:
            if "already in use" not in str(error):
                raise
            return ""

    def unregister(self, node: str) -> None:
        """Let a SuperNode connect no more.

        Raises:
            SuperLinkError: As it says.
        """
        if node:
            self._run("supernode", "unregister", node, _CONNECTION)

    def submit(self, job: str) -> str:
        """Start a run that carries a job's invitations; returns its number.

        Raises:
            SuperLinkError: As it says.
        """
        words = ("run", str(self.folder / "bundle"), _CONNECTION)
        said = self._run(*words, "--run-config", f"job={json.dumps(job)}")
        return str(said.get("run-id", ""))

    def end(self, run: str) -> None:
        """Stop a run; one that is over is left alone."""
        try:
            self._run("stop", run, _CONNECTION)
        except SuperLinkError:
            return  # it ends by itself, once its ServerApp asks

    def _run(self, *words: str) -> Mapping[str, Any]:
        environment = os.environ | QUIET | {"FLWR_HOME": str(self.folder.resolve())}
        try:
            done = subprocess.run(  # noqa: S603 - the command of an installed package
                [str(_command()), *words, "--format", "json"],
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SuperLinkError(f"`flwr {words[0]}` took over {_PATIENCE:.0f} s") from error
        except OSError as error:
            raise SuperLinkError(f"{_command()} cannot be run ({error.strerror})") from error
        try:
            said = json.loads(done.stdout)
        except ValueError as error:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
            raise SuperLinkError(f"`flwr {words[0]}` failed: {reason[0]}") from error
        if not isinstance(said, dict) or not said.get("success"):
            why = said.get("error-message", "") if isinstance(said, dict) else said
            text = " ".join(str(why).split())
            raise SuperLinkError(f"`flwr {words[0]}` failed: {text}")
        return said


def _command() -> Path:
    return Path(sys.executable).with_name("flwr")
