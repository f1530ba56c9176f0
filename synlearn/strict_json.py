"""JSON objects whose names are unique, as the standard asks and the parser does not check."""

from typing import Any


def without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An `object_pairs_hook`; raises ValueError where two members have one name.

    Of those, two readers of a file might each take another.
    """
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name occurs twice")
    return members
