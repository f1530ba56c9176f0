"""`describe`: how many rows, of which classes, and of what shape."""

import numpy as np

from protocols.queries import Answer, pack_names
from provider.answers.context import Context


def describe(context: Context) -> Answer:
    """Return row counts, class names, input shape and number of targets; reads no row."""
    dataset = context.dataset
    classes = dataset.classes
    return {
        "rows": np.array(dataset.rows, np.int64),
        "input_shape": np.array(dataset.input_shape, np.int64),
        "targets": np.array(dataset.targets, np.int64),
        "class_names": pack_names(tuple(classes)),
        "class_rows": np.array(list(classes.values()), np.int64),
    }
