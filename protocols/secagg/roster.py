"""The roster: who belongs to the federation, under which key, signed by its offline authority.

Rosters form a chain: each names the digest of the one before. A node pins the authority's key and
the first roster that it accepts, and follows the chain from there link by link, so that whoever
carries rosters to it (the coordinator) can neither change one, nor go back, nor leave one out.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

from protocols.errors import Code, Refused
from protocols.ids import Digest, ProviderId, digest, digest_of, provider_id
from protocols.secagg.fields import Fields, groups, rows
from protocols.secagg.keys import KEY_BYTES, Identity, is_identity
from protocols.secagg.member import Member
from protocols.secagg.signed import Signed
from protocols.values import encode_values

MAX_MEMBERS = 10_000
MAX_COORDINATORS = 100
MAX_VERSION = 2**31 - 1
NONE_BEFORE: Digest = Digest("")
"""Stands in the first roster for the digest of the one before."""

_KIND = "roster/v1"


@dataclass(frozen=True)
class Roster:
    """One version of the roster; equal rosters have equal bytes.

    Attributes:
        version: 1 for the first, then one more each time.
        previous: Digest of the version before; `NONE_BEFORE` in version 1.
        members: In ascending order of their names.
        coordinators: Ed25519 public keys of the coordinators that may sign job manifests, in
            ascending order; with none, no job can run.

    Raises:
        ValueError: A field is out of range or order, or a name or key stands twice; the sentence
            names it.
    """

    version: int
    previous: Digest
    members: tuple[Member, ...]
    coordinators: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not 1 <= self.version <= MAX_VERSION:
            raise ValueError(f"the version is {self.version}; it must lie in [1, {MAX_VERSION}]")
        if (self.version == 1) != (self.previous == NONE_BEFORE):
            raise ValueError("version 1, and no other, has no roster before it")
        if self.previous != NONE_BEFORE:
            digest(self.previous)
        if len(self.members) > MAX_MEMBERS or len(self.coordinators) > MAX_COORDINATORS:
            raise ValueError(
                f"a roster has at most {MAX_MEMBERS} members and {MAX_COORDINATORS} coordinators"
            )
        if not all(map(is_identity, self.coordinators)):
            raise ValueError("the key of a coordinator is no usable Ed25519 public key")
        names = [member.provider for member in self.members]
        keys = [member.identity for member in self.members]
        _check_distinct("provider", names)
        _check_distinct("key", [key.hex() for key in (*keys, *self.coordinators)])
        if names != sorted(names) or list(self.coordinators) != sorted(self.coordinators):
            raise ValueError("members and coordinators must be in ascending order")

    @classmethod
    def first(cls, members: Iterable[Member], coordinators: Iterable[bytes]) -> "Roster":
        """Version 1, with members and coordinators in any order."""
        return cls(1, NONE_BEFORE, _in_order(members), tuple(sorted(coordinators)))

    def following(self, members: Iterable[Member], coordinators: Iterable[bytes]) -> "Roster":
        """The version after this one, with members and coordinators in any order."""
        return Roster(
            self.version + 1, self.digest, _in_order(members), tuple(sorted(coordinators))
        )

    @cached_property
    def by_name(self) -> Mapping[ProviderId, Member]:
        """The members by their names."""
        return MappingProxyType({member.provider: member for member in self.members})

    @cached_property
    def identities(self) -> Mapping[ProviderId, bytes]:
        """The members' public keys by their names."""
        return MappingProxyType({member.provider: member.identity for member in self.members})

    @cached_property
    def digest(self) -> Digest:
        """SHA-256 of the encoded roster: what the next version and the job manifests name."""
        return digest_of(self.encode())

    def check_self(self, me: ProviderId, public: bytes) -> Member:
        """The entry of provider `me`, whose own public key is `public`.

        Raises:
            Refused: ROSTER_NOT_TRUSTED: there is none, or it has somebody else's key.
        """
        mine = self.by_name.get(me)
        if mine is None or mine.identity != public:
            found = "has no entry" if mine is None else f"has the key {mine.identity.hex()}"
            raise _distrust(
                f"roster {self.version} {found} for {me}, whose key is {public.hex()}; ask the "
                "authority to correct it"
            )
        return mine

    def encode(self) -> bytes:
        """The roster's bytes: what the authority signs."""
        return encode_values(
            _KIND,
            {
                "version": self.version,
                "previous": str(self.previous),
                "providers": tuple(self.identities),
                "identities": rows(self.identities.values(), KEY_BYTES),
                "coordinators": rows(self.coordinators, KEY_BYTES),
                **groups("classes", (sorted(member.classes) for member in self.members)),
                **groups("plain", (sorted(member.plain) for member in self.members)),
                **groups("masked", (sorted(member.masked) for member in self.members)),
            },
        )

    @classmethod
    def decode(cls, body: bytes) -> "Roster":
        """Parse what `encode` wrote.

        Raises:
            ValueError: Anything else, also bytes that mean a roster and are not its encoding.
        """
        fields = Fields(body, _KIND)
        names = fields.texts("providers")
        entries = zip(
            names,
            fields.rows("identities", KEY_BYTES),
            fields.groups("classes", len(names)),
            fields.groups("plain", len(names)),
            fields.groups("masked", len(names)),
            strict=True,
        )
        roster = cls(
            fields.integer("version"),
            Digest(fields.text("previous")),
            tuple(
                Member(provider_id(name), key, *map(frozenset, labels))
                for name, key, *labels in entries
            ),
            fields.rows("coordinators", KEY_BYTES),
        )
        if roster.encode() != body:
            raise ValueError("it is not written in the one canonical way")
        return roster


