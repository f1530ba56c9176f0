"""`class_feature_sums`: the provider's vector in a masked sum of target datasets."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from protocols.errors import Code, Refused
from provider.dataset import Dataset, Indices
from provider.model_api import Embedding

_IMAGES = 64
"""Images that pass through the backbone at a time: its activations dwarf its features."""
_ADDENDS = 4096
"""Features added at a time; a row that many slots drew is added once for each of them."""


def class_feature_sums(
    dataset: Dataset,
    backbone: Embedding,
    slots: Sequence[str],
    rows: npt.NDArray[np.int64],
    random: np.random.Generator,
    *,
    bounded: bool = False,
) -> npt.NDArray[np.float64]:
    """Sum the features of freshly drawn rows of each slot's class.

    Each slot draws different rows, independently of the other slots. Every image passes through the
    backbone once, however many slots drew it; memory beside the result does not grow with them.

    Args:
        dataset: The provider's rows.
        backbone: `g_mu`; its features have unit length.
        slots: (s,) names of classes.
        rows: (s,) how many rows to draw, 0 where this provider has no part.
        random: Keyed by the node's secret, the question and the attempt.
        bounded: Take zeros for features that are no numbers, see `RowLimits`.

    Returns:
        (s, width) float64, the entries of slot i within [-rows[i], rows[i]]; zeros where rows is 0.
        Unless `bounded`, NaN where the backbone's features are.

    Raises:
        Refused: TOO_FEW_ROWS, a slot asks for more rows of a class than there are.
    """
    slot_of, row_of = _draw(dataset, slots, rows, random)
    sums = torch.zeros(len(slots), backbone.spec.features, dtype=torch.float64)
    order = np.argsort(row_of, kind="stable")
    slot_of, row_of = slot_of[order], row_of[order]
    distinct = np.unique(row_of)
    with torch.inference_mode():
        for first in range(0, len(distinct), _IMAGES):
            some = distinct[first : first + _IMAGES]
            # Rounding may leave a unit vector's entry just above 1, which the bound does not allow.
            features = backbone(torch.from_numpy(dataset.images(some))).double().clamp(-1.0, 1.0)
            if bounded:
                features[~features.isfinite().all(dim=1)] = 0.0
            start, stop = np.searchsorted(row_of, (some[0], some[-1] + 1))
            for begin in range(int(start), int(stop), _ADDENDS):
                part = slice(begin, min(begin + _ADDENDS, int(stop)))
                where = torch.from_numpy(np.searchsorted(some, row_of[part]))
                sums.index_add_(0, torch.from_numpy(slot_of[part]), features[where])
    return sums.numpy()


def _draw(
    dataset: Dataset,
    slots: Sequence[str],
    rows: npt.NDArray[np.int64],
    random: np.random.Generator,
) -> tuple[Indices, Indices]:
    """Slot and row of each addend; rows of one slot are different."""
    held = {name: dataset.rows_of(name) for name in set(slots)}
    drawn = []
    for slot, (name, count) in enumerate(zip(slots, rows.tolist(), strict=True)):
        if count > len(held[name]):
            raise Refused(
                Code.TOO_FEW_ROWS,
                local=f"slot {slot} asks for {count} rows of class {name!r}; "
                f"there are {len(held[name])}",
            )
        if count:
            drawn.append(random.choice(held[name], size=count, replace=False))
    slot_of = np.repeat(np.arange(len(slots)), rows)
    return slot_of, np.concatenate(drawn) if drawn else np.empty(0, np.int64)
