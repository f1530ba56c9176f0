"""Identities, members and rosters of tests; keys are made from names, so all runs have the same."""

import hashlib

from protocols.ids import provider_id
from protocols.secagg.keys import Identity
from protocols.secagg.member import Member
from protocols.secagg.roster import Roster


def identity_of(name: str) -> Identity:
    """The signing key of whoever is called so; nobody should call a real one so."""
    return Identity.from_bytes(hashlib.sha256(f"test identity {name}".encode()).digest())


AUTHORITY = identity_of("the authority")
COORDINATOR = identity_of("the coordinator")


def member_of(name: str, key: str = "") -> Member:
    """A member under its own key, or under that of `key`."""
    return Member(
        provider_id(name),
        identity_of(key or name).public,
        classes=frozenset({"cat", "dog"}),
        plain=frozenset({"describe"}),
        masked=frozenset({"class_feature_sums"}),
    )


def first_roster(*names: str) -> Roster:
    """Version 1 with these members and the coordinator."""
    return Roster.first([member_of(name) for name in names], [COORDINATOR.public])
