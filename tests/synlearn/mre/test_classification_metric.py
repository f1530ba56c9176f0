from dataclasses import replace

import pytest
import torch

from synlearn.mre.blocks import RELEASED, TEXT, Blocks
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.distance import Distance

GENERATOR = torch.Generator().manual_seed(0)
TASKS = ClassSets.of([torch.randn(n, 4, generator=GENERATOR).numpy() for n in (5, 2, 3)])
MODELS = ClassSets.of([torch.randn(n, 7, generator=GENERATOR).numpy() for n in (1, 6, 3, 2)])
SPEC = ClassificationMetricSpec(4, 7, width=8, hidden=16, members=3)


def metric(spec: ClassificationMetricSpec = SPEC) -> ClassificationMetric:
    made = ClassificationMetric(spec, torch.Generator().manual_seed(1)).eval()
    made.standardise(TASKS, MODELS)
    return made


def distance(made: ClassificationMetric, tasks: ClassSets, models: ClassSets) -> torch.Tensor:
    with torch.no_grad():
        return made.forward(tasks, models).distance


@pytest.mark.parametrize("blocks", [TEXT, replace(RELEASED, pooling="present")])
@pytest.mark.parametrize("kind", ["cosine", "half_squared_l2"])
def test_each_pair_is_measured_on_its_own(blocks: Blocks, kind: Distance) -> None:
    """Batched over tasks and models of different sizes, as one by one."""
    made = metric(replace(SPEC, blocks=blocks, distance=kind))
    together = distance(made, TASKS, MODELS)
    assert together.shape == (3, 3, 4)
    for n in range(3):
        for m in range(4):
            task = TASKS.values[n][TASKS.present[n]][None]
            model = MODELS.values[m][MODELS.present[m]][None]
            alone = distance(made, ClassSets.full(task), ClassSets.full(model))
            torch.testing.assert_close(together[:, n, m], alone[:, 0, 0], atol=1e-5, rtol=1e-4)


def test_members_differ() -> None:
    found = distance(metric(), TASKS, MODELS)
    assert not torch.allclose(found[0], found[1])


def test_inputs_are_standardised_by_the_learning_data() -> None:
    """So neither their scale nor a shift of them matters."""
    moved = [ClassSets(5 * sets.values + 3, sets.present) for sets in (TASKS, MODELS)]
    other = ClassificationMetric(SPEC, torch.Generator().manual_seed(1)).eval()
    other.standardise(*moved)
    expected = distance(metric(), TASKS, MODELS)
    torch.testing.assert_close(distance(other, *moved), expected, atol=1e-4, rtol=1e-4)


def test_padding_has_no_part_in_the_statistics() -> None:
    made = metric()
    rows = MODELS.values[MODELS.present]
    torch.testing.assert_close(made.model_mean, rows.mean(dim=0))
    torch.testing.assert_close(made.model_scale, rows.std(dim=0))


def test_each_kind_of_number_counts_for_as_much() -> None:
    """Two numbers of one kind have the variance of five of another; one that is still has less."""
    values = MODELS.values.clone()
    values[:, :, :2] *= 100
    values[:, :, 6] = 1.0
    made = ClassificationMetric(replace(SPEC, model_blocks=(2, 5)), torch.Generator())
    made.standardise(TASKS, ClassSets(values, MODELS.present))
    rows = (values[MODELS.present] - made.model_mean) / made.model_scale
    variance = rows.var(dim=0)
    torch.testing.assert_close(variance[:2].sum(), torch.tensor(3.5))
    torch.testing.assert_close(variance[2:6].sum(), torch.tensor(3.5 * 4 / 5))
    assert variance[6] == 0
    assert (rows[:, 6] == 0).all()
    with pytest.raises(ValueError, match="are not 7 numbers"):
        replace(SPEC, model_blocks=(2, 4))


def test_dropout_leaves_inputs_out() -> None:
    """What is left out has the mean of the learning models: zero, once standardised."""
    made = metric()
    kept = torch.ones(3, int(MODELS.present.sum()), MODELS.values.shape[2])
    torch.testing.assert_close(
        made.forward(TASKS, MODELS, kept).distance, made.forward(TASKS, MODELS).distance
    )
    mean = ClassSets(made.model_mean.expand_as(MODELS.values), MODELS.present)
    torch.testing.assert_close(
        made.forward(TASKS, MODELS, 0 * kept).distance, made.forward(TASKS, mean).distance
    )


def test_a_seed_gives_the_same_metric() -> None:
    torch.manual_seed(5)  # not where weights come from
    one = distance(metric(), TASKS, MODELS)
    torch.manual_seed(6)
    assert torch.equal(one, distance(metric(), TASKS, MODELS))
