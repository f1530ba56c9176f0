"""How a coordinator cuts what it wants to know into questions that the limits allow."""

from collections.abc import Iterator

from protocols.queries.spec import MAX_ENTRIES, QueryError


def batches_of(items: int, entries: int, most: int) -> Iterator[slice]:
    """Slices of models or tasks, as few as the limits allow and as equal as can be.

    Args:
        items: How many there are.
        entries: Numbers that one of them needs in the largest array of question or answer.
        most: Items in one question: `MAX_MODELS` or `MAX_TASKS`.

    Raises:
        QueryError: One item alone does not fit.

    >>> [(part.start, part.stop) for part in batches_of(10, entries=2**19, most=256)]
    [(0, 4), (4, 7), (7, 10)]
    """
    fit = min(most, MAX_ENTRIES // max(1, entries))
    if not fit:
        raise QueryError(f"one item needs {entries} numbers; a question has room for {MAX_ENTRIES}")
    count = -(-items // fit)
    start = 0
    for left in range(count, 0, -1):
        stop = start - (-(items - start) // left)
        yield slice(start, stop)
        start = stop
