"""Changes at random: of bytes, and of trees of values as JSON and TOML have them."""

import json
import math
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

DEEP = "@deep@"
DIGITS = "@digits@"
HEX = "@hex@"
_AS_TEXT = {DEEP: "[" * 20_000 + "]" * 20_000, DIGITS: "1" * 5000, HEX: "0x" + "f" * 5000}
"""What cannot be built as a value first; it takes the place of a text once that is written."""

ODD_INTEGERS = (
    0,
    1,
    -1,
    2,
    255,
    4096,
    2**16,
    10**6,
    2**31 - 1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
)
ODD_REALS = (0.0, -0.0, 1e-320, 1e308, -1e308, math.inf, -math.inf, math.nan, 0.1, 2.0**-1000)
ODD_TEXTS = (
    "",
    "\0",
    "a" * 300,
    "é\n",
    "\ud800",
    "../../x",
    "name/..",
    "nan",
    "0" * 64,
    DEEP,
    DIGITS,
    HEX,
)
_ODD: tuple[Any, ...] = (
    *ODD_INTEGERS,
    10**400,
    *ODD_REALS,
    *ODD_TEXTS,
    *(None, True, False, [], {}, [[]], [0], {"a": 1}, ["a"], [1, "a"]),
)


def _odd(random: Random) -> Any:  # noqa: ANN401 - any JSON value
    return deepcopy(random.choice(_ODD))  # else a list could come to hold itself


def edited(data: bytes, random: Random) -> bytes:
    """A few bytes changed, added, removed or repeated."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        place = random.randrange(len(changed) + 1)
        match random.randrange(5):
            case 0 if place < len(changed):
                changed[place] ^= 1 << random.randrange(8)
            case 1 if place < len(changed):
                changed[place] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
            case 2:
                changed[place:place] = random.randbytes(random.choice((1, 2, 8)))
            case 3:
                del changed[place : place + random.choice((1, 2, 8, 64))]
            case _:
                changed[place:place] = changed[place : place + random.choice((1, 4, 32))]
    return bytes(changed)


def regrown(tree: Any, random: Random) -> Any:  # noqa: ANN401 - any JSON value
    """The tree with something in it replaced, removed, added or repeated."""
    changed = deepcopy(tree)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        parent, key = _somewhere(changed, random)
        if parent is None:
            changed = _odd(random)
        else:
            _change(parent, key, random)
    return changed


def _somewhere(tree: Any, random: Random) -> tuple[Any, Any]:  # noqa: ANN401
    """A container and one of its keys; None for the tree as a whole, which is rare."""
    places: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        found = waiting.pop()
        keys = range(len(found)) if isinstance(found, list) else ()
        for key in found if isinstance(found, dict) else keys:
            places.append((found, key))
            waiting.append(found[key])
    if not places or not random.randrange(50):
        return None, None
    return random.choice(places)


def _change(parent: Any, key: Any, random: Random) -> None:  # noqa: ANN401
    match random.randrange(8):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[random.choice(("extra", "", "\0", str(key) + "x"))] = _odd(random)
        case 2 if isinstance(parent, list):
            parent.insert(key, deepcopy(random.choice(parent)))
        case 3 if isinstance(parent[key], str):
            kept = parent[key]
            parent[key] = edited(kept.encode(errors="ignore"), random).decode(errors="ignore")
        case 4:
            parent[key] = [deepcopy(parent[key])]
        case _:
            parent[key] = _odd(random)


def json_document(data: bytes, random: Random) -> bytes:
    """Another JSON document, or now and then bytes that are none."""
    return _document(data, random, json.loads, json.dumps)


def toml_document(parse: Callable[[str], Any]) -> Callable[[bytes, Random], bytes]:
    """As `json_document`, for TOML that `parse` reads."""
    return lambda data, random: _document(data, random, lambda raw: parse(raw.decode()), _to_toml)


def _document(
    data: bytes, random: Random, parse: Callable[[bytes], Any], write: Callable[[Any], str]
) -> bytes:
    if not random.randrange(5):
        return edited(data, random)
    try:
        text = write(regrown(parse(data), random))
    except (ValueError, RecursionError):
        return edited(data, random)
    for name, stands_for in _AS_TEXT.items():
        text = text.replace(f'"{name}"', stands_for)
    return text.encode(errors="surrogatepass")


def _to_toml(tree: Any) -> str:  # noqa: ANN401
    if not isinstance(tree, dict):
        return f"x = {_toml_value(tree)}\n"
    return "".join(f"{json.dumps(key)} = {_toml_value(value)}\n" for key, value in tree.items())


def _toml_value(value: Any) -> str:  # noqa: ANN401
    match value:
        case dict():
            inside = (f"{json.dumps(key)} = {_toml_value(item)}" for key, item in value.items())
            return "{" + ", ".join(inside) + "}"
        case list():
            return "[" + ", ".join(map(_toml_value, value)) + "]"
        case float():
            return repr(value)
        case str() | int():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return "1979-05-27T07:32:00"
