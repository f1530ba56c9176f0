"""A hostile app bundle in the place of either bridge, under the users that the units have."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from coordinator.app import SOCKET
from protocols.ids import ProviderId
from tests.flower_processes import FlowerSite, flower_site
from tests.integration.region import Region, make_region
from tests.integration.sites import Owner, until
from tests.open_interpreter import open_interpreter

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("setpriv") is None,
        reason="processes of other users need root, and setpriv",
    ),
]

BUNDLE = Path(__file__).parent / "hostile_bundle"
NORTH = ProviderId("north")
NODE, CLIENTAPP, UP, SERVERAPP = 64001, 64002, 64003, 64004
"""Users; the groups of the two Flower ones are those of the sockets that they may reach."""


Words = tuple[str, ...]


@pytest.fixture(scope="module")
def opened() -> Iterator[Words]:
    with open_interpreter() as words:
        yield words


def as_user(user: int, group: int) -> Words:
    return ("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups")


def give(user: int, group: int, *places: Path) -> None:
    """Hand files over, closed to everybody else."""
    for place in places:
        for path in [place, *place.rglob("*")]:
            os.chown(path, user, group, follow_symlinks=False)
        place.chmod(0o700)


@dataclass
class Besieged:
    """A site and a coordinator, each with Flower's processes beside it under another user."""

    region: Region
    flower: FlowerSite

    @property
    def owner(self) -> Owner:
        return self.region.owners[0]

    def files(self) -> dict[str, list[str]]:
        """What must not be read, by whose it is."""
        home, federation = self.owner.home, self.region.federation.root
        node = [home.folder, home.key, home.ledger, home.policy, home.config, home.federation]
        node += [home.tls_key, home.snapshots, self.owner.data, self.owner.data / "images.npy"]
        run = self.region.runs / "besieged"
        up = [federation, federation / "coordinator" / "identity.pem", self.region.runs, run]
        up += [federation / "coordinator" / "tls.key", federation / "authority" / "identity.pem"]
        up += [run / "tokens.json", run / "log.jsonl", run / "job.json"]
        return {"node": [*map(str, node)], "up": [*map(str, up)]}


@pytest.fixture(scope="module")
def besieged(opened: Words) -> Iterator[Besieged]:
    folder = Path(tempfile.mkdtemp(prefix="hb-"))
    folder.chmod(0o755)
    sockets = folder / "sockets"
    own = folder / "flower"
    own.mkdir()
    environment = {SOCKET: str(sockets / "bridge")}
    guest = opened + as_user(SERVERAPP, SERVERAPP)
    with flower_site(own, superexec=environment, superexec_before=guest) as flower:
        door = folder / "door" / "invitations.sock"
        words = opened + as_user(CLIENTAPP, CLIENTAPP)
        north = flower.add_provider(NORTH, door, before=words, start=False)
        region = make_region(folder, [NORTH], supernode=lambda _: north.public_key)
        region.up_before = opened + as_user(UP, SERVERAPP)
        owner = region.owners[0]
        owner.before = opened + as_user(NODE, CLIENTAPP)
        settings = owner.home.config
        ours = f'users = [{CLIENTAPP}]\npath = "{door}"'
        settings.write_text(settings.read_text().replace("users = []", ours, 1))
        config = region.federation.root / "federation.toml"
        config.write_text(
            f'{config.read_text()}sockets = "{sockets}"\n[flower]\n'
            f'superlink = "{flower.loopback}"\nroot_certificates = "{flower.ca}"\n'
            f"users = [{SERVERAPP}]\n"
        )
        give(NODE, CLIENTAPP, owner.home.folder, owner.data)
        region.runs.mkdir()
        give(UP, SERVERAPP, region.federation.root, region.runs)
        give(CLIENTAPP, CLIENTAPP, own / NORTH)
        give(SERVERAPP, SERVERAPP, own / "superexec")
        os.chown(own / "superexec.secret", SERVERAPP, SERVERAPP)
        flower.superexec.stop()
        flower.superexec.start()
        for place, user in ((door.parent, NODE), (sockets, UP)):
            place.mkdir(mode=0o750)
            os.chown(place, user, CLIENTAPP if user == NODE else SERVERAPP)
        try:
            owner.start(door)
            region.start()
            north.start()
            flower.wait_online()
            yield Besieged(region, flower)
        finally:
            owner.stop()
            region.stop()
    shutil.rmtree(folder, ignore_errors=True)


