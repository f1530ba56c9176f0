"""What the parts of a job take, as measured on one machine: `./run benchmark cost_model`.

The constants that come with the package are of the machine that their file names. On another
machine, run the benchmark there and name its result with `--cost-model`.
"""

import json
import math
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from synlearn.errors import InputError

FORMAT: Final = "synlearn-cost-model/1"
_SHIPPED: Final = "cost_model.json"


@dataclass(frozen=True, slots=True)
class CostModel:
    """Seconds of one processor core, and bytes.

    Attributes:
        start_seconds: Of a process of the coordinator or of nodes, until it can begin.
        join_seconds: Coordinator, for each provider that opens a session with TLS.
        question_seconds: Coordinator, for each question and its answer, however small.
        sent_byte_seconds: Coordinator, for each byte of a question.
        answer_byte_seconds: Coordinator, for each byte of an answer: received, checked, added.
        file_byte_seconds: Coordinator, for each byte of a file that a node pulls.
        heartbeat_seconds: Coordinator, for each heartbeat, heard or sent.
        session_bytes: Coordinator's memory for each open session.
        session_files: Coordinator's file descriptors for each open session.
        remembered_bytes: Coordinator's memory for each question that is not acknowledged.

        node_question_seconds: Node, for each question: read, put on record, answered.
        node_byte_seconds: Node, for each byte of an answer: written, put on record, sent.
        row_seconds: Node, for each row that a model is shown, besides its operations.
        operation_seconds: Node, for each operation of a model that is shown rows.
        product_seconds: Node, for each product of two features of a row and a model.
        dataset_seconds: Node, for each target dataset of evidence in each question.
        evidence_seconds: Node, for each target dataset of evidence and model.
        backbone_seconds: Node, for each operation of the backbone, forth alone.
        gradient_seconds: Node, for each gradient, of however few rows.
        training_seconds: Node, for each operation of the backbone, forth and back.
        triplet_seconds: Node, for each triple of rows of a batch of pre-training.
        ledger_bytes: Node's disk for each question.

        pair_seconds: Node, for each other party of a masked sum: its signatures.
        neighbour_seconds: Node, for each neighbour: a key agreement, a sealed share.
        mask_seconds: Node, for each entry of a vector and mask.
        slot_seconds: Node, for each slot of a sum of features: its rows are drawn.
        party_seconds: Coordinator, for each party of a masked sum.
        share_seconds: Coordinator, for each sealed share and its part in unmasking.
        entry_seconds: Coordinator, for each entry and party of a masked sum.

        synthetic_seconds: Coordinator, for each number of a synthetic row of a few-shot head.
        head_seconds: Coordinator, for each head and cube of its features.
        step_seconds: Coordinator, for each step of learning, however small.
        update_seconds: Coordinator, for each step of learning, member and (task, model) of it.
        isolated_step_seconds, isolated_seconds: The same two of a metric for isolated closures.
        checkpoint_seconds: Coordinator, for each byte of a checkpoint, until it is on disk.
        ranking_bytes: Memory of a ranking, for each class of a model and member of the metric.
    """

    start_seconds: float
    join_seconds: float
    question_seconds: float
    sent_byte_seconds: float
    answer_byte_seconds: float
    file_byte_seconds: float
    heartbeat_seconds: float
    session_bytes: float
    session_files: float
    remembered_bytes: float
    node_question_seconds: float
    node_byte_seconds: float
    row_seconds: float
    operation_seconds: float
    product_seconds: float
    dataset_seconds: float
    evidence_seconds: float
    backbone_seconds: float
    gradient_seconds: float
    training_seconds: float
    triplet_seconds: float
    ledger_bytes: float
    pair_seconds: float
    neighbour_seconds: float
    mask_seconds: float
    slot_seconds: float
    party_seconds: float
    share_seconds: float
    entry_seconds: float
    synthetic_seconds: float
    head_seconds: float
    step_seconds: float
    update_seconds: float
    isolated_step_seconds: float
    isolated_seconds: float
    checkpoint_seconds: float
    ranking_bytes: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
                raise ValueError(f"{field.name} is {value!r}; it must be a number of at least 0")


@dataclass(frozen=True, slots=True)
class Measured:
    """A cost model, and where it is from.

    Attributes:
        costs: The constants.
        machine: Which processor, in words.
        load: Of the machine when the measuring began: processes that wanted a core.
    """

    costs: CostModel
    machine: str
    load: float


@cache
def shipped_cost_model() -> Measured:
    """What comes with the package."""
    text = resources.files(__package__).joinpath(_SHIPPED).read_text(encoding="utf-8")
    return _parsed(json.loads(text))


def read_cost_model(path: Path) -> Measured:
    """What the benchmark has written.

    Raises:
        InputError: The file cannot be read, or is no cost model of this version.
    """
    try:
        return _parsed(json.loads(path.read_bytes()))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(
            f"{path} is no cost model of this version: {error}; make one with "
            "./run benchmark cost_model."
        ) from error


def _parsed(table: Any) -> Measured:  # noqa: ANN401  # whatever JSON holds
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    costs, machine = table["costs"], table["machine"]
    names = {field.name for field in fields(CostModel)}
    if odd := sorted(set(costs) ^ names):
        raise ValueError(f"costs missing or unknown: {', '.join(map(str, odd))}")
    words = f"{machine['cores']} cores of {machine['cpu']}"
    return Measured(CostModel(**costs), words, float(table["load"]))
