"""Journals of tests."""

import time
from collections.abc import Callable
from pathlib import Path

from protocols.ids import ProviderId
from provider.journal import Journal
from provider.ledger_file import LedgerFile
from provider.ledger_head import HeadFile
from tests.identities import identity_of

ALICE, BOB = ProviderId("alice"), ProviderId("bob")


def journal_of(
    where: Path | LedgerFile,
    provider: ProviderId = ALICE,
    *,
    head: Path | None = None,
    now: Callable[[], float] = time.time,
) -> Journal:
    """The journal of whoever is called so."""
    file = where if isinstance(where, LedgerFile) else LedgerFile(where)
    return Journal(
        file, provider, identity_of(provider), head=HeadFile(head) if head else None, now=now
    )
