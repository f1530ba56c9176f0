import numpy as np
import torch

from synlearn.few_shot_heads import PENALTY, head_accuracy

RANDOM = np.random.default_rng(0)


def reference(x: np.ndarray, y: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Solve the normal equations of the definition, intercept and all."""
    centre = x.mean(axis=0)
    weight = PENALTY * ((x - centre) ** 2).sum(axis=1).mean()
    one_hot = np.eye(y.max() + 1)[y]
    design = np.hstack([np.ones((len(x), 1)), x])
    penalty = weight * np.diag([0.0] + [1.0] * x.shape[1])
    solution = np.linalg.solve(design.T @ design + penalty, design.T @ one_hot)
    found: np.ndarray = np.hstack([np.ones((len(test), 1)), test]) @ solution
    return found


def test_it_is_the_ridge_classifier_of_its_definition() -> None:
    y, truth = np.repeat(np.arange(3), 4), RANDOM.integers(0, 3, 50)
    x = RANDOM.normal(size=(6, 12, 7)) + np.eye(3, 7)[y]
    test = RANDOM.normal(size=(6, 50, 7)) + np.eye(3, 7)[truth]
    found = head_accuracy(
        torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(test), torch.from_numpy(truth)
    )
    wanted = [
        (reference(own, y, others).argmax(axis=1) == truth).mean()
        for own, others in zip(x, test, strict=True)
    ]
    np.testing.assert_allclose(found, wanted)


def test_scale_and_shift_of_features_do_not_matter() -> None:
    y, truth = torch.arange(4).repeat_interleave(5), torch.arange(4).repeat_interleave(20)
    x = torch.from_numpy(RANDOM.normal(size=(3, 20, 5))) + torch.eye(4, 5)[y]
    test = torch.from_numpy(RANDOM.normal(size=(3, 80, 5))) + torch.eye(4, 5)[truth]
    plain = head_accuracy(x, y, test, truth)
    assert np.array_equal(plain, head_accuracy(7 * x + 3, y, 7 * test + 3, truth))


def test_a_model_without_features_is_as_good_as_chance() -> None:
    y, truth = torch.arange(4), torch.arange(4).repeat_interleave(10)
    dead = torch.ones(2, 4, 3)
    assert head_accuracy(dead, y, torch.ones(2, 40, 3), truth).tolist() == [0.25, 0.25]
