"""Bodies of named values, changed value by value; bodies inside bodies too."""

from itertools import cycle, islice
from random import Random

import numpy as np

from protocols.errors import FrameError
from protocols.values import Value, decode_values, encode_values
from tests.fuzz.mutation import ODD_INTEGERS, ODD_REALS, ODD_TEXTS, edited

_MOST = 5000
"""Items of a list that grows."""
_DTYPES = ("f4", "f8", "i4", "i8", "u1", "?")


def body(data: bytes, random: Random) -> bytes:
    """Another body, or now and then bytes that are none."""
    match random.randrange(36):
        case 0:  # the same values in other words: a field that no version knows, or one twice
            return data + random.choice((b"\x7a\x01x", data[: 2 + data[1] if data[1:] else 0]))
        case 1 | 2 | 3 | 4 | 5:
            return edited(data, random)
    try:
        function, values = decode_values(data)
    except FrameError:
        return edited(data, random)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        _change(values, random)
    if not random.randrange(30):
        function = random.choice(ODD_TEXTS[:4])
    try:
        return encode_values(function, values)
    except ValueError:  # a lone surrogate, say
        return edited(data, random)


def _change(values: dict[str, Value], random: Random) -> None:
    if not values or not random.randrange(20):
        values[random.choice(("extra", "models", "classes", "rows"))] = _any(random)
        return
    name = random.choice(sorted(values))
    match random.randrange(12):
        case 0:
            del values[name]
        case 1:
            values[name] = _any(random)
        case _:
            values[name] = _other(values[name], random)


def _other(value: Value, random: Random) -> Value:
    """Something else of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return random.choice((*ODD_INTEGERS, value + 1, max(value - 1, 0), 2 * value % 2**62))
        case float():
            return random.choice((*ODD_REALS, -value, value / 2, value * 1.5))
        case str():
            return random.choice((*ODD_TEXTS[:4], value + "x", value[:-1], value.upper()))
        case tuple():
            return _other_texts(value, random)
        case _:
            return _other_array(value, random)


def _other_texts(value: tuple[str, ...], random: Random) -> tuple[str, ...]:
    items = list(value)
    match random.randrange(6):
        case 0:
            return ()
        case 1:
            wanted = min(_MOST, len(value) * random.choice((2, 100, 5000)))
            return tuple(islice(cycle(value), wanted))
        case 2 if items:
            items.remove(random.choice(items))
        case 3 if items:
            items[random.randrange(len(items))] = random.choice(ODD_TEXTS[:4])
        case 4:
            return tuple(f"{place:05d}" for place in range(random.choice((2, 2000))))
        case _:
            random.shuffle(items)
    return tuple(items)


def _other_array(value: np.ndarray, random: Random) -> Value:
    if value.dtype == np.uint8 and value.ndim == 1 and value.size and random.randrange(4):
        return np.frombuffer(body(value.tobytes(), random), np.uint8)
    changed = value.copy()
    match random.randrange(8):
        case 0:
            with np.errstate(over="ignore", invalid="ignore"):
                return changed.astype(random.choice(_DTYPES))
        case 1:
            return changed[..., None] if random.randrange(2) else changed.ravel()
        case 2:
            return changed[:0] if changed.ndim else changed[None]
        case 3 if changed.ndim and changed.size < _MOST:
            return np.concatenate([changed, changed])
        case 4 if changed.size:
            odd = ODD_REALS if changed.dtype.kind == "f" else (*range(-2, 4), 127)
            flat = changed.reshape(-1)
            with np.errstate(over="ignore", invalid="ignore"):
                wanted = np.array(random.choice(odd)).astype(changed.dtype)
            flat[random.randrange(flat.size)] = wanted
        case 5:
            with np.errstate(over="ignore", invalid="ignore"):
                changed = np.full_like(changed, np.array(random.choice((0, 1, 127))))
        case 6 if changed.ndim > 1:
            changed = np.swapaxes(changed, 0, -1)
        case _:
            changed = np.roll(changed, 1)
    return changed


def _any(random: Random) -> Value:
    return random.choice(
        (
            *ODD_INTEGERS,
            *ODD_REALS,
            *ODD_TEXTS[:4],
            ("a",),
            (),
            True,
            np.zeros(3),
            np.zeros((2, 0), np.int32),
            np.zeros((), np.uint8),
        )
    )