def attack(besieged: Besieged, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Run the bundle; what its ClientApp and its ServerApp came by."""
    folder.chmod(0o777)
    bundle = folder / "bundle"
    shutil.copytree(BUNDLE, bundle)
    for name in ("coordinator", "provider", "protocols"):  # in the place of our own modules
        (bundle / name).mkdir()
        (bundle / name / "__init__.py").write_text("raise SystemExit('shadowed')")
    files, sockets = besieged.files(), besieged.region.federation.sockets
    door = str(besieged.region.folder / "door" / "invitations.sock")
    assert besieged.region.up is not None
    common = {"processes": [besieged.owner.pid, besieged.region.up.pid]}
    stolen = {"n1": "aGk=", "-1": "", "1e9": "x"}
    targets = {
        "client": {
            **common,
            "files": files["node"] + files["up"],
            "closed_sockets": [str(sockets / "control"), str(sockets / "bridge")],
            "open_sockets": [door],
            "loot": str(folder / "client.json"),
        },
        "server": {
            **common,
            "files": files["up"] + files["node"],
            "closed_sockets": [door],
            "open_sockets": [str(sockets / "bridge"), str(sockets / "control")],
            "bridge": str(sockets / "bridge"),
            "calls": {
                "as an operator": {"call": "stop", "name": "besieged"},
                "logs": {"call": "logs", "name": "../federation/coordinator"},
                "of no job": {"job": "x", "nodes": {}, "verdicts": []},
                "wrong nodes": {"job": "x", "nodes": stolen, "verdicts": []},
                "no nodes": {"job": "x"},
            },
            "loot": str(folder / "server.json"),
        },
    }
    (folder / "targets.json").write_text(json.dumps(targets))
    (folder / "targets.json").chmod(0o644)
    config = f'targets="{folder / "targets.json"}"'
    done = besieged.flower.flwr("run", str(bundle), "site", "--run-config", config)
    assert done.returncode == 0, done.stderr
    until((folder / "server.json").is_file, lambda: done.stdout)
    client, server = (
        json.loads((folder / f"{end}.json").read_text()) for end in ("client", "server")
    )
    return client, server


def had(found: Mapping[str, str]) -> list[str]:
    return [f"{name}: {what}" for name, what in found.items() if str(what).startswith("GOT")]


def test_a_hostile_bundle_reads_and_changes_nothing_at_either_end(besieged: Besieged) -> None:
    region, owner = besieged.region, besieged.owner
    process = region.submit("besieged", None, "--detach")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    folder = Path(tempfile.mkdtemp(prefix="loot-"))
    client, server = attack(besieged, folder)
    assert client["who"] == f"{CLIENTAPP}:{CLIENTAPP} []"
    assert server["who"] == f"{SERVERAPP}:{SERVERAPP} []"
    assert had(client) == []
    assert had(server) == []
    for name, what in {**client, **server}.items():
        if name.startswith("send"):
            assert 'accepted": true' not in what, (name, what)
            assert "over" not in what, (name, what)
    for name in ("as an operator", "logs", "wrong nodes", "no nodes"):
        assert "error" in server[f"call {name}"], server
    assert "'over': True, 'invitations': {}" in server["call of no job"]
    assert region.status("besieged")["state"] == "running"
    assert owner.process is not None
    assert owner.process.poll() is None, owner.log()


@pytest.mark.parametrize(("end", "user"), [("node", NODE), ("up", UP)])
def test_the_attempts_would_succeed_under_the_same_user(
    besieged: Besieged, opened: Words, end: str, user: int
) -> None:
    files = [path for path in besieged.files()[end] if Path(path).is_file()][:2]
    targets = {"files": files, "processes": [], "closed_sockets": [], "open_sockets": []}
    found = run_as(opened, user, targets)
    assert found["who"].startswith(f"{user}:")
    assert len([name for name in had(found) if name.startswith("read")]) == 2, found


def run_as(opened: Words, user: int, targets: Mapping[str, Sequence[object]]) -> dict[str, str]:
    """The attempts, without Flower."""
    attempts = [sys.executable, str(BUNDLE / "attempts.py"), json.dumps(targets)]
    words = [*opened, *as_user(user, user), *attempts]
    done = subprocess.run(words, capture_output=True, text=True, check=True)  # noqa: S603
    return dict(json.loads(done.stdout))
