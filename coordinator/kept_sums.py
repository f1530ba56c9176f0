"""Sums on disk until the next checkpoint: a job that is resumed does not ask for them again.

A provider keeps no masked vector, so an aggregation that has ended cannot be repeated: asking again
would be another attempt, over other rows.
"""

from pathlib import Path

import numpy as np

from coordinator.aggregation_events import MaskedSum
from protocols.ids import Digest, ProviderId, QueryId
from protocols.secagg.fields import Fields
from protocols.values import Value, decode_values, encode_values
from synlearn.atomic import write_atomically
from synlearn.errors import InputError

_KIND = "kept-sum/v1"
_ANSWER = "answer."


class KeptSums:
    """The sums of one job's run.

    Args:
        folder: Where they are; made when the first one is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, query: QueryId, asked: Digest) -> MaskedSum | None:
        """The sum kept under this id, but for who left; None if there is none.

        Args:
            query: The aggregation's id.
            asked: Digest of all that was asked.

        Raises:
            InputError: The file is damaged, or holds the answer to another question.
        """
        path = self._path(query)
        if not path.exists():
            return None
        body = path.read_bytes()
        try:
            fields = Fields(body, _KIND)
            found, attempt = fields.text("asked"), fields.integer("attempt")
            survivors = tuple(map(ProviderId, fields.texts("survivors")))
            rows = np.array(fields.integers("rows"), np.int64)
            answer = {
                name.removeprefix(_ANSWER): value.copy()
                for name, value in decode_values(body)[1].items()
                if name.startswith(_ANSWER) and isinstance(value, np.ndarray)
            }
        except ValueError as error:
            raise InputError(
                f"{path} is damaged; delete the run's folder and start the job again."
            ) from error
        if found != asked:
            raise InputError(
                f"{path} holds the answer to another question; delete the run's folder and start "
                "the job again."
            )
        return MaskedSum(answer, rows, survivors, {}, attempt)

    def keep(self, query: QueryId, asked: Digest, result: MaskedSum) -> None:
        """Keep a sum; it is on disk when this returns."""
        answer: dict[str, Value] = {_ANSWER + name: array for name, array in result.answer.items()}
        values: dict[str, Value] = {
            "asked": str(asked),
            "attempt": result.attempt,
            "rows": result.rows,
            "survivors": tuple(result.survivors),
        }
        self._folder.mkdir(exist_ok=True)
        write_atomically(self._path(query), encode_values(_KIND, values | answer))

    def forget(self, up_to: QueryId) -> None:
        """Delete the sums up to this id: a checkpoint holds what came of them."""
        for path in self._folder.glob("*.sum"):
            if QueryId.parse(path.stem) <= up_to:
                path.unlink()

    def _path(self, query: QueryId) -> Path:
        return self._folder / f"{query}.sum"
