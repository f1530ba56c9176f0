"""Which rows answer a question: drawn by the node, so that no caller can choose or steer them."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, Refused
from protocols.ids import JobId, QueryId

Indices = npt.NDArray[np.int64]


def row_generator(
    secret: bytes, job: JobId, query: QueryId, attempt: int = 0
) -> np.random.Generator:
    """Randomness for one attempt at one question, keyed by the node's secret.

    HMAC-SHA256(secret, job, query, attempt): the same question draws the same rows again (a
    retry reveals nothing new), and without the secret nobody can search for an id that draws
    chosen rows.

    Args:
        secret: 32 bytes known to this node alone.
        job: The job asking.
        query: The question's id.
        attempt: Counts the attempts at one masked question; 0 otherwise.
    """
    message = f"rows/v1|{job}|{query}|{attempt}".encode()
    seed = hmac.new(secret, message, hashlib.sha256).digest()
    return np.random.default_rng(int.from_bytes(seed, "big"))


def subject_generator(secret: bytes, job: JobId, subject: bytes) -> np.random.Generator:
    """Randomness for all that a job asks about one subject, under whatever ids.

    HMAC-SHA256(secret, job, subject): who asks again learns about the very same rows, so that
    repeated questions cannot be averaged into something about others.

    Args:
        secret: 32 bytes known to this node alone.
        job: The job asking.
        subject: What of a question decides about its rows, encoded; other subjects, other bytes.
    """
    message = f"subject/v1|{job}|".encode() + hashlib.sha256(subject).digest()
    seed = hmac.new(secret, message, hashlib.sha256).digest()
    return np.random.default_rng(int.from_bytes(seed, "big"))


def check_class_rows(classes: Mapping[str, int], names: Iterable[str], count: int) -> None:
    """Check that each of some classes has `count` rows to draw.

    Args:
        classes: How many rows of each class the provider holds.
        names: Of the classes; of one that is not held there is no row.
        count: At least 1.

    Raises:
        Refused: TOO_FEW_ROWS.
    """
    for name in names:
        held = classes.get(name, 0)
        if held < count:
            raise Refused(
                Code.TOO_FEW_ROWS, local=f"{count} rows of class {name!r}; there are {held}"
            )


def classes_for_training(classes: Mapping[str, int], rows_per_class: int) -> tuple[str, ...]:
    """Classes with enough rows for triplets, sorted; none where all rows are of one class.

    Of one class alone, pseudo-classes are made.

    Raises:
        Refused: TOO_FEW_ROWS, there are several classes but fewer than two have enough rows.
    """
    if len(classes) < 2:
        return ()
    enough = tuple(sorted(name for name, rows in classes.items() if rows >= rows_per_class))
    if len(enough) < 2:
        raise Refused(
            Code.TOO_FEW_ROWS,
            local=f"{len(enough)} of {len(classes)} classes have {rows_per_class} rows; triplets "
            "need two",
        )
    return enough


class RowSplit:
    """Splits each class into a half A to learn from and a half B to test on, once and for all.

    Neighbours are parted two by two, by a bit that only this node can know: no job or question
    changes a row's half, and rows that are added later move no earlier one, apart from one without
    a neighbour.

    Args:
        secret: 32 bytes known to this node alone.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def halves(self, name: str, rows: Indices) -> tuple[Indices, Indices]:
        """Split the rows of a class, rising.

        Args:
            name: Of the class.
            rows: All its rows, (n,), in the order in which they came to be.
        """
        pairs = rows[: len(rows) // 2 * 2].reshape(-1, 2)
        key = hmac.new(self._secret, b"split/v1|" + name.encode(), hashlib.sha256).digest()
        stream = hashlib.shake_256(key).digest(-(-len(pairs) // 8))  # a longer one begins alike
        first = np.unpackbits(np.frombuffer(stream, np.uint8), count=len(pairs))
        each = np.arange(len(pairs))
        learn = np.concatenate([pairs[each, first], rows[2 * len(pairs) :]])
        return learn, pairs[each, 1 - first]
