from pathlib import Path

import numpy as np
import pytest

from provider.embedded_data import DspritesShare, PoolShare, open_shares, read_share
from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_pool_file import write_pool
from synlearn.errors import InputError
from tests import mixed


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """A pool and its manifest, side by side."""
    write_pool(tmp_path / "pool", mixed.pool(), mixed.split().digest)
    (tmp_path / "split").write_bytes(mixed.split().to_json())
    return tmp_path


def test_a_share_is_read_as_it_was_written() -> None:
    assert read_share({"domain": 3, "split_seed": 1}) == DspritesShare(3, 1)
    table = {"pool": "/a/pool", "split": "/a/split", "number": 4}
    assert read_share(table) == PoolShare(Path("/a/pool"), Path("/a/split"), 4)


def test_all_shares_of_a_pool_are_what_the_manifest_says(pool: Path) -> None:
    holders = mixed.split().providers
    shares = [PoolShare(pool / "pool", pool / "split", number) for number in range(len(holders))]
    found = open_shares([shares[1], DspritesShare(0, 0), *shares[2:], shares[0]])
    sprites = found.pop(1)
    assert sprites.input_shape == (1, 64, 64)
    for data, holder in zip([found[-1], *found[:-1]], holders, strict=True):
        assert list(data.classes) == sorted(f"{holder.domain}/{name}" for name in holder.classes)
        assert data.input_shape == (3, 32, 32)
    assert sum(data.rows for data in found) == len(mixed.pool().rows(Part.PROVIDER))
    images = found[0].images(np.arange(2))
    assert images.min() >= 0
    assert images.max() <= 1


def test_a_pool_of_another_manifest_is_refused(pool: Path) -> None:
    write_pool(pool / "pool", mixed.pool(), "0" * 64)
    with pytest.raises(InputError, match="built from another manifest"):
        open_shares([PoolShare(pool / "pool", pool / "split", 0)])
