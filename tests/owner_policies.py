"""Policies of owners, written as they write them."""

from pathlib import Path

from protocols.ids import Digest
from provider.policies.owner_policy import OwnerPolicy
from provider.policies.policy_file import parse_policy


def policy(
    text: str, *, profile: str = "guarded", endorsed: tuple[Digest, ...] = ()
) -> OwnerPolicy:
    rules = parse_policy(f'profile = "{profile}"\n{text}', "policy.toml", Path())
    return OwnerPolicy(rules, frozenset(endorsed))
