from collections.abc import Callable

import numpy as np
import pytest

from protocols.ids import ProviderId
from protocols.secagg.messages import (
    Advertisement,
    MaskedInput,
    SealedShares,
    Signed,
    Unmasking,
)
from protocols.secagg.rounds import Aborted, Round
from protocols.secagg.shamir import SHARE_BYTES
from tests.damage import damaged
from tests.protocols.secagg.company import Attempt, ask, identity, named

ROUNDS = list(Round)


def test_the_sum_of_all() -> None:
    result = Attempt(ask(4)).finish()
    assert result.total.tolist() == [1, 1, 1, 1]
    assert result.total.dtype == np.float64
    assert result.survivors == tuple(map(named, range(4)))


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_party_that_falls_silent_is_left_out(round_: Round) -> None:
    attempt = Attempt(ask(5)).until(round_)
    attempt.play(silent=[3])
    result = attempt.finish()
    sent = round_ in (Round.SIGN, Round.UNMASK)
    assert result.total.tolist() == [1, 1, 1, int(sent)]
    assert (named(3) in result.survivors) == sent


@pytest.mark.parametrize("round_", ROUNDS)
def test_too_few_left_abort(round_: Round) -> None:
    attempt = Attempt(ask(5)).until(round_)
    with pytest.raises(Aborted) as caught:
        attempt.play(silent=[1, 3]).finish()
    assert caught.value.round is round_


@pytest.mark.parametrize("round_", ROUNDS)
def test_who_answers_late_has_dropped_out(round_: Round) -> None:
    attempt = Attempt(ask(5)).until(round_)
    late = attempt.answer(named(2), attempt.bodies[named(2)])
    attempt.play(silent=[2])
    if round_ is not Round.UNMASK:
        assert named(2) not in attempt.bodies
        assert named(2) not in attempt.server.waiting
        attempt.hear(named(2), late)
    result = attempt.finish()
    assert result.total[2] == (round_ in (Round.SIGN, Round.UNMASK))
    assert not attempt.server.rejected


@pytest.mark.parametrize("round_", ROUNDS)
def test_who_answers_twice_counts_once(round_: Round) -> None:
    attempt = Attempt(ask(4)).until(round_)
    name = named(1)
    reply = attempt.answer(name, attempt.bodies[name])
    attempt.hear(name, reply)
    attempt.hear(name, reply)
    attempt.hear(name, b"something else")
    assert name not in attempt.server.waiting
    assert attempt.finish().total.tolist() == [1, 1, 1, 1]
    assert not attempt.server.rejected


def test_a_stranger_is_not_heard() -> None:
    attempt = Attempt(ask(3))
    attempt.hear(ProviderId("stranger"), attempt[0].answer(Round.ADVERTISE, b""))
    assert attempt.finish().total.tolist() == [1, 1, 1, 0]
    assert not attempt.server.rejected


@pytest.mark.parametrize("round_", [round_ for round_ in ROUNDS if round_ is not Round.SHARE])
def test_whatever_a_party_sends_it_costs_its_own_place_only(round_: Round) -> None:
    attempt = Attempt(ask(5)).until(round_)
    whole = attempt.answer(named(4), attempt.bodies[named(4)])
    bodies = [b"", b"\xff" * 50, *damaged(whole, 25)]
    if round_ is Round.UNMASK:  # of a damaged share nothing tells before the end
        bodies = bodies[:2]
    for body in bodies:
        attempt = Attempt(ask(5)).until(round_)
        attempt.play(
            tamper=lambda name, reply, body=body: body if name == named(4) else reply  # type: ignore[misc]
        )
        result = attempt.finish()
        assert named(4) in attempt.server.rejected
        expected = round_ in (Round.SIGN, Round.UNMASK)
        assert (named(4) in result.survivors) == expected
        assert result.total.tolist() == [1, 1, 1, 1]


