"""What validation functions of classification share: sums per class, and tasks as class tables."""

import numpy as np
import numpy.typing as npt

from synlearn.errors import InputError

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Tasks = npt.NDArray[np.integer]
"""(t, w) the classes of each task, indices into a list of classes; -1 behind the last class of a
task that has fewer than w."""


def by_class(values: Float64, labels: Int64, classes: int) -> Float64:
    """Sum over the rows of each class.

    Args:
        values: (m, n, d).
        labels: (n,) in [0, classes).
        classes: k.

    Returns:
        (m, k, d); zeros for a class without rows.
    """
    sums = np.zeros((len(values), classes, values.shape[2]))
    if len(labels):
        order = np.argsort(labels, kind="stable")
        present, starts = np.unique(labels[order], return_index=True)
        sums[:, present] = np.add.reduceat(values[:, order], starts, axis=1)
    return sums


def rows_of_class(labels: Int64, classes: int) -> Int64:
    """How many rows each class has; (k,)."""
    return np.bincount(labels, minlength=classes).astype(np.int64)


def places_of(tasks: Tasks, label: int) -> tuple[Int64, Int64]:
    """Tasks that a class belongs to, and its place in each of them."""
    task, place = np.nonzero(tasks == label)
    return task, place


def rows_of_tasks(tasks: Tasks, rows: Int64) -> Int64:
    """Rows behind each class of each task, 0 where a task has no further class; (t, w).

    Raises:
        InputError: A task names a class that no provider has rows of: nothing can be said of it.
    """
    behind = np.where(tasks >= 0, rows[tasks], 0)
    missing = np.argwhere((behind == 0) & (tasks >= 0))
    if len(missing):
        task, place = missing[0]
        raise InputError(
            f"task {task} has class {tasks[task, place]}, of which no provider has a row; draw "
            "tasks from the classes that are held."
        )
    return behind


def of_tasks(sums: npt.NDArray[np.generic], tasks: Tasks) -> Float64:
    """Rows of a per-class table for each task: (m, k, ...) to (m, t, w, ...), 0 behind the last."""
    gathered = sums[:, tasks].astype(np.float64)
    gathered[:, tasks < 0] = 0.0
    return gathered
