"""Flower's SecAgg+, its own functions called directly, where the extra `flower` is installed.

The client's four stages are functions of `secaggplus_mod`, the coordinator's are methods of
`SecAggPlusWorkflow`; between them stands no network, only what the other side said. Flower shares
and masks with the same neighbours, of its server's choosing; how many is its setting `num_shares`.
It has no signatures, and no list that the survivors agree to.
"""

import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.secagg_attempt import BOUND, Vectors

LEVELS = 2**22
"""Flower's default: values are rounded, at random, to one of so many."""
_RING = 2**32
_EXAMPLES = 1  # of each client, and the largest weight: then the sum is not weighted
_CHECKS = "flwr.common.secure_aggregation"
_CLIENT = "flwr.client.mod.secure_aggregation.secaggplus_mod"
_SERVER = "flwr.server.workflow.secure_aggregation.secaggplus_workflow"

Said = Mapping[int, Mapping[str, Any]]
"""What clients returned, by client; Flower's clients count from 1."""


def installed() -> bool:
    """Whether Flower is there."""
    return find_spec("flwr") is not None


@dataclass(frozen=True, slots=True)
class FlowerAttempt:
    """What was said in an attempt, and what one client's part of it took.

    Attributes:
        length: Of the vectors.
        neighbours: Of each client, itself included.
        threshold: Shares that give a secret back.
        keys: What clients returned in the first stage.
        shares: In the second.
        masked: In the third; those who dropped out are missing.
        unmasking: In the last.
        seconds: CPU time of the timed client.
    """

    length: int
    neighbours: Mapping[int, frozenset[int]]
    threshold: int
    keys: Said
    shares: Said
    masked: Said
    unmasking: Said
    seconds: float


def play(
    vectors: Vectors,
    length: int,
    parties: int,
    *,
    shares: int,
    timed: int,
    dropped: Collection[int] = (),
    masking: Iterable[int] | None = None,
) -> FlowerAttempt:
    """Run all clients.

    Args:
        vectors: What each party has.
        length: Of the vectors.
        parties: How many.
        shares: Flower's `num_shares`: all parties, or an odd number.
        timed: The party whose time is taken.
        dropped: Who sends no vector.
        masking: Who sends one; by default everybody else.
    """
    mod: Any = import_module(_CLIENT)
    key = import_module(f"{_CHECKS}.secaggplus_constants").Key
    to_parameters = import_module("flwr.common").ndarrays_to_parameters
    threshold = 2 * shares // 3 + 1
    everybody, half = range(1, parties + 1), shares // 2
    neighbours = {
        one: frozenset((one - 1 + off) % parties + 1 for off in range(-half, half + 1))
        for one in everybody
    }
    clock = _Clock(timed + 1)
    states = {one: mod.SecAggPlusState(nid=one) for one in everybody}
    setup = {
        key.SAMPLE_NUMBER: parties,
        key.SHARE_NUMBER: shares,
        key.THRESHOLD: threshold,
        key.CLIPPING_RANGE: BOUND,
        key.TARGET_RANGE: LEVELS,
        key.MOD_RANGE: _RING,
        key.MAX_WEIGHT: float(_EXAMPLES),
    }
    keys = {one: clock(one, mod._setup, states[one], setup) for one in everybody}
    public = {one: (keys[one][key.PUBLIC_KEY_1], keys[one][key.PUBLIC_KEY_2]) for one in everybody}
    shared = {
        one: clock(
            one,
            mod._share_keys,
            states[one],
            {str(other): public[other] for other in sorted(neighbours[one])},
        )
        for one in everybody
    }
    sources, sealed = _forwarded(shared, key)
    senders = [one + 1 for one in (range(parties) if masking is None else masking)]
    senders = [one for one in senders if one - 1 not in dropped]
    masked = {
        one: clock(
            one,
            mod._collect_masked_vectors,
            states[one],
            {key.SOURCE_LIST: sources[one], key.CIPHERTEXT_LIST: sealed[one]},
            _EXAMPLES,
            to_parameters([vectors(one - 1)]),
        )
        for one in senders
    }
    gone = frozenset(index + 1 for index in dropped)
    unmasking = {
        one: clock(
            one,
            mod._unmask,
            states[one],
            {
                key.ACTIVE_NODE_ID_LIST: sorted(neighbours[one] - gone),
                key.DEAD_NODE_ID_LIST: sorted(neighbours[one] & gone),
            },
        )
        for one in senders
    }
    return FlowerAttempt(
        length, neighbours, threshold, keys, shared, masked, unmasking, clock.seconds
    )


