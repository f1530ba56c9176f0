import pytest
import torch

from synlearn.errors import InputError
from synlearn.zoo.architectures import architecture, build_module

SIZES = [{}, {"widths": (2, 3, 5), "hidden": 7}]


@pytest.mark.parametrize("hyperparameters", SIZES)
def test_the_description_matches_the_module(
    hyperparameters: dict[str, int | tuple[int, ...]],
) -> None:
    described = architecture("sprite-cnn", hyperparameters)
    module = build_module(described)
    state = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    assert state == described.tensor_shapes()
    assert described.parameter_count() == sum(tensor.numel() for tensor in module.parameters())
    outputs = module(torch.zeros(3, *described.input_shape))
    assert outputs.shape == (3, described.outputs)


def test_the_default_is_small() -> None:
    described = architecture("sprite-cnn")
    assert described.parameter_count() == 11_986
    assert described.hyperparameters == {"widths": (8, 16, 16), "hidden": 32}


@pytest.mark.parametrize(
    ("name", "hyperparameters", "message"),
    [
        ("os.system", {}, "named 'os.system'; this version knows picture-cnn, sprite-cnn"),
        ("sprite-cnn", {"depth": 3}, "no hyperparameter 'depth'; it has hidden, widths"),
        ("sprite-cnn", {"hidden": 0}, "is 0; use 1 to 4096"),
        ("sprite-cnn", {"widths": (8, 10**9, 8)}, "is 1000000000; use 1 to 4096"),
        ("sprite-cnn", {"widths": (8, 8)}, "list of three whole numbers"),
        ("sprite-cnn", {"widths": 8}, "list of three whole numbers"),
        ("sprite-cnn", {"hidden": (8,)}, "list of three whole numbers"),
        ("picture-cnn", {"kernel": 4}, "`kernel`, an odd one"),
        ("picture-cnn", {"classes": (3,)}, "`hidden` and `classes`"),
        ("picture-cnn", {"widths": (8, 8)}, "list of three whole numbers"),
    ],
)
def test_what_the_registry_does_not_know_is_refused(
    name: str, hyperparameters: dict[str, int | tuple[int, ...]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        architecture(name, hyperparameters)
