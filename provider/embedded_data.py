"""What the embedded nodes of one process hold: data that lies on the coordinator's own disk.

A deployed node has its owner's data. An embedded one is told by the coordinator which dSprites
domain, or which provider's share of a pool of labelled images, it stands for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provider.dataset import ClassImages, Dataset, DspritesDomain
from synlearn.datasets.mixed_pool_file import read_pool
from synlearn.datasets.mixed_providers import provider_images, provider_rows
from synlearn.datasets.mixed_split import read_split
from synlearn.errors import InputError


@dataclass(frozen=True, slots=True)
class DspritesShare:
    """The training rows of one dSprites domain; `split_seed` names the split."""

    domain: int
    split_seed: int


@dataclass(frozen=True, slots=True)
class PoolShare:
    """What provider `number` of a manifest holds of a pool; both are files."""

    pool: Path
    split: Path
    number: int


Share = DspritesShare | PoolShare


def read_share(table: Mapping[str, Any]) -> Share:
    """Read what the coordinator writes: the fields of one of the two."""
    if "domain" in table:
        return DspritesShare(table["domain"], table["split_seed"])
    return PoolShare(Path(table["pool"]), Path(table["split"]), table["number"])


def open_shares(shares: Sequence[Share]) -> list[Dataset]:
    """Open the data of all nodes; a pool is read once, and let go when its shares are taken.

    Raises:
        InputError: A pool cannot be read, or was built from another manifest.
    """
    pools = {(share.pool, share.split) for share in shares if isinstance(share, PoolShare)}
    found: dict[PoolShare, ClassImages] = {}
    for pool, split in sorted(pools):
        wanted = [share for share in shares if isinstance(share, PoolShare) and share.pool == pool]
        found |= _of_pool(pool, split, wanted)
    return [
        found[share]
        if isinstance(share, PoolShare)
        else DspritesDomain(share.domain, share.split_seed)
        for share in shares
    ]


def _of_pool(path: Path, split: Path, shares: Sequence[PoolShare]) -> dict[PoolShare, ClassImages]:
    manifest = read_split(split)
    pool = read_pool(path, manifest.digest)
    if pool is None:
        raise InputError(f"{path} is not there, or was built from another manifest than {split}.")
    rows = provider_rows(pool, manifest)
    return {share: ClassImages(provider_images(pool, rows[share.number])) for share in shares}