def test_whatever_a_party_sends_as_shares_the_sum_is_right_or_there_is_none() -> None:
    """What is sealed the coordinator cannot check; who cannot open its share drops out."""
    honest = Attempt(ask(5)).until(Round.SHARE)
    whole = honest.answer(named(4), honest.bodies[named(4)])
    outcomes = []
    for body in (b"", *damaged(whole, 60)):
        attempt = Attempt(ask(5)).until(Round.SHARE)
        attempt.play(
            tamper=lambda name, reply, body=body: body if name == named(4) else reply  # type: ignore[misc]
        )
        try:
            result = attempt.finish()
        except Aborted:
            outcomes.append(0)
            continue
        hot = [float(named(index) in result.survivors) for index in range(4)]
        assert result.total.tolist() == hot
        outcomes.append(len(result.survivors))
    assert {0, 4} <= set(outcomes)


def test_whatever_many_parties_send_the_sum_is_right_or_there_is_none() -> None:
    """Garbage, damage, and good messages at the wrong time or in the wrong name."""
    ends = {True: 0, False: 0}
    good = Attempt(ask(6))
    good.finish()
    for seed in range(60):
        random = np.random.default_rng(seed)
        often = random.choice([0.02, 0.1, 0.5])

        def change(
            name: ProviderId,
            reply: bytes,
            random: np.random.Generator = random,
            often: float = often,
        ) -> bytes:
            if random.random() > often:
                return reply
            others = good.replies[ROUNDS[random.integers(5)]]
            return [
                b"",
                random.bytes(40),
                next(damaged(reply, 1, int(random.integers(1000)))),
                others[name],
                others[named(int(random.integers(6)))],
            ][random.integers(5)]

        attempt = Attempt(ask(6))
        try:
            while not attempt.over:
                attempt.play(tamper=change)
            result = attempt.server.finish()
        except Aborted:
            ends[False] += 1
            continue
        ends[True] += 1
        assert result.total.tolist() == [named(i) in result.survivors for i in range(4)]
    assert min(ends.values()) > 10


def wrong_signature(reply: bytes) -> bytes:
    advertisement = Advertisement.decode(reply)
    return Advertisement.unpack(advertisement.unsigned + bytes(64)).encode()


def resigned(sealing: bytes, masking: bytes) -> Callable[[bytes], bytes]:
    """Other keys under the party's own good signature."""

    def change(reply: bytes) -> bytes:
        honest = Advertisement.decode(reply)
        attempt = Attempt(ask(5))
        keys = sealing + masking + honest.own_mask + honest.choice
        statement = b"synlearn/secagg/advertised/v1|" + attempt.question.transcript + keys
        return Advertisement.unpack(keys + identity(named(4)).sign(statement)).encode()

    return change


def shared_with_too_few(reply: bytes) -> bytes:
    shares = SealedShares.decode(reply)
    return SealedShares(shares.choice_seed, dict(list(shares.sealed.items())[1:])).encode()


def shared_with_itself(reply: bytes) -> bytes:
    shares = SealedShares.decode(reply)
    return SealedShares(shares.choice_seed, {**shares.sealed, 4: shares.sealed[0]}).encode()


def another_choice(reply: bytes) -> bytes:
    return SealedShares(b"?" * 32, SealedShares.decode(reply).sealed).encode()


def masked_unsigned(reply: bytes) -> bytes:
    masked = MaskedInput.decode(reply, length=4, width=32)
    return MaskedInput(masked.vector, bytes(64)).encode()


def shorter(reply: bytes) -> bytes:
    masked = MaskedInput.decode(reply, length=4, width=32)
    return MaskedInput(masked.vector[:3], masked.signature).encode()


def wider(reply: bytes) -> bytes:
    masked = MaskedInput.decode(reply, length=4, width=32)
    return MaskedInput(masked.vector.astype(np.uint64), masked.signature).encode()