def serve(attempt: FlowerAttempt) -> tuple[float, npt.NDArray[np.float64]]:
    """CPU seconds of the last two stages of Flower's server, and the sum.

    The first two only pass messages on; they are left out in Flower's favour.
    """
    workflow: Any = import_module(_SERVER)
    key = import_module(f"{_CHECKS}.secaggplus_constants").Key
    records = import_module("flwr.app")
    task = import_module("flwr.supercore.task_identity").TaskIdentity
    task.run_id, task.node_id, task.task_id = 1, 0, 0  # else no message can be made
    sources, sealed = _forwarded(attempt.shares, key)
    everybody = set(attempt.neighbours)
    state = workflow.WorkflowState(
        nid_to_proxies=dict.fromkeys(everybody),
        nid_to_fitins={one: records.RecordDict() for one in everybody},
        sampled_node_ids=everybody,
        active_node_ids=set(everybody),
        threshold=attempt.threshold,
        clipping_range=BOUND,
        quantization_range=LEVELS,
        mod_range=_RING,
        max_weight=float(_EXAMPLES),
        nid_to_neighbours={one: set(near) for one, near in attempt.neighbours.items()},
        nid_to_publickeys={
            one: [said[key.PUBLIC_KEY_1], said[key.PUBLIC_KEY_2]]
            for one, said in attempt.keys.items()
        },
        forward_srcs=sources,
        forward_ciphertexts=sealed,
    )
    taken = _Strategy()
    context = SimpleNamespace(
        state=SimpleNamespace(
            config_records={workflow.MAIN_CONFIGS_RECORD: {workflow.WorkflowKey.CURRENT_ROUND: 1}}
        ),
        strategy=taken,
    )
    grid = _Grid([_replies(attempt.masked), _replies(attempt.unmasking)])
    stages = workflow.SecAggPlusWorkflow(1.0, 1.0)
    logging.getLogger("flwr").setLevel(logging.WARNING)
    start = time.process_time()
    finished = stages.collect_masked_vectors_stage(grid, context, state) and stages.unmask_stage(
        grid, context, state
    )
    seconds = time.process_time() - start
    assert finished
    to_arrays = import_module("flwr.common").parameters_to_ndarrays
    mean = to_arrays(taken.parameters)[0]
    return seconds, np.asarray(mean * len(attempt.masked), np.float64)


class _Clock:
    """Calls functions for clients, and adds up what those of one of them take."""

    def __init__(self, timed: int) -> None:
        self._timed = timed
        self.seconds = 0.0

    def __call__(self, client: int, function: Any, *arguments: Any) -> Any:  # noqa: ANN401 - theirs
        start = time.process_time()
        result = function(*arguments)
        if client == self._timed:
            self.seconds += time.process_time() - start
        return result


class _Grid:
    """Where Flower's server sends its messages: the replies are known beforehand."""

    def __init__(self, replies: Sequence[list[Any]]) -> None:
        self._replies = iter(replies)

    def send_and_receive(self, messages: object, *, timeout: float | None) -> list[Any]:
        """The replies of one stage."""
        del messages, timeout
        return next(self._replies)


class _Strategy:
    """Takes what Flower's server hands on after the last stage."""

    def __init__(self) -> None:
        self.parameters: Any = None

    def aggregate_fit(
        self, server_round: int, results: list[Any], failures: list[Any]
    ) -> tuple[None, dict[str, Any]]:
        """Keep the aggregated parameters, the same in all results."""
        del server_round, failures
        self.parameters = results[0][1].parameters
        return None, {}


def _replies(said: Said) -> list[Any]:
    """Messages as Flower's server reads them."""
    records = import_module("flwr.app")
    common = import_module("flwr.common")
    convert = import_module("flwr.compat.common.recorddict_compat").fitres_to_recorddict
    name = import_module(f"{_CHECKS}.secaggplus_constants").RECORD_KEY_CONFIGS
    replies = []
    for client, values in said.items():
        status = common.Status(common.Code.OK, "")
        empty = common.ndarrays_to_parameters([])
        content = convert(common.FitRes(status, empty, _EXAMPLES, {}), True)
        content.config_records[name] = records.ConfigRecord(dict(values))
        metadata = SimpleNamespace(src_node_id=client)
        replies.append(SimpleNamespace(content=content, metadata=metadata, has_error=lambda: False))
    return replies


def _forwarded(shared: Said, key: Any) -> tuple[dict[int, list[int]], dict[int, list[bytes]]]:  # noqa: ANN401
    """By receiver: who sent it sealed shares, and the shares."""
    sources: dict[int, list[int]] = {one: [] for one in shared}
    sealed: dict[int, list[bytes]] = {one: [] for one in shared}
    for sender, said in shared.items():
        for receiver, text in zip(
            said[key.DESTINATION_LIST], said[key.CIPHERTEXT_LIST], strict=True
        ):
            sources[receiver].append(sender)
            sealed[receiver].append(text)
    return sources, sealed
