import hashlib
from itertools import count

import pytest

from coordinator.embedded_trust import EmbeddedTrust, embedded_trust
from protocols.ids import JobId, digest_of
from protocols.masked import MASKED
from protocols.mquery import Join
from protocols.queries import QUERIES
from protocols.secagg.keys import Identity
from protocols.secagg.manifest import sign_manifest
from protocols.secagg.member import Transport
from provider.trust import Federation, MemoryTrust, Trust
from tests.masked_nodes import names

JOB = JobId("job")
FILE = digest_of(b"file")


def made(masked: frozenset[str] = frozenset({"squared_error"})) -> EmbeddedTrust:
    numbers = count()

    def fresh(size: int) -> bytes:
        return hashlib.sha256(str(next(numbers)).encode()).digest()[:size]

    return embedded_trust(JOB, names(4), fresh=fresh, masked=masked, models=[FILE])


def test_nodes_that_are_given_it_believe_the_coordinator() -> None:
    trust = made()
    federation = Federation(trust.authority, MemoryTrust(), now=lambda: 0)
    federation.follow((trust.roster,))
    for name, private in trust.identities.items():
        node = Trust(name, JOB, Identity.from_bytes(private), federation)
        node.join(Join(trust.job.links, sign_manifest(trust.job.manifest, trust.job.identity)))
        node.check("squared_error", (FILE,), Transport.MASKED)
        node.check("class_feature_sums", (FILE,), Transport.MASKED)
        node.check("describe", (), Transport.PLAIN)
    assert federation.counted() == frozenset(names(4))


def test_every_function_travels_in_one_way() -> None:
    trust = made()
    (transports,) = {
        tuple(member.transport(name) for name in sorted({*QUERIES, *MASKED}))
        for member in trust.job.roster.members
    }
    assert None not in transports
    assert transports.count(Transport.MASKED) == 2


def test_all_keys_are_different() -> None:
    trust = made()
    keys = [*trust.identities.values(), trust.authority, trust.job.identity.public]
    assert len(set(keys)) == 6


@pytest.mark.parametrize("masked", [frozenset(), frozenset(MASKED)])
def test_what_exists_as_a_sum_alone_is_masked(masked: frozenset[str]) -> None:
    for member in made(masked).job.roster.members:
        assert member.transport("class_feature_sums") is Transport.MASKED
