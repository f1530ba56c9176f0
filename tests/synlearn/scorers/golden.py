"""Golden vectors: inputs, expected values and tolerances for every scorer."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).parents[2] / "golden"


@dataclass(frozen=True)
class Expected:
    """One expected value: assert abs(got - value) <= atol + rtol * abs(value), if `stable`."""

    case: str
    variant: str
    status: str  # "ok", "nan" (NaN or infinite) or "raises"
    value: float
    rtol: float
    atol: float
    stable: bool

    def check(self, got: float) -> None:
        allowed = self.atol + self.rtol * abs(self.value)
        assert abs(got - self.value) <= allowed, f"{self.case}.{self.variant}: {got} {self.value}"


@cache
def inputs() -> dict[str, NDArray[np.generic]]:
    with np.load(GOLDEN / "inputs.npz") as arrays:
        return dict(arrays)


@cache
def details(scorer: str) -> dict[str, NDArray[np.generic]]:
    with np.load(GOLDEN / f"{scorer}.npz") as arrays:
        return dict(arrays)


def array(case: str, name: str) -> NDArray[np.float64]:
    """An input as float64; labels (`y`) as int64."""
    return inputs()[f"{case}.{name}"].astype(np.int64 if name == "y" else np.float64)


@cache
def expected(scorer: str, variant: str) -> tuple[Expected, ...]:
    """The variant's expected values, one for each case that has it."""
    manifest = json.loads((GOLDEN / "manifest.json").read_text())
    found = []
    for case, variants in manifest[scorer]["cases"].items():
        if variant in variants:
            entry = variants[variant]
            found.append(
                Expected(
                    case,
                    variant,
                    entry["status"],
                    entry.get("value") if entry.get("value") is not None else float("nan"),
                    entry.get("rtol", 1e-9),
                    entry.get("atol", 1e-11),
                    entry.get("stable", True),
                )
            )
    return tuple(found)
