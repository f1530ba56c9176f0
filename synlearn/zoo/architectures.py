"""The architectures that a zoo's models may have: a closed list, each described as data.

A model file names its architecture and gives its tensors; nothing in it is imported or run. And
since an architecture is a list of layers rather than a class, the same description gives a single
`torch.nn.Module` (`build_module`) and many models evaluated at once (`stacked.py`).
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Final

from torch import nn

from synlearn.errors import InputError


@dataclass(frozen=True, slots=True)
class Conv:
    """A square 2-d convolution with bias; padding with zeros."""

    inputs: int
    outputs: int
    kernel: int
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class Linear:
    """An affine map with bias."""

    inputs: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Relu:
    """max(0, x)."""


@dataclass(frozen=True, slots=True)
class Flatten:
    """Maps (channels, height, width) become one vector."""


Layer = Conv | Linear | Relu | Flatten
Hyperparameters = Mapping[str, int | tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A feed-forward network as a list of layers.

    layers: names (unique, as in the tensor names `<layer>.weight`) and layers, first to last.
    input_shape: (channels, height, width). outputs: numbers per image.
    """

    name: str
    hyperparameters: Hyperparameters
    layers: tuple[tuple[str, Layer], ...]
    input_shape: tuple[int, int, int]
    outputs: int

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor a model file must hold, by its name."""
        shapes: dict[str, tuple[int, ...]] = {}
        for name, layer in self.layers:
            match layer:
                case Conv(inputs, outputs, kernel):
                    shapes[f"{name}.weight"] = (outputs, inputs, kernel, kernel)
                    shapes[f"{name}.bias"] = (outputs,)
                case Linear(inputs, outputs):
                    shapes[f"{name}.weight"] = (outputs, inputs)
                    shapes[f"{name}.bias"] = (outputs,)
                case Relu() | Flatten():
                    pass
        return shapes

    @property
    def features(self) -> int | None:
        """Numbers that the last layer takes; None where it is not a linear one."""
        _, last = self.layers[-1]
        return last.inputs if isinstance(last, Linear) else None

    def parameter_count(self) -> int:
        """Return the number of trained numbers in a model."""
        return sum(prod(shape) for shape in self.tensor_shapes().values())


def build_module(architecture: Architecture) -> nn.Sequential:
    """Return one untrained model; its state has the names of `tensor_shapes`."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in architecture.layers:
        match layer:
            case Conv(inputs, outputs, kernel, stride, padding):
                modules[name] = nn.Conv2d(inputs, outputs, kernel, stride, padding)
            case Linear(inputs, outputs):
                modules[name] = nn.Linear(inputs, outputs)
            case Relu():
                modules[name] = nn.ReLU()
            case Flatten():
                modules[name] = nn.Flatten()
    return nn.Sequential(modules)


def _sprite_cnn(hyperparameters: Hyperparameters) -> Architecture:
    """Three strided convolutions and two linear layers for 64 x 64 single-channel images.

    With the default widths, 170 thousand multiplications an image and 11,986 parameters.
    """
    widths, hidden = hyperparameters["widths"], hyperparameters["hidden"]
    if isinstance(widths, int) or not isinstance(hidden, int) or len(widths) != 3:
        raise InputError(
            "Architecture sprite-cnn needs `widths`, a list of three whole numbers, and `hidden`, "
            "a whole number; correct the model card."
        )
    first, second, third = widths
    return Architecture(
        name="sprite-cnn",
        hyperparameters=dict(hyperparameters),
        layers=(
            ("conv1", Conv(1, first, kernel=5, stride=4, padding=2)),
            ("relu1", Relu()),
            ("conv2", Conv(first, second, kernel=3, stride=2, padding=1)),
            ("relu2", Relu()),
            ("conv3", Conv(second, third, kernel=3, stride=2, padding=1)),
            ("relu3", Relu()),
            ("flatten", Flatten()),
            ("hidden", Linear(16 * third, hidden)),
            ("relu4", Relu()),
            ("head", Linear(hidden, 2)),
        ),
        input_shape=(1, 64, 64),
        outputs=2,
    )


def _picture_cnn(hyperparameters: Hyperparameters) -> Architecture:
    """Three strided convolutions and two linear layers: a classifier of 32 x 32 colour images.

    With the default widths, 0.6 million multiplications an image and 90 thousand parameters; the
    `hidden` numbers before the head are its features.
    """
    widths = hyperparameters["widths"]
    kernel, hidden, classes = (hyperparameters[name] for name in ("kernel", "hidden", "classes"))
    if (
        isinstance(widths, int)
        or len(widths) != 3
        or not (isinstance(kernel, int) and isinstance(hidden, int) and isinstance(classes, int))
        or kernel % 2 == 0
    ):
        raise InputError(
            "Architecture picture-cnn needs `widths`, a list of three whole numbers, `kernel`, an "
            "odd one, `hidden` and `classes`; correct the model card."
        )
    first, second, third = widths
    return Architecture(
        name="picture-cnn",
        hyperparameters=dict(hyperparameters),
        layers=(
            ("conv1", Conv(3, first, kernel, stride=2, padding=kernel // 2)),
            ("relu1", Relu()),
            ("conv2", Conv(first, second, kernel=3, stride=2, padding=1)),
            ("relu2", Relu()),
            ("conv3", Conv(second, third, kernel=3, stride=2, padding=1)),
            ("relu3", Relu()),
            ("flatten", Flatten()),
            ("hidden", Linear(16 * third, hidden)),
            ("relu4", Relu()),
            ("head", Linear(hidden, classes)),
        ),
        input_shape=(3, 32, 32),
        outputs=classes,
    )


@dataclass(frozen=True, slots=True)
class _Family:
    builder: Callable[[Hyperparameters], Architecture]
    defaults: Hyperparameters


_FAMILIES: Final[Mapping[str, _Family]] = MappingProxyType(
    {
        "sprite-cnn": _Family(_sprite_cnn, {"widths": (8, 16, 16), "hidden": 32}),
        "picture-cnn": _Family(
            _picture_cnn, {"widths": (16, 32, 64), "kernel": 3, "hidden": 64, "classes": 10}
        ),
    }
)
_LARGEST: Final = 4096
"""No hyperparameter may exceed this, so that a card cannot ask for terabytes."""


def architecture(name: str, hyperparameters: Hyperparameters | None = None) -> Architecture:
    """Return the architecture of this name, with its defaults for whatever is not given.

    Raises InputError for an unknown name, an unknown hyperparameter, or one out of [1, 4096].
    """
    family = _FAMILIES.get(name)
    if family is None:
        raise InputError(
            f"There is no architecture named {name!r}; "
            f"this version knows {', '.join(sorted(_FAMILIES))}."
        )
    given = dict(hyperparameters or {})
    if unknown := sorted(given.keys() - family.defaults.keys()):
        raise InputError(
            f"Architecture {name} has no hyperparameter {unknown[0]!r}; "
            f"it has {', '.join(sorted(family.defaults))}."
        )
    for key, value in given.items():
        for number in (value,) if isinstance(value, int) else value:
            if not 1 <= number <= _LARGEST:
                raise InputError(
                    f"Hyperparameter {key} of architecture {name} is {number}; use 1 to {_LARGEST}."
                )
    return family.builder({**family.defaults, **given})
