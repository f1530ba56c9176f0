from pathlib import Path

from provider.attempts import AttemptLedger, MemoryAttempts
from tests.provider.attempt_ledger_contract import AttemptLedgerContract


class TestMemoryAttempts(AttemptLedgerContract):
    def make(self, folder: Path) -> AttemptLedger:
        return MemoryAttempts()