@pytest.mark.parametrize(
    ("round_", "change"),
    [
        (Round.ADVERTISE, wrong_signature),
        (Round.ADVERTISE, resigned(b"a" * 32, b"a" * 32)),
        (Round.ADVERTISE, resigned(bytes(32), b"a" * 32)),
        (Round.ADVERTISE, resigned(b"a" * 32, b"\xff" * 32)),
        (Round.SHARE, shared_with_too_few),
        (Round.SHARE, shared_with_itself),
        (Round.SHARE, another_choice),
        (Round.MASK, masked_unsigned),
        (Round.MASK, shorter),
        (Round.MASK, wider),
        (Round.SIGN, lambda _: Signed(bytes(64)).encode()),
    ],
)
def test_a_wrong_message_costs_its_sender_the_place(
    round_: Round, change: Callable[[bytes], bytes]
) -> None:
    attempt = Attempt(ask(5)).until(round_)
    attempt.play(tamper=lambda name, reply: change(reply) if name == named(4) else reply)
    result = attempt.finish()
    assert attempt.server.rejected.keys() == {named(4)}
    assert attempt.server.rejected[named(4)]
    assert result.total.tolist() == [1, 1, 1, 1]
    assert (named(4) in result.survivors) == (round_ is Round.SIGN)


def test_keys_copied_from_another_party_cost_the_copier_its_place() -> None:
    """Otherwise every honest party would refuse the list: one cheat could stop all sums."""
    attempt = Attempt(ask(5))
    victim = Advertisement.decode(attempt.answer(named(0), b""))
    attempt.play(
        tamper=lambda name, reply: (
            resigned(victim.sealing_key, victim.masking_key)(reply) if name == named(4) else reply
        )
    )
    assert attempt.finish().survivors == tuple(map(named, range(4)))
    assert attempt.server.rejected.keys() == {named(4)}


@pytest.mark.parametrize("secret", ["own_masks", "pair_masks"])
def test_a_lying_holder_aborts_and_never_makes_a_wrong_sum(secret: str) -> None:
    attempt = Attempt(ask(5)).until(Round.MASK)
    attempt.play(silent=[3]).until(Round.UNMASK)

    def lie(name: ProviderId, reply: bytes) -> bytes:
        if name != named(0):
            return reply
        honest = Unmasking.decode(reply)
        shares = {"own_masks": dict(honest.own_masks), "pair_masks": dict(honest.pair_masks)}
        owner = min(shares[secret])
        wrong = (int.from_bytes(shares[secret][owner]) ^ 1).to_bytes(SHARE_BYTES)
        shares[secret][owner] = wrong
        return Unmasking(**shares).encode()

    attempt.play(tamper=lie)
    with pytest.raises(Aborted, match="wrong"):
        attempt.server.finish()


@pytest.mark.parametrize("share", [b"\xff" * SHARE_BYTES, b"\1" + bytes(SHARE_BYTES - 1)])
def test_a_share_outside_the_field_aborts(share: bytes) -> None:
    attempt = Attempt(ask(3)).until(Round.UNMASK)
    attempt.play(
        tamper=lambda name, reply: (
            Unmasking({0: share, 1: share, 2: share}, {}).encode() if name == named(1) else reply
        )
    )
    with pytest.raises(Aborted):
        attempt.server.finish()


def test_shares_of_nobody_are_of_no_use() -> None:
    attempt = Attempt(ask(3)).until(Round.UNMASK)
    share = b"\0" * SHARE_BYTES

    def more(_: ProviderId, reply: bytes) -> bytes:
        honest = Unmasking.decode(reply)
        return Unmasking({**honest.own_masks, 9: share}, {2**31 - 1: share}).encode()

    attempt.play(tamper=more)
    assert attempt.server.finish().total.tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("width", [32, 64])
def test_sums_at_the_edge_of_the_ring(width: int) -> None:
    """Three parties at their bound fill what the width holds, and are still exact."""
    largest = (2 ** (width - 1) - 1) // 3
    bound = float(2 ** (largest.bit_length() - 1))
    question = ask(3, bound=bound, step=1.0, width=width)
    values = {name: np.array([bound, -bound, 1.0, -1.0]) for name in question.parties}
    assert Attempt(question, values).finish().total.tolist() == [3 * bound, -3 * bound, 3, -3]


def test_who_is_awaited() -> None:
    attempt = Attempt(ask(3))
    assert attempt.server.round is Round.ADVERTISE
    assert attempt.server.waiting == set(attempt.question.parties)
    attempt.hear(named(1), attempt.answer(named(1), b""))
    assert attempt.server.waiting == {named(0), named(2)}
