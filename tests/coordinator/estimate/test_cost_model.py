"""The cost model that comes with the package, and those that are read."""

import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from coordinator.estimate.cost_model import FORMAT, CostModel, read_cost_model, shipped_cost_model
from synlearn.errors import InputError

UNTOLD = {
    "dataset_seconds",
    "gradient_seconds",
    "share_seconds",
    "entry_seconds",
    "remembered_bytes",
}
"""So little that a measurement may find nothing."""


def table() -> dict[str, object]:
    costs = {field.name: 0.5 for field in fields(CostModel)}
    return {"format": FORMAT, "costs": costs, "machine": {"cores": 2, "cpu": "x"}, "load": 1.5}


def test_what_is_shipped_was_measured() -> None:
    found = shipped_cost_model()
    values = {name: value for name, value in asdict(found.costs).items() if name not in UNTOLD}
    assert all(value > 0 for value in values.values()), values
    assert len(set(values.values())) == len(values), "placeholders are alike"
    assert "?" not in found.machine


def test_what_is_shipped_is_possible() -> None:
    """Orders of magnitude of any machine that can run this at all."""
    costs = shipped_cost_model().costs
    assert 0.1 < costs.start_seconds < 60
    for name in ("join_seconds", "question_seconds", "node_question_seconds", "party_seconds"):
        assert 1e-5 < getattr(costs, name) < 0.1, name
    for name in ("sent_byte_seconds", "answer_byte_seconds", "node_byte_seconds"):
        assert 1e-11 < getattr(costs, name) < 1e-6, name
    for name in ("operation_seconds", "backbone_seconds", "training_seconds"):
        assert 1e-13 < getattr(costs, name) < 1e-8, name
    assert 1e3 < costs.session_bytes < 1e7
    assert 0.5 < costs.session_files < 4


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(table()))
    found = read_cost_model(path)
    assert found.costs.join_seconds == 0.5
    assert (found.machine, found.load) == ("2 cores of x", 1.5)


@pytest.mark.parametrize("damage", ["missing", "negative", "format", "text"])
def test_a_file_that_is_none_is_refused(damage: str, tmp_path: Path) -> None:
    path, content = tmp_path / "model.json", table()
    costs = content["costs"]
    assert isinstance(costs, dict)
    match damage:
        case "missing":
            del costs["step_seconds"]
        case "negative":
            costs["join_seconds"] = -1
        case "format":
            content["format"] = "synlearn-cost-model/0"
    path.write_text("no JSON" if damage == "text" else json.dumps(content))
    with pytest.raises(InputError, match="is no cost model of this version"):
        read_cost_model(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_cost_model(tmp_path / "nothing.json")
