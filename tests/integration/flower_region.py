"""A region whose invitations Flower carries: SuperLink, proxy, and a SuperNode for each site."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from coordinator.app import SOCKET
from coordinator.authority.folder import FederationFolder
from protocols.ids import ProviderId
from tests.flower_processes import FlowerSite, flower_site
from tests.integration.region import Region, make_region, running
from tests.integration.sites import until


@dataclass
class FlowerRegion:
    """Sites, their coordinator, and the Flower processes between them."""

    region: Region
    flower: FlowerSite


@contextmanager
def flower_region(
    folder: Path,
    names: Sequence[ProviderId],
    *,
    job: Path | None = None,
    write: Callable[[Path, int], None] | None = None,
    host: str = "localhost",
    before: Callable[[str], Sequence[str]] = lambda _: (),
) -> Iterator[FlowerRegion]:
    """Start everything that a federation of these sites runs; its SuperNodes may still be joining.

    Args:
        folder: An empty one, with a short path.
        names: Of the sites.
        job, write, host, before: As `make_region`.
    """
    own = folder / "flower"
    own.mkdir()
    bridge = folder / "federation" / "sockets" / "bridge"
    with flower_site(own, superexec={SOCKET: str(bridge)}) as flower:
        keys = {}
        for name in names:
            door = folder / name / "node" / "door" / "invitations.sock"
            keys[name] = flower.add_provider(name, door, register=False, start=False).public_key
        region = make_region(folder, names, supernode=keys.__getitem__, job=job, write=write)
        _name_superlink(region.federation, flower)
        with running(region):
            for name in names:  # of a SuperNode that is not registered yet, the start fails
                until(partial(_is_registered, region, name), region.log)
                flower.providers[name].start()
            yield FlowerRegion(region, flower)


def _is_registered(region: Region, name: ProviderId) -> bool:
    return f"SuperNode of {name} is registered" in region.log()


def _name_superlink(federation: FederationFolder, flower: FlowerSite) -> None:
    path = federation.root / "federation.toml"
    ca = str(flower.ca)
    text = f'\n[flower]\nsuperlink = "{flower.loopback}"\nroot_certificates = "{ca}"\n'
    path.write_text(path.read_text() + text)
