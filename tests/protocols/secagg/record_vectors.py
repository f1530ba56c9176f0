"""Test vectors: whole runs as JSON, with all randomness given and every message recorded.

``python -m tests.protocols.secagg.record_vectors`` writes the files of the folder ``vectors``
again; do so only after a deliberate change of the protocol, and raise `VERSION` with it. The tests
replay them with the product and with the second implementation, and any other implementation can
check itself against them:

- ``question``: its canonical bytes; SHA-256 of them is the transcript.
- ``parties``: for each its name, private Ed25519 key, seed of the attempt, vector, and the round
  from which on it is silent.
- ``messages``: by round, what opened it for each party and what each party sent. A value is the
  bytes in hexadecimal or, where they are long, "SHA-256" and theirs. "all" stands for every party
  that takes part in the round.
- ``shares``: SHA-256 of both shares of an owner, one after the other, for each holder; only where
  there are few parties.
- ``sum``: survivors, and the total in units of the encoding's step.
- ``must_fail``: messages that a party has to refuse in place of the recorded one, with the number
  and the name of the code.

``questions.json`` has questions that every party has to refuse before it makes a key.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from protocols.errors import Code
from protocols.ids import ProviderId
from protocols.secagg.messages import Agreement, Delivery, KeyList, Survivors
from protocols.secagg.noise import DiscreteGaussian
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Round
from protocols.secagg.states import Masked
from protocols.values import Value, decode_values, encode_values
from tests.protocols.secagg.company import (
    Attempt,
    Vector,
    ask,
    bytes_of,
    named,
    remembered,
)

FOLDER = Path(__file__).parent / "vectors"
VERSION = 1
DIGEST = "SHA-256 "
_FEW = 5
_SHORT = 1000
"""Longest message that is written out."""


@dataclass(frozen=True)
class Case:
    """A run to record.

    Attributes:
        question: What is asked.
        silent: In which round a party stops sending.
        failing: Messages that must fail, by name.
        short: Longest message that is written out, in bytes.
    """

    question: AggregationQuestion
    silent: Mapping[int, Round]
    failing: Mapping[str, "Failing"]
    short: int = _SHORT


@dataclass(frozen=True)
class Failing:
    """A message that party 0 must refuse.

    Attributes:
        round: Which round it opens.
        code: With which code.
        change: Makes it of the honest one.
    """

    round: Round
    code: Code
    change: Callable[[bytes], bytes]


def spaced(data: bytes) -> str:
    """Hexadecimal, eight bytes at a time, so that it is not taken for somebody's secret."""
    return data.hex(" ", -8)


def _other_key(body: bytes) -> bytes:
    keys = KeyList.decode(body)
    packed = bytearray(keys.packed)
    packed[-192] ^= 1
    return KeyList(keys.parties, bytes(packed)).encode()


def _share_changed(body: bytes) -> bytes:
    delivery = Delivery.decode(body)
    last = max(delivery.sealed)
    wrong = delivery.sealed[last][:-1] + bytes([delivery.sealed[last][-1] ^ 1])
    return Delivery(delivery.choice_seeds, {**delivery.sealed, last: wrong}).encode()


def _share_withheld(body: bytes) -> bytes:
    delivery = Delivery.decode(body)
    last = max(delivery.sealed)
    kept = {sender: share for sender, share in delivery.sealed.items() if sender != last}
    return Delivery(delivery.choice_seeds, kept).encode()


def _seed_changed(body: bytes) -> bytes:
    delivery = Delivery.decode(body)
    last = max(delivery.choice_seeds)
    return Delivery({**delivery.choice_seeds, last: bytes(32)}, delivery.sealed).encode()


def _left_out(body: bytes) -> bytes:
    signatures = Survivors.decode(body).signatures
    return Survivors({index: signatures[index] for index in signatures if index != 0}).encode()


def _other_company(body: bytes) -> bytes:
    signatures = dict(Survivors.decode(body).signatures)
    last = max(signatures)
    return Survivors({**signatures, last: signatures[0]}).encode()


