"""`describe`: what a provider holds, as far as it says."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocols.queries.spec import Answer, Array, ArraySpec, QueryError, check_class_name

_SEPARATOR = "\n"


@dataclass(frozen=True, slots=True)
class Describe:
    """How many rows the provider answers for, its classes, and the shape of one input.

    Answer: `rows` () int64; `input_shape` (d,) int64; `targets` () int64, the number of values
    to predict for each row; `class_names` (b,) uint8, see `pack_names`; `class_rows` (c,) int64,
    rows of each class. Use `class_counts` to read the last two.
    """

    function: ClassVar[str] = "describe"

    @property
    def blobs(self) -> tuple[str, ...]:
        """Digests of the files needed for the answer: none."""
        return ()

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {
            "rows": ArraySpec("int64", (), low=0),
            "input_shape": ArraySpec("int64", (None,), low=1),
            "targets": ArraySpec("int64", (), low=0),
            "class_names": ArraySpec("uint8", (None,)),
            "class_rows": ArraySpec("int64", (None,), low=0),
        }

    def check(self, answer: Answer) -> None:
        """Raise `QueryError` where names and counts of the classes do not fit each other."""
        class_counts(answer)


def class_counts(answer: Answer) -> dict[str, int]:
    """Rows of each class that an answer to `Describe` tells of, in the provider's order.

    Raises:
        QueryError: The names are no names, repeat, or are more or fewer than the counts.
    """
    names = unpack_names(answer["class_names"])
    counts = answer["class_rows"].tolist()
    if len(names) != len(counts):
        raise QueryError(f"{len(names)} names of classes, but {len(counts)} counts")
    if len(set(names)) != len(names):
        raise QueryError("'class_names' has a class twice")
    return dict(zip(names, counts, strict=True))


def pack_names(names: tuple[str, ...]) -> Array:
    """Names as an array, since answers hold nothing else: UTF-8, a line feed between two.

    >>> unpack_names(pack_names(("apple", "bee")))
    ('apple', 'bee')
    """
    for name in names:
        check_class_name(name)
    return np.frombuffer(_SEPARATOR.join(names).encode(), np.uint8)


def unpack_names(packed: Array) -> tuple[str, ...]:
    """Read what `pack_names` wrote.

    Raises:
        QueryError: The bytes are no UTF-8, or a name is none.
    """
    try:
        text = packed.tobytes().decode()
    except UnicodeDecodeError as error:
        raise QueryError("'class_names' is no UTF-8") from error
    names = tuple(text.split(_SEPARATOR)) if text else ()
    for name in names:
        check_class_name(name)
    return names
