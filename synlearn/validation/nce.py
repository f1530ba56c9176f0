"""NCE as a validation function; higher is better.

Per class y, psi counts how often a model predicts its class z; for any task, the sums of these over
the providers are the joint frequencies of which NCE is a function. So one answer of each provider
serves all tasks, and no second question is needed.
"""

from collections.abc import Sequence

import numpy as np

from synlearn.validation.class_parts import Float64, Int64, Tasks, of_tasks, rows_of_tasks


def psi(probabilities: Float64, labels: Int64, classes: int) -> Int64:
    """Count one provider's hard predictions per class.

    Args:
        probabilities: (m, n, z) of m models, or anything with the same largest entries.
        labels: (n,) in [0, classes).
        classes: k.

    Returns:
        (m, k, z): rows of class k for which output z is the largest, the first of equal ones.
    """
    models, _, outputs = probabilities.shape
    cell = (np.arange(models)[:, None] * classes + labels) * outputs + probabilities.argmax(axis=2)
    counts = np.bincount(cell.ravel(), minlength=models * classes * outputs)
    return counts.reshape(models, classes, outputs).astype(np.int64)


def combine(parts: Sequence[Int64], tasks: Tasks) -> Float64:
    """NCE of each model on each task, over all providers' rows.

    Equal to `synlearn.scorers.nce` on the pooled rows of the task's classes.

    Args:
        parts: One for each provider, (m, k, z).
        tasks: (t, w) indices into the k classes, -1 behind the last of a task.

    Returns:
        (t, m), in [-H(y), 0].

    Raises:
        InputError: A task has a class of which there is no row.
    """
    counts = np.sum(parts, axis=0)
    rows = rows_of_tasks(tasks, counts[0].sum(axis=1)).sum(axis=1)
    joint = of_tasks(counts, tasks)
    mass = joint.sum(axis=2, keepdims=True)
    share = np.divide(joint, mass, out=np.ones_like(joint), where=joint > 0)
    scores: Float64 = np.einsum("mtwz,mtwz->tm", joint, np.log(share)) / rows[:, None]
    return np.minimum(scores, 0.0)