def _too_few_signatures(body: bytes) -> bytes:
    signatures = dict(Agreement.decode(body).signatures)
    signatures.pop(max(signatures))
    return Agreement(signatures).encode()


def _one_signature_for_all(body: bytes) -> bytes:
    signatures = Agreement.decode(body).signatures
    return Agreement(dict.fromkeys(signatures, signatures[0])).encode()


FAILING = {
    "a masking or sealing key is another": Failing(
        Round.SHARE, Code.TRANSCRIPT_DIFFERS, _other_key
    ),
    "a sealed share is changed": Failing(Round.MASK, Code.TRANSCRIPT_DIFFERS, _share_changed),
    "a sealed share is withheld": Failing(Round.MASK, Code.TRANSCRIPT_DIFFERS, _share_withheld),
    "a choice seed is not the committed one": Failing(
        Round.MASK, Code.TRANSCRIPT_DIFFERS, _seed_changed
    ),
    "the survivors leave the party out": Failing(Round.SIGN, Code.SURVIVORS_DIFFER, _left_out),
    "a survivor masked in other company": Failing(
        Round.SIGN, Code.SURVIVORS_DIFFER, _other_company
    ),
    "signatures of too few": Failing(Round.UNMASK, Code.SURVIVORS_DIFFER, _too_few_signatures),
    "one signature for all": Failing(Round.UNMASK, Code.SURVIVORS_DIFFER, _one_signature_for_all),
    "a message of another kind": Failing(Round.SIGN, Code.BAD_PARAMETERS, lambda _: b""),
}


def cases() -> dict[str, Case]:
    """The runs that are recorded, by name of the file."""
    return {
        "three": Case(
            ask(3, slots=("cat", "dog"), rows=[[5, 1], [5, 2], [5, 3]], length=3), {}, FAILING
        ),
        "five-one-gone-after-share": Case(ask(5, length=5), {3: Round.MASK}, {}, short=100),
        "five-one-gone-after-mask": Case(ask(5, length=5), {3: Round.SIGN}, {}, short=100),
        "wide": Case(ask(3, length=3, step=2.0**-40, attempt=3), {}, {}, short=100),
        "noise": Case(
            ask(
                4,
                length=4,
                corrupt=1,
                bound=8.0,
                step=0.25,
                noise=DiscreteGaussian(sigma=3.0, threshold=3, colluders=1),
            ),
            {1: Round.MASK},
            {},
            short=1000,
        ),
        "sparse": Case(
            ask(40, length=3, dropouts=5),
            dict(zip((4, 9, 19, 24, 39), Round, strict=True)),
            {},
            short=0,
        ),
    }


def record(case: Case) -> dict[str, Any]:
    """Play a run, and write down what happens."""
    question = case.question
    attempt = Attempt(question, _values(question), verify=remembered())
    messages: dict[str, Any] = {}
    must_fail: list[dict[str, Any]] = []
    shares: dict[str, dict[str, str]] = {}
    for round_ in Round:
        for name, failing in case.failing.items():
            if failing.round is round_:
                must_fail.append(
                    {
                        "why": name,
                        "round": round_.value,
                        "party": 0,
                        "message": spaced(failing.change(attempt.bodies[named(0)])),
                        "code": failing.code.value,
                        "code_name": failing.code.name,
                    }
                )
        opened = {} if round_ is Round.ADVERTISE else dict(attempt.bodies)
        attempt.play(silent=[i for i, at in case.silent.items() if at is round_])
        messages[round_.value] = {
            "opened": _written(opened, question, case.short),
            "sent": _written(attempt.replies[round_], question, case.short),
        }
        if round_ is Round.MASK and len(question.parties) <= _FEW:
            shares = _shares(attempt)
    result = attempt.server.finish()
    return {
        "version": VERSION,
        "question": spaced(question.encode()),
        "parties": [
            {
                "name": name,
                "identity": spaced(bytes_of("identity", name)),
                "seed": spaced(bytes_of("attempt", name, question.query, question.attempt)),
                "vector": attempt.values[name].tolist(),
                "silent_from": case.silent[index].value if index in case.silent else None,
            }
            for index, name in enumerate(question.parties)
        ],
        "messages": messages,
        "shares": shares,
        "sum": {
            "survivors": list(result.survivors),
            "units": [round(total / question.encoding.step) for total in result.total.tolist()],
        },
        "must_fail": must_fail,
    }


