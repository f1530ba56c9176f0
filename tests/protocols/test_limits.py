from dataclasses import Field, fields
from pathlib import Path

import pytest

from protocols.limits import LARGEST, MIB, Limits

MANUAL = Path(__file__).parents[2] / "docs" / "session.md"


def test_limits_are_positive_and_fit_in_a_grpc_message() -> None:
    with pytest.raises(ValueError, match="in_flight"):
        Limits(in_flight=0)
    with pytest.raises(ValueError, match="at most"):
        Limits(max_body=LARGEST + 1)
    assert Limits(max_body=LARGEST).max_message < 2**31 - 2**20


@pytest.mark.parametrize("field", fields(Limits), ids=lambda field: field.name)
def test_every_limit_has_its_line_in_the_manual(field: Field[float]) -> None:
    default = field.default
    assert isinstance(default, int | float)
    shown = f"{default // MIB} MiB" if default >= MIB else f"{default:g}"
    shown += " s" if isinstance(default, float) else ""
    assert f"| `{field.name}` | {shown} |" in MANUAL.read_text()
