"""Reads `policy.toml` into frozen rules, or refuses the whole file with one sentence."""

import tomllib
from pathlib import Path

from provider.policies.policy_parser import PolicyParser
from provider.policies.rules import Rules
from provider.policies.texts import read_text
from synlearn.errors import InputError


def read_policy(path: Path) -> Rules:
    """Read a policy file, and the file of digests that it may name.

    Raises:
        InputError: A file cannot be read, or any part of it is wrong: then none of it holds.
    """
    return parse_policy(read_text(path), str(path), path.parent)


def parse_policy(text: str, name: str, folder: Path) -> Rules:
    """The rules that a policy's text states.

    Args:
        text: TOML.
        name: Of the file, for messages.
        folder: In which a relative `digests_file` is looked for.

    Raises:
        InputError: Any part of it is wrong; the sentence names line and key, and what to do.
    """
    try:
        return PolicyParser(text, name, folder).rules()
    except RecursionError as error:
        raise InputError(f"{name} is nested too deeply; write it like the template.") from error


def digests_path(text: str, folder: Path) -> Path | None:
    """The file of digests that a policy's text names; None without one, or in a broken text."""
    try:
        named = tomllib.loads(text)["models"]["digests_file"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    return folder / named if isinstance(named, str) and named.isprintable() else None
