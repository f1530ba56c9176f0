"""The site's data as its jobs see it."""

import logging
from dataclasses import replace

from provider.data.report import SnapshotReport
from provider.data.settings import open_source
from provider.data.store import SnapshotStore
from provider.site.config import SiteConfig
from provider.site.engagements import Standing
from provider.site.memory import Memory

log = logging.getLogger(__name__)


def look_at_data(store: SnapshotStore, config: SiteConfig, floor: int) -> SnapshotReport:
    """Make what is there now visible to jobs that begin later.

    Args:
        store: Of the site.
        config: Where the data lies, and what it is called.
        floor: The policy's fewest rows; so many change together at least.

    Raises:
        InputError: The data cannot be used.
    """
    rules = config.node.snapshot
    report = store.refresh(
        open_source(config.node.data),
        config.labels,
        replace(rules, min_rows=max(rules.min_rows, floor)),
    )
    for row in report.newly_corrupt:
        log.warning("left out: %s", row)
    return report


def snapshots_of(memory: Memory) -> SnapshotStore:
    """The store of a site; snapshots of jobs that are over are removed.

    Raises:
        InputError: The folder cannot be used.
    """
    store = SnapshotStore(memory.home.snapshots)
    store.keep_only(
        [
            engagement.snapshot
            for engagement in memory.engagements.every()
            if engagement.standing is Standing.JOINED and engagement.snapshot
        ]
    )
    return store
