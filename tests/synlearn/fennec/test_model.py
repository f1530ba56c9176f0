import numpy as np
import pytest

from synlearn.errors import InputError
from synlearn.evaluation import kendall_tau
from synlearn.fennec.meta_features import task_features
from synlearn.fennec.model import FennecSettings, NewTask, fit_fennec
from synlearn.fennec.performance import History, PerformanceMatrix

MODELS, TASKS, KINDS = 30, 60, 3
RANDOM = np.random.default_rng(0)
KIND = np.arange(TASKS) % KINDS
SKILL = RANDOM.random((MODELS, KINDS))
"""How good each model is at each kind of task."""
CENTRES = 3 * RANDOM.standard_normal((KINDS, 8))


def history() -> History:
    values = SKILL[:, KIND] + 0.02 * RANDOM.random((MODELS, TASKS))
    names = tuple(tuple(f"{n}" for n in range(count)) for count in (MODELS, TASKS))
    return History(
        PerformanceMatrix(names[0], names[1], values),
        CENTRES[KIND] + 0.1 * RANDOM.standard_normal((TASKS, 8)),
        "proxy",
        np.full(TASKS, 5),
        np.full(TASKS, 100),
    )


FEATURES = RANDOM.random((MODELS, 2))


def asked(kind: int) -> NewTask:
    return NewTask(CENTRES[kind][None], np.array([5]), np.array([25]))


def test_a_new_task_is_ranked_as_its_kind_was() -> None:
    fennec = fit_fennec(H, FEATURES, FennecSettings(rank=4, alpha=0.0))
    for kind in range(KINDS):
        own = fennec.scores(asked(kind))[0]
        assert kendall_tau(own, SKILL[:, kind]) > 0.9
        other = SKILL[:, (kind + 1) % KINDS]
        assert kendall_tau(own, other) < 0.6


def test_alpha_weighs_the_phases() -> None:
    ends = [fit_fennec(H, FEATURES, FennecSettings(alpha=own)) for own in (0.0, 0.5, 1.0)]
    transfer, merged, meta = (own.scores(asked(0)) for own in ends)
    assert merged == pytest.approx((transfer + meta) / 2)
    described = task_features([5], [25])[0]
    assert meta[0] == pytest.approx(ends[2].meta.scores(FEATURES, described))
    with pytest.raises(InputError, match=r"lies in 0\.\.1"):
        FennecSettings(alpha=1.1)


def test_the_same_seed_gives_the_same_scores() -> None:
    one, other = (fit_fennec(H, FEATURES, FennecSettings(), 3) for _ in range(2))
    assert np.array_equal(one.scores(asked(1)), other.scores(asked(1)))


H = history()


def test_every_model_needs_its_features() -> None:
    with pytest.raises(InputError, match="one for each model"):
        fit_fennec(H, FEATURES[:-1], FennecSettings())
