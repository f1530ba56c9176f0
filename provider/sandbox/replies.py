"""What a worker says about models, checked as a stranger's words."""

import math
from dataclasses import dataclass
from typing import Any

from provider.sandbox.wire import Header, WireError
from synlearn.errors import InputError
from synlearn.mre.backbone import BackboneSpec
from synlearn.zoo.networks import Network, network


@dataclass(frozen=True, slots=True)
class GroupSaid:
    """Models of one architecture, by their positions among those asked for."""

    positions: tuple[int, ...]
    architecture: Network


@dataclass(frozen=True, slots=True)
class BackboneSaid:
    """What a backbone's file builds.

    Attributes:
        spec: Its sizes.
        precision: float32 or float64.
        parameters: How many numbers it has.
    """

    spec: BackboneSpec
    precision: str
    parameters: int


@dataclass(frozen=True, slots=True)
class CountsSaid:
    """The numbers of a `HingeSum`, see there."""

    hinge_sum: float
    active: int
    triplets: int


def read_groups(header: Header, models: int) -> tuple[GroupSaid, ...]:
    """Read which of `models` models are of which architecture.

    Raises:
        WireError: A model is missing or named twice, or there is no such architecture.
    """
    try:
        groups = tuple(
            GroupSaid(
                tuple(map(_whole, each["positions"])),
                network(each["architecture"], _hyperparameters(each["hyperparameters"])),
            )
            for each in header["groups"]
        )
    except (KeyError, TypeError, AttributeError, InputError) as error:
        raise WireError("described its models in a way that cannot be read") from error
    if sorted(place for group in groups for place in group.positions) != list(range(models)):
        raise WireError("described other models than it was given")
    return groups


def read_backbone(header: Header, size: int) -> BackboneSaid:
    """Read what was built from a file of `size` bytes.

    Raises:
        WireError: There is no such backbone, or it is larger than its file.
    """
    try:
        spec = BackboneSpec(
            header["architecture"],
            *(_whole(header[name]) for name in ("channels", "width", "features")),
        )
        said = BackboneSaid(spec, header["precision"], _whole(header["parameters"]))
    except (KeyError, TypeError, InputError) as error:
        raise WireError("described its backbone in a way that cannot be read") from error
    if said.precision not in ("float32", "float64") or said.parameters * 4 > size:
        raise WireError("described a backbone that its file cannot hold")
    return said


def read_counts(header: Header) -> CountsSaid:
    """Read the numbers that come with a gradient.

    Raises:
        WireError: One is missing, negative or no number.
    """
    try:
        said = CountsSaid(
            float(header["hinge_sum"]), _whole(header["active"]), _whole(header["triplets"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WireError("gave no counts with its gradient") from error
    if not 0 <= said.hinge_sum < math.inf:  # NaN as well
        raise WireError("gave a sum of hinges that is none")
    return said


def _hyperparameters(value: dict[str, Any]) -> dict[str, int | tuple[int, ...]]:
    return {
        str(name): tuple(map(_whole, each)) if isinstance(each, list) else _whole(each)
        for name, each in value.items()
    }


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise TypeError("no whole number")
    return value