class SignedRoster(Signed):
    """A roster under the authority's signature."""

    __slots__ = ()
    purpose: ClassVar[str] = "synlearn/roster/v1"
    untrusted: ClassVar[Code] = Code.ROSTER_NOT_TRUSTED


def sign_roster(roster: Roster, authority: Identity) -> SignedRoster:
    """The roster, signed; done where the authority's key is, never on a coordinator's host.

    Raises:
        ValueError: The authority's own key stands in the roster, where it has no business.
    """
    _check_authority_apart(roster, authority.public)
    return SignedRoster.by(authority, roster.encode())


def accept_roster(
    signed: SignedRoster, *, authority: bytes, current: Roster | None, at_least: int = 1
) -> Roster:
    """The roster that a node goes by from now on; also the current one, if it comes again.

    Args:
        signed: As it arrived, from anybody.
        authority: The pinned public key of the federation's authority.
        current: What the node goes by so far. With None it takes any version that the authority
            ever signed, and pins it: its owner should then state `at_least`.
        at_least: Least version that the node takes.

    Raises:
        Refused: ROSTER_NOT_TRUSTED: the signature or the body is bad, or the roster is not the next
            link of the chain.
    """
    if not signed.holds_for(authority):
        raise _distrust("the pinned authority did not sign this roster; ask who sent it")
    try:
        roster = Roster.decode(signed.body)
        _check_authority_apart(roster, authority)
    except ValueError as error:
        raise _distrust(f"the authority signed a roster that cannot be used: {error}") from error
    if roster.version < at_least:
        raise _distrust(f"roster {roster.version} is older than {at_least}, the least to take")
    if current is None or roster == current:
        return roster
    if roster.version <= current.version:
        raise _distrust(
            f"version {roster.version} came again, or in another wording, after version "
            f"{current.version} was accepted; somebody tries to go back"
        )
    if roster.version > current.version + 1:
        raise _distrust(
            f"version {roster.version} does not follow {current.version}; the versions between "
            "must come with it"
        )
    if roster.previous != current.digest:
        raise _distrust(
            f"version {roster.version} follows another version {current.version} than the one "
            "accepted here: the chain has split, and the authority must say why"
        )
    return roster


def accept_chain(
    chain: Sequence[SignedRoster], *, authority: bytes, current: Roster | None, at_least: int = 1
) -> tuple[Roster, ...]:
    """Several rosters in a row, for a node that was away; the last one is what it goes by now.

    All of them are returned, so that the standing of identities (`Standing.seen`) can follow every
    step. Arguments and errors are those of `accept_roster`; one bad link refuses the whole chain,
    and so does a chain without links.
    """
    if not chain:
        raise _distrust("no roster came")
    accepted = []
    for signed in chain:
        current = accept_roster(signed, authority=authority, current=current, at_least=at_least)
        accepted.append(current)
    return tuple(accepted)


def _check_authority_apart(roster: Roster, authority: bytes) -> None:
    if authority in roster.coordinators or authority in roster.identities.values():
        raise ValueError("the authority's own key is listed as a member's or a coordinator's")


def _check_distinct(what: str, values: Collection[str]) -> None:
    if len(set(values)) != len(values):
        repeated = next(value for value, count in Counter(values).items() if count > 1)
        raise ValueError(f"the {what} {repeated} is listed twice")


def _in_order(members: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(sorted(members, key=lambda member: member.provider))


def _distrust(why: str) -> Refused:
    return Refused(Code.ROSTER_NOT_TRUSTED, local=why)
