from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from coordinator.state import State, restore_state, state_tensors
from synlearn.errors import InputError
from synlearn.mre.backbone import save_backbone
from synlearn.mre.pretraining import flatten_parameters, set_gradients
from synlearn.mre.training import UpdatePlan
from tests.coordinator.tiny import JOB, SPECIFICATIONS, bits, fresh

PLAN = UpdatePlan(5, 20, 2, 3, 0.5, "within", 1e-2)


def go_on(state: State) -> None:
    """One round of everything, as `Run` does it."""
    step = state.pretraining_rounds + state.learning_rounds
    random = np.random.default_rng(step)
    count = flatten_parameters(state.backbone).numel()
    set_gradients(state.backbone, torch.from_numpy(random.normal(size=count)))
    for group in state.backbone_optimiser.param_groups:
        group["lr"] = 1e-2 / (1 + step)
    state.backbone_optimiser.step()
    state.pretraining_rounds += 1
    tasks = np.sort(random.choice(4, 3, replace=False))
    models = np.sort(random.choice(5, 3, replace=False))
    state.gathered.add_validation(tasks, models, random.random((3, 3)), np.full(3, 8.0))
    for task in tasks:
        state.gathered.add_features(int(task), random.random((2, 6), np.float32))
    state.learner.update(state.gathered, SPECIFICATIONS, PLAN, random)
    state.learning_rounds += 1


def after(rounds: int) -> State:
    state = fresh()
    for _ in range(rounds):
        go_on(state)
    return state


def through_a_file(state: State) -> State:
    """What a new process makes of the checkpoint."""
    tensors = load(save({name: value.contiguous() for name, value in state_tensors(state).items()}))
    torch.manual_seed(123)
    restored = fresh()
    restore_state(restored, tensors)
    return restored


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_a_restored_state_is_the_state(rounds: int) -> None:
    state = after(rounds)
    restored = through_a_file(state)
    assert bits(state_tensors(restored)) == bits(state_tensors(state))
    assert (restored.pretraining_rounds, restored.learning_rounds) == (rounds, rounds)
    assert restored.learner.done == 5 * rounds
    assert save_backbone(restored.backbone) == save_backbone(state.backbone)


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_a_restored_state_goes_on_without_a_bit_of_difference(rounds: int) -> None:
    unbroken, restored = after(rounds), through_a_file(after(rounds))
    for _ in range(2):
        go_on(unbroken)
        go_on(restored)
    assert bits(state_tensors(restored)) == bits(state_tensors(unbroken))


def test_being_restored_in_every_round_changes_nothing() -> None:
    state = fresh()
    for _ in range(3):
        go_on(state)
        state = through_a_file(state)
    assert bits(state_tensors(state)) == bits(state_tensors(after(3)))


def test_a_state_starts_from_the_jobs_seed_alone() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one = bits(state_tensors(fresh()))
    assert torch.equal(torch.random.get_rng_state(), before), "others draw from it, too"
    torch.manual_seed(2)
    assert bits(state_tensors(fresh())) == one
    other = bits(state_tensors(fresh(replace(JOB, seed=1))))
    assert one["backbone.head.weight"] != other["backbone.head.weight"]
    assert one["metric.task_transform.0.weight"] != other["metric.task_transform.0.weight"]


@pytest.mark.parametrize(
    "name", ["progress", "gathered.sums", "backbone.head.bias", "metric.task_mean"]
)
def test_a_missing_tensor_is_an_input_error(name: str) -> None:
    tensors = state_tensors(after(1))
    del tensors[name]
    with pytest.raises(InputError, match="the checkpoint does not fit the job"):
        restore_state(fresh(), tensors)


@pytest.mark.parametrize("name", ["progress", "backbone.head.bias", "metric.task_mean"])
def test_a_tensor_of_another_shape_is_an_input_error(name: str) -> None:
    tensors = state_tensors(after(1))
    tensors[name] = torch.cat([tensors[name], tensors[name]])
    with pytest.raises(InputError, match="the checkpoint does not fit the job"):
        restore_state(fresh(), tensors)
