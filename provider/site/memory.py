"""What a site remembers: one SQLite file, which the owner's commands and the node share."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from protocols.ids import ProviderId
from provider.journal import Journal
from provider.ledger_file import LedgerFile
from provider.ledger_head import HeadFile
from provider.policies.approvals import Approvals
from provider.site.config import SiteConfig, read_config
from provider.site.engagements import Engagements
from provider.site.home import Home
from provider.site.identity import SiteKey, load_key
from provider.site.switch import PauseSwitch


@dataclass(frozen=True, slots=True)
class Memory:
    """An open site.

    Attributes:
        home: Its folder.
        config: Its `node.toml`.
        key: Its identity.
        file: The ledger's file.
        journal: The chain of all that happened, signed by the identity.
        engagements: The jobs.
        switch: Whether it is paused.
        approvals: Questions that wait for the owner.
    """

    home: Home
    config: SiteConfig
    key: SiteKey
    file: LedgerFile
    journal: Journal
    engagements: Engagements
    switch: PauseSwitch
    approvals: Approvals

    @property
    def provider(self) -> ProviderId:
        """Its name in the federation."""
        return self.config.node.name


@contextmanager
def open_memory(home: Home) -> Iterator[Memory]:
    """Open the memory of a site.

    Raises:
        InputError: There is no site, or a file of it cannot be used.
    """
    home.check()
    config, key = read_config(home.config), load_key(home.key)
    file = LedgerFile(home.ledger, durable=config.node.ledger.durable)
    try:
        journal = Journal(file, config.node.name, key.identity, head=HeadFile(home.head))
        yield Memory(
            home,
            config,
            key,
            file,
            journal,
            Engagements(journal, time.time),
            PauseSwitch(journal),
            Approvals(file, config.node.name, now=time.time),
        )
    finally:
        file.close()
