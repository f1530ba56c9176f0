from pathlib import Path

from provider.ledger import Ledger, MemoryLedger
from tests.provider.ledger_contract import LedgerContract


class TestMemoryLedger(LedgerContract):
    def make(self, folder: Path) -> Ledger:
        return MemoryLedger()