def _values(question: AggregationQuestion) -> dict[ProviderId, Vector]:
    """Numbers of both signs, up to the bound."""
    eighths = [
        [(7 * party + 3 * entry) % 17 - 8 for entry in range(question.length)]
        for party in range(len(question.parties))
    ]
    scale = question.encoding.bound / 8
    return {
        name: np.array(row) * scale for name, row in zip(question.parties, eighths, strict=True)
    }


def _shares(attempt: Attempt) -> dict[str, dict[str, str]]:
    """By owner and holder."""
    found: dict[str, dict[str, str]] = {}
    for holder, party in enumerate(attempt.participants.values()):
        if isinstance(party._state, Masked):
            for owner, both in party._state.held.items():
                digest = spaced(hashlib.sha256(both).digest())
                found.setdefault(str(owner), {})[str(holder)] = digest
    return found


def _written(
    messages: Mapping[Any, bytes], question: AggregationQuestion, short: int
) -> dict[str, str]:
    def text(body: bytes) -> str:
        return (
            spaced(body) if len(body) <= short else DIGEST + spaced(hashlib.sha256(body).digest())
        )

    if len(messages) > 1 and len(set(messages.values())) == 1:
        return {"all": text(next(iter(messages.values())))}
    return {str(question.index(name)): text(messages[name]) for name in sorted(messages)}


def bad_questions() -> list[dict[str, Any]]:
    """Questions that every party refuses."""
    holders: dict[str, Any] = {"slots": ("cat",), "rows": [[9], [0], [0]]}
    function, values = decode_values(ask(3).encode())
    noisy = ask(4, corrupt=1, noise=DiscreteGaussian(8.0, 3, 1)).encode()
    thinned = dict(decode_values(noisy)[1])
    thinned["encoding.noise_threshold"] = 4
    two = ("p0000", "p0001")
    changes: dict[str, dict[str, Value]] = {
        "a party listed twice": {"parties": (*two, "p0001")},
        "parties out of order": {"parties": ("p0001", "p0000", "p0002")},
        "one party": {"parties": ("p0000",), "rows": np.zeros((1, 0), np.int64)},
        "a fourth attempt": {"attempt": 4},
        "a field more": {"more": 1},
    }
    bad: list[tuple[str, Code, bytes]] = [
        ("threshold lowered", Code.THRESHOLD_TOO_LOW, ask(3, threshold=2).encode()),
        ("more collusion than bearable", Code.THRESHOLD_TOO_LOW, ask(7, corrupt=3).encode()),
        ("little collusion among many", Code.THRESHOLD_TOO_LOW, ask(40, corrupt=1).encode()),
        ("rows (K, 0, 0)", Code.TOO_FEW_HOLDERS, ask(3, **holders).encode()),
        ("the sum may wrap around", Code.BAD_PARAMETERS, ask(3, width=32, step=2.0**-30).encode()),
        *(
            (why, Code.BAD_PARAMETERS, encode_values(function, values | change))
            for why, change in changes.items()
        ),
        ("noise thinned", Code.BAD_PARAMETERS, encode_values(function, thinned)),
        ("bytes after the end", Code.BAD_PARAMETERS, ask(3).encode() + b"\x1a\x00"),
    ]
    return [
        {"why": why, "question": spaced(body), "code": code.value, "code_name": code.name}
        for why, code, body in bad
    ]


def files() -> dict[str, str]:
    """The contents of all files, by name."""
    content: dict[str, Any] = {f"{name}.json": record(case) for name, case in cases().items()}
    content["questions.json"] = {"version": VERSION, "must_fail": bad_questions()}
    return {name: json.dumps(each, indent=1) + "\n" for name, each in content.items()}


def main() -> None:
    """Write all files."""
    for name, text in files().items():
        (FOLDER / name).write_text(text)
        print(f"{name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
