"""How long a node has known the identities of a roster, and which of them count as company.

A floor ("at least 5 parties") is worth little if somebody can mint parties. So a key that is new to
a node takes part at once, but counts towards that node's floors only after a grace time, in which
its owner can see it in the roster and object, or approve it sooner.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from protocols.ids import ProviderId
from protocols.secagg.fields import Fields, integers, rows
from protocols.secagg.keys import KEY_BYTES
from protocols.secagg.roster import Roster
from protocols.values import encode_values

_KIND = "standing/v1"
GRACE = 7 * 24 * 3600
"""Seconds until a new identity counts, unless a node is told otherwise."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What one node remembers about identities; a value, changed by making the next one.

    It knows keys, not names: a provider that changes its key is new, one that changes its name is
    not. A key that leaves the roster is forgotten, with any approval, and new if it returns; so
    none can be shown once, hidden, and brought back with its time served.

    The clock never runs backwards here: the latest time seen stands until the clock has caught up.
    A clock set back thus neither ages an identity nor makes one young; it only lets them wait.
    Nothing tells a clock set forward from time gone by: the machine's owner must keep it right.

    Attributes:
        since: When each identity of the last roster came into view, in unix seconds.
        approved: Those of them that count at once.
        latest: The latest time seen; -1 before the first roster.
    """

    since: Mapping[bytes, int] = field(default_factory=dict)
    approved: frozenset[bytes] = frozenset()
    latest: int = -1

    def __post_init__(self) -> None:
        if not self.approved <= self.since.keys():
            raise ValueError("an identity is approved that is not in the roster")
        if any(not 0 <= first <= self.latest for first in self.since.values()):
            raise ValueError("an identity was first seen before 1970, or later than the last look")

    def seen(self, roster: Roster, now: int) -> "Standing":
        """The standing after `roster` was accepted; do this for each accepted version, in order.

        The identities of the very first roster count at once: the owner pinned them with it.

        Args:
            roster: As accepted.
            now: Unix seconds, 0 or more.
        """
        first = self.latest < 0
        latest = max(now, self.latest)
        present = frozenset(roster.identities.values())
        return Standing(
            since={key: self.since.get(key, latest) for key in present},
            approved=present if first else self.approved & present,
            latest=latest,
        )

    def approve(self, identity: bytes) -> "Standing":
        """The standing after the owner approved of an identity; it counts from now on.

        Raises:
            ValueError: The identity is not in the last roster seen.
        """
        if identity not in self.since:
            raise ValueError(
                f"no member has the identity {identity.hex()}; copy it from the roster"
            )
        return replace(self, approved=self.approved | {identity})

    def counted(self, roster: Roster, *, now: int, grace: int) -> frozenset[ProviderId]:
        """Members of `roster` that count towards floors.

        Args:
            roster: The one that `seen` was last given; an identity that was never seen does not
                count.
            now: Unix seconds.
            grace: Seconds that an identity must have been in view, 0 or more.
        """
        newest = max(now, self.latest) - grace
        return frozenset(
            name
            for name, key in roster.identities.items()
            if key in self.approved or (key in self.since and self.since[key] <= newest)
        )

    def encode(self) -> bytes:
        """The standing's bytes, for the node's own disk."""
        keys = sorted(self.since)
        return encode_values(
            _KIND,
            {
                "identities": rows(keys, KEY_BYTES),
                "since": integers(self.since[key] for key in keys),
                "approved": rows(sorted(self.approved), KEY_BYTES),
                "latest": self.latest,
            },
        )

    @classmethod
    def decode(cls, data: bytes) -> "Standing":
        """Read what `encode` wrote; ValueError for anything else."""
        fields = Fields(data, _KIND)
        keys = fields.rows("identities", KEY_BYTES)
        standing = cls(
            since=dict(zip(keys, fields.integers("since"), strict=True)),
            approved=frozenset(fields.rows("approved", KEY_BYTES)),
            latest=fields.integer("latest"),
        )
        if standing.encode() != data:
            raise ValueError("a standing of identities is not written in the one canonical way")
        return standing
