"""`describe`: how many rows, and of what shape."""

import numpy as np

from protocols.queries import Answer
from provider.answers.context import Context


def describe(context: Context) -> Answer:
    """Return row count, input shape and number of targets; reads no row."""
    dataset = context.dataset
    return {
        "rows": np.array(dataset.rows, np.int64),
        "input_shape": np.array(dataset.input_shape, np.int64),
        "targets": np.array(dataset.targets, np.int64),
    }
