from pathlib import Path

from protocols.secagg.standing import Standing
from provider.ledger_file import LedgerFile
from provider.sqlite_trust import SqliteTrust
from provider.trust import Known, TrustStore
from tests.identities import AUTHORITY, identity_of
from tests.provider.journals import journal_of
from tests.provider.trust_store_contract import FIRST, TrustStoreContract


class TestSqliteTrust(TrustStoreContract):
    def make(self, folder: Path) -> TrustStore:
        return SqliteTrust(journal_of(folder / "ledger.db"), AUTHORITY.public)


def test_what_was_known_under_one_authority_is_nothing_under_another(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "ledger.db")
    SqliteTrust(journal_of(file), AUTHORITY.public).keep(Known(FIRST, Standing().seen(FIRST, 1)))
    assert SqliteTrust(journal_of(file), identity_of("another authority").public).known() is None


def test_it_outlives_its_process(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    known = Known(FIRST, Standing().seen(FIRST, 1))
    SqliteTrust(journal_of(path), AUTHORITY.public).keep(known)
    assert SqliteTrust(journal_of(path), AUTHORITY.public).known() == known
