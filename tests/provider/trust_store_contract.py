"""What every store of trust has to keep to. A test class inherits it, and makes one."""

from dataclasses import replace
from pathlib import Path

import pytest

from protocols.ids import JobId, ProviderId
from protocols.secagg.manifest import JobManifest, sign_manifest
from protocols.secagg.standing import Standing
from provider.trust import Known, TrustStore
from tests.identities import COORDINATOR, first_roster, member_of

ALICE, BOB, JOB = ProviderId("alice"), ProviderId("bob"), JobId("job")
FIRST = first_roster("alice", "bob")
SECOND = FIRST.following([*FIRST.members, member_of("carol")], [COORDINATOR.public])
MANIFEST = JobManifest(
    JOB, COORDINATOR.public, FIRST.digest, (ALICE, BOB), frozenset({"squared_error"})
)


class TrustStoreContract:
    """Inherit, and say how a store is made."""

    def make(self, folder: Path) -> TrustStore:
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> TrustStore:
        return self.make(tmp_path)

    def test_a_new_store_knows_nothing(self, store: TrustStore) -> None:
        assert store.known() is None
        assert store.manifest(ALICE, JOB) is None

    def test_the_last_roster_is_kept_with_its_standing(self, store: TrustStore) -> None:
        before = Standing().seen(FIRST, 100)
        store.keep(Known(FIRST, before))
        assert store.known() == Known(FIRST, before)
        after = before.seen(SECOND, 200)
        store.keep(Known(SECOND, after))
        assert store.known() == Known(SECOND, after)

    def test_manifests_are_kept_by_provider_and_job(self, store: TrustStore) -> None:
        first = sign_manifest(MANIFEST, COORDINATOR)
        second = sign_manifest(replace(MANIFEST, makes_models=True), COORDINATOR)
        store.keep_manifest(ALICE, JOB, first)
        store.keep_manifest(BOB, JOB, second)
        assert store.manifest(ALICE, JOB) == first
        assert store.manifest(BOB, JOB) == second
        assert store.manifest(ALICE, JobId("another")) is None
        store.keep_manifest(ALICE, JOB, second)
        assert store.manifest(ALICE, JOB) == second
