"""A worker of an embedded federation whose nodes hold what real sites hold, and draw as they do.

Started in the place of `provider.embedded`. A share names the home of a site in its field `pool`.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from protocols.ids import ProviderId
from provider import embedded
from provider.data.store import SnapshotStore
from provider.dataset import Dataset
from provider.embedded_data import PoolShare, Share
from provider.site.config import read_config
from provider.site.home import Home
from provider.site.identity import load_key
from provider.site.snapshots import look_at_data

_HOMES: dict[ProviderId, Path] = {}


def _open_shares(shares: Sequence[Share]) -> list[Dataset]:
    return [_data_of(share.pool) for share in shares if isinstance(share, PoolShare)]


def _data_of(home: Path) -> Dataset:
    config = read_config(Home(home).config)
    _HOMES[config.node.name] = home
    store = SnapshotStore(Path(tempfile.mkdtemp()))
    return store.open(look_at_data(store, config, floor=1).digest)


def _secret(seed: int, provider: ProviderId) -> bytes:
    return load_key(Home(_HOMES[provider]).key).row_secret


if __name__ == "__main__":
    vars(embedded).update(open_shares=_open_shares, _secret=_secret)
    embedded.main()
