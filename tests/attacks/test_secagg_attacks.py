"""Attacks on secure aggregation by the coordinator and by parties that work for it.

Each test is one attack, played against honest `Participant`s. What a party answers must be nothing,
or of no use. `test_secagg_adversary.py` plays attacks that nobody has thought of.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from protocols.errors import Code, Refused
from protocols.ids import ProviderId, QueryId
from protocols.secagg.floors import Floors
from protocols.secagg.graph import Graph, graph_for
from protocols.secagg.keys import AgreementKey
from protocols.secagg.masking import apply_masks, self_key
from protocols.secagg.messages import (
    Advertisement,
    Agreement,
    Delivery,
    KeyList,
    MaskedInput,
    SealedShares,
    Signed,
    Survivors,
    Unmasking,
)
from protocols.secagg.noise import DiscreteGaussian
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Aborted, Round
from protocols.secagg.shamir import SHARE_BYTES, reconstruct
from protocols.secagg.statements import (
    advertised_statement,
    masked_statement,
    survivors_statement,
)
from protocols.secagg.states import Advertised, Masked
from tests.protocols.secagg.company import (
    Attempt,
    ask,
    bytes_of,
    identity,
    named,
    one_hot,
    participant,
    remembered,
)

LOW_ORDER = (
    bytes(32),
    b"\1" + bytes(31),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae 1656e3faf19fc46a da098deb9c32b1fd 866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24 b1d0b1559c83ef5b 04445cc4581c8e86 d8224eddd09f1157"),
)
"""Points with which everybody agrees on one and the same secret, and other spellings of them."""


def key_list(attempt: Attempt) -> dict[int, Advertisement]:
    """The advertisements that the coordinator is about to hand out."""
    keys = KeyList.decode(next(iter(attempt.bodies.values())))
    return {party: keys[party] for party in keys.parties}


def signed_again(
    question: AggregationQuestion, advertisement: Advertisement, signer: ProviderId
) -> Advertisement:
    """The advertisement under somebody's signature."""
    statement = advertised_statement(question.transcript, advertisement)
    return replace(advertisement, signature=identity(signer).sign(statement))


def delivery(attempt: Attempt, receiver: int) -> Delivery:
    """What the coordinator is about to deliver to a party."""
    return Delivery.decode(attempt.bodies[named(receiver)])


def without(mapping: Mapping[int, bytes], *gone: int) -> dict[int, bytes]:
    return {key: value for key, value in mapping.items() if key not in gone}


def only(mapping: Mapping[int, bytes], kept: Iterable[int]) -> dict[int, bytes]:
    return {key: mapping[key] for key in sorted(kept)}


# Key substitution.


@pytest.mark.parametrize("field", ["sealing_key", "masking_key", "own_mask", "choice"])
def test_key_substitution(field: str) -> None:
    """The coordinator puts keys of its own in a party's place: it could read along."""
    attempt = Attempt(ask(4)).until(Round.SHARE)
    keys = key_list(attempt)
    keys[2] = replace(keys[2], **{field: AgreementKey.from_bytes(bytes_of("mine")).public})
    body = KeyList.of(keys).encode()
    assert "p0002" in attempt.refuses(0, body, Code.TRANSCRIPT_DIFFERS)
    assert "own keys" in attempt.refuses(2, body, Code.TRANSCRIPT_DIFFERS)


def test_key_substitution_under_another_identity() -> None:
    attempt = Attempt(ask(4)).until(Round.SHARE)
    keys = key_list(attempt)
    for index, signer in enumerate(("coordinator", named(3))):
        mine = replace(keys[2], masking_key=AgreementKey.from_bytes(bytes_of("mine")).public)
        keys[2] = signed_again(attempt.question, mine, ProviderId(signer))
        attempt.refuses(index, KeyList.of(keys).encode(), Code.TRANSCRIPT_DIFFERS)


def test_key_substitution_by_exchanging_two_parties() -> None:
    attempt = Attempt(ask(4)).until(Round.SHARE)
    keys = key_list(attempt)
    keys[2], keys[3] = keys[3], keys[2]
    attempt.refuses(0, KeyList.of(keys).encode(), Code.TRANSCRIPT_DIFFERS)


def test_key_substitution_of_a_partys_own_keys_in_full() -> None:
    """Even under its own good signature, from another attempt of its own."""
    attempt = Attempt(ask(4)).until(Round.SHARE)
    keys = key_list(attempt)
    other = participant(attempt.question, named(1), seed=bytes_of("another seed"))
    keys[1] = Advertisement.decode(other.answer(Round.ADVERTISE, b""))
    attempt.refuses(1, KeyList.of(keys).encode(), Code.TRANSCRIPT_DIFFERS)


def test_key_list_without_the_party_that_reads_it() -> None:
    attempt = Attempt(ask(4)).until(Round.SHARE)
    keys = key_list(attempt)
    del keys[1]
    attempt.refuses(1, KeyList.of(keys).encode(), Code.TRANSCRIPT_DIFFERS)


@pytest.mark.parametrize("stranger", [4, 2**31 - 1])
def test_key_list_with_a_stranger(stranger: int) -> None:
    attempt = Attempt(ask(4)).until(Round.SHARE)
    keys = key_list(attempt)
    keys[stranger] = keys[3]
    attempt.refuses(1, KeyList.of(keys).encode(), Code.BAD_PARAMETERS)


@pytest.mark.parametrize("low", LOW_ORDER, ids=bytes.hex)
@pytest.mark.parametrize("field", ["sealing_key", "masking_key"])
def test_low_order_keys(field: str, low: bytes) -> None:
    """A colluder signs a key under which every agreement comes out the same, known to all."""
    attempt = Attempt(ask(4)).until(Round.SHARE)
    keys = key_list(attempt)
    keys[3] = signed_again(attempt.question, replace(keys[3], **{field: low}), named(3))
    body = KeyList.of(keys).encode()
    if field == "sealing_key":
        attempt.refuses(0, body, Code.TRANSCRIPT_DIFFERS)
        return
    # The masking key is used in MASK, and there before the rows are read.
    calls: list[bool] = []
    attempt[0]._values = lambda: calls.append(True) or np.zeros(4)  # type: ignore[func-returns-value]
    state = attempt[3]._state
    assert isinstance(state, Advertised)
    attempt[3]._state = replace(state, advertisement=keys[3])  # the colluder goes along
    shares = [SealedShares.decode(attempt[i].answer(Round.SHARE, body)) for i in range(4)]
    seeds = {index: each.choice_seed for index, each in enumerate(shares)}
    sealed = {index: shares[index].sealed[0] for index in (1, 2, 3)}
    story = Delivery(seeds, sealed).encode()
    attempt.refuses(0, story, Code.TRANSCRIPT_DIFFERS, Round.MASK)
    assert not calls


# Sybils.


def test_sybil_listed_twice_in_the_question() -> None:
    with pytest.raises(ValueError, match="each of them once"):
        ask([named(0), named(1), named(1)])


def test_sybil_under_two_names() -> None:
    """One identity key under two names would count as two parties."""
    question = ask(4)
    known = {name: identity(name).public for name in question.parties}
    known[named(3)] = known[named(2)]
    with pytest.raises(Refused) as caught:
        participant(question, named(0), identities=known).answer(Round.ADVERTISE, b"")
    assert caught.value.code is Code.ROSTER_NOT_TRUSTED


def test_sybil_listed_twice_in_the_key_list() -> None:
    """The same keys under a second index, and a list whose order goes round."""
    attempt = Attempt(ask(4)).until(Round.SHARE)
    keys = key_list(attempt)
    twice = signed_again(attempt.question, keys[2], named(3))
    attempt.refuses(0, KeyList.of({**keys, 3: twice}).encode(), Code.TRANSCRIPT_DIFFERS)
    packed = KeyList.of(keys).packed
    for parties in ((0, 1, 2, 2), (0, 1, 3, 2)):
        index = parties[-2] % 2 + 1
        attempt.refuses(index, KeyList(parties, packed).encode(), Code.BAD_PARAMETERS)


def test_sybils_minted_yesterday_do_not_count() -> None:
    floors = Floors(min_parties=4, counted=frozenset(map(named, range(3))))
    with pytest.raises(Refused) as caught:
        participant(ask(5), named(0), floors=floors).answer(Round.ADVERTISE, b"")
    assert caught.value.code is Code.TOO_FEW_PARTIES


@pytest.mark.parametrize(
    ("parties", "known", "refused"),
    [
        (12, 4, True),
        (12, 6, True),
        (12, 7, False),
        (40, 31, True),
        (40, 32, False),
    ],
)
def test_sybils_who_outvote_the_others(parties: int, known: int, refused: bool) -> None:
    """Floors apart: enough of them could sign two lists, and hold the shares of every party.

    With 8 of 12 the threshold is 9: one party told that a victim has dropped out, and another told
    that it has not, would each make a quorum with them.
    """
    floors = Floors(min_parties=4, counted=frozenset(map(named, range(known))))
    party = participant(ask(parties), named(0), floors=floors)
    if not refused:
        party.answer(Round.ADVERTISE, b"")
        return
    with pytest.raises(Refused) as caught:
        party.answer(Round.ADVERTISE, b"")
    assert "too new" in caught.value.local


# Terms of the question.


def test_one_party() -> None:
    with pytest.raises(ValueError, match="hides nobody"):
        ask(1)


@pytest.mark.parametrize("parties", [2, 3, 5, 9, 33, 100])
def test_threshold_lowered_by_the_coordinator(parties: int) -> None:
    least = ask(parties).threshold
    with pytest.raises(Refused) as caught:
        participant(ask(parties, threshold=least - 1), named(0)).answer(Round.ADVERTISE, b"")
    assert caught.value.code is Code.THRESHOLD_TOO_LOW
    participant(ask(parties), named(0)).answer(Round.ADVERTISE, b"")


def test_corruption_bound_beyond_what_the_lists_bear() -> None:
    question = ask(7, corrupt=3)  # threshold 5: two lists need 3 common signers
    with pytest.raises(Refused) as caught:
        participant(question, named(0)).answer(Round.ADVERTISE, b"")
    assert caught.value.code is Code.THRESHOLD_TOO_LOW


def test_corruption_bound_lowered_by_the_coordinator() -> None:
    floors = Floors(min_corrupt=2)
    with pytest.raises(Refused) as caught:
        participant(ask(10, corrupt=1), named(0), floors=floors).answer(Round.ADVERTISE, b"")
    assert caught.value.code is Code.THRESHOLD_TOO_LOW


def test_noise_thinned_by_counting_on_more_parties_than_are_sure() -> None:
    """Each adds its share of the variance; who counts on ten when four are sure gets too little."""
    for noise in (DiscreteGaussian(8.0, 5, 1), DiscreteGaussian(8.0, 4, 0)):
        with pytest.raises(ValueError, match="honest survivors"):
            ask(5, corrupt=1, noise=noise)
    ask(5, corrupt=1, noise=DiscreteGaussian(8.0, 4, 1))


def test_a_sum_that_wraps_around() -> None:
    """A garbled sum of large values could single out the party that made it wrap."""
    question = ask(3, width=32, bound=2.0**30, step=1.0)
    with pytest.raises(Refused) as caught:
        participant(question, named(0)).answer(Round.ADVERTISE, b"")
    assert caught.value.code is Code.BAD_PARAMETERS


def test_class_slot_with_one_party() -> None:
    """Row counts (K, 0, 0): the slot's sum would be one party's own."""
    question = ask(3, slots=("cat",), rows=[[9], [0], [0]])
    for name in question.parties:
        with pytest.raises(Refused) as caught:
            participant(question, name).answer(Round.ADVERTISE, b"")
        assert caught.value.code is Code.TOO_FEW_HOLDERS


HELD_BY_THREE = [[1]] * 3 + [[0]] * 5
"""Row counts of eight parties, of which the coordinator can 'lose' two and still go on."""


@pytest.mark.parametrize("when", [Round.SHARE, Round.MASK, Round.SIGN])
def test_holders_of_a_class_dropped_by_the_coordinator(when: Round) -> None:
    """The question has enough holders, the list that comes later has one."""
    question = ask(8, slots=("cat",), rows=HELD_BY_THREE)
    attempt = Attempt(question).until(when)
    body = attempt.bodies[named(0)]
    if when is Round.SHARE:
        keys = key_list(attempt)
        body = KeyList.of({index: keys[index] for index in keys if index not in (1, 2)}).encode()
    elif when is Round.MASK:
        both = delivery(attempt, 0)
        body = Delivery(without(both.choice_seeds, 1, 2), without(both.sealed, 1, 2)).encode()
    else:
        body = Survivors(without(Survivors.decode(body).signatures, 1, 2)).encode()
    assert "'cat' has rows of 1 parties" in attempt.refuses(0, body, Code.TOO_FEW_HOLDERS)


@pytest.mark.parametrize("when", [Round.SHARE, Round.MASK, Round.SIGN])
def test_parties_dropped_by_the_coordinator_below_the_threshold(when: Round) -> None:
    attempt = Attempt(ask(5)).until(when)
    body = attempt.bodies[named(0)]
    if when is Round.SHARE:
        keys = key_list(attempt)
        body = KeyList.of({index: keys[index] for index in (0, 1, 2)}).encode()
    elif when is Round.MASK:
        both = delivery(attempt, 0)
        body = Delivery(only(both.choice_seeds, (0, 1, 2)), only(both.sealed, (1, 2))).encode()
    else:
        body = Survivors(only(Survivors.decode(body).signatures, (0, 1, 2))).encode()
    attempt.refuses(0, body, Code.TOO_FEW_PARTIES)


# Two stories.


def told_apart(one: AggregationQuestion, other: AggregationQuestion) -> None:
    """One party is asked `one`, all others `other`: nobody masks anything."""
    attempt = Attempt(other)
    attempt.participants[named(0)] = participant(one, named(0), one_hot(other)[named(0)])
    attempt.play(tamper=lambda _, reply: reply)
    assert attempt.server.rejected.keys() == {named(0)}  # an honest coordinator notices at once
    keys = key_list(attempt)
    keys[0] = Advertisement.decode(attempt.replies[Round.ADVERTISE][named(0)])
    body = KeyList.of(keys).encode()
    for index in range(len(other.parties)):
        attempt.bodies[named(index)] = body
        attempt.refuses(index, body, Code.TRANSCRIPT_DIFFERS)


def test_different_model_digest_to_one_party() -> None:
    """One party alone computes with a model that gives away its rows."""
    told_apart(ask(4, body=b"class_feature_sums of model 666"), ask(4))


def test_different_rows_to_one_party() -> None:
    told_apart(
        ask(4, slots=("cat",), rows=[[5], [5], [5], [5]]),
        ask(4, slots=("cat",), rows=[[5], [1], [1], [1]]),
    )


def test_different_bound_to_one_party() -> None:
    told_apart(ask(4, bound=1.0, width=64), ask(4, bound=2.0, width=64))


def test_different_attempt_number_to_one_party() -> None:
    told_apart(ask(4, attempt=1), ask(4, attempt=2))


def test_different_key_lists_to_different_parties() -> None:
    """Two lists, each with enough parties: shares sealed under one do not open under the other."""
    attempt = Attempt(ask(5)).until(Round.SHARE)
    keys = key_list(attempt)
    without_four = KeyList.of({index: keys[index] for index in range(4)}).encode()
    attempt.bodies[named(0)] = without_four
    attempt.play()
    # The coordinator hides party 4 from party 0, as the shorter list does.
    assert named(0) in attempt.server.rejected
    shares = {
        index: SealedShares.decode(attempt.replies[Round.SHARE][named(index)]) for index in range(4)
    }
    story = Delivery(
        {index: shares[index].choice_seed for index in shares},
        {index: shares[index].sealed[0] for index in shares if index != 0},
    )
    attempt.refuses(0, story.encode(), Code.TRANSCRIPT_DIFFERS)


# Shares.


@pytest.mark.parametrize("byte", [0, 40, 81])
def test_tampered_share(byte: int) -> None:
    attempt = Attempt(ask(4)).until(Round.MASK)
    both = delivery(attempt, 1)
    changed = bytearray(both.sealed[2])
    changed[byte] ^= 1
    body = Delivery(both.choice_seeds, {**both.sealed, 2: bytes(changed)}).encode()
    assert "p0002" in attempt.refuses(1, body, Code.TRANSCRIPT_DIFFERS)


def test_shares_swapped_between_receivers() -> None:
    attempt = Attempt(ask(4)).until(Round.MASK)
    mine, other = delivery(attempt, 1), delivery(attempt, 0)
    body = Delivery(mine.choice_seeds, {**mine.sealed, 2: other.sealed[2]}).encode()
    attempt.refuses(1, body, Code.TRANSCRIPT_DIFFERS)


def test_shares_swapped_between_senders() -> None:
    attempt = Attempt(ask(4)).until(Round.MASK)
    mine = delivery(attempt, 1)
    swapped = {**mine.sealed, 2: mine.sealed[3], 3: mine.sealed[2]}
    attempt.refuses(1, Delivery(mine.choice_seeds, swapped).encode(), Code.TRANSCRIPT_DIFFERS)


def test_share_reflected_to_its_sender() -> None:
    """Both ends agree on one secret; each direction has its own key nevertheless."""
    attempt = Attempt(ask(4)).until(Round.MASK)
    mine, other = delivery(attempt, 1), delivery(attempt, 2)
    body = Delivery(mine.choice_seeds, {**mine.sealed, 2: other.sealed[1]}).encode()
    attempt.refuses(1, body, Code.TRANSCRIPT_DIFFERS)


def test_share_of_another_attempt() -> None:
    old = delivery(Attempt(ask(4, attempt=1)).until(Round.MASK), 1)
    attempt = Attempt(ask(4, attempt=2)).until(Round.MASK)
    mine = delivery(attempt, 1)
    body = Delivery(mine.choice_seeds, {**mine.sealed, 2: old.sealed[2]}).encode()
    attempt.refuses(1, body, Code.TRANSCRIPT_DIFFERS)


def test_share_withheld() -> None:
    """A party without the share of one that stays would mask with it, and could not help it."""
    attempt = Attempt(ask(4)).until(Round.MASK)
    mine = delivery(attempt, 1)
    body = Delivery(mine.choice_seeds, without(mine.sealed, 2)).encode()
    attempt.refuses(1, body, Code.TRANSCRIPT_DIFFERS)


def test_share_of_one_that_is_said_to_have_dropped_out() -> None:
    """It would be held, and told as that of a party that is gone, though that party lives on."""
    attempt = Attempt(ask(5)).until(Round.MASK)
    mine = delivery(attempt, 1)
    body = Delivery(without(mine.choice_seeds, 2), mine.sealed).encode()
    attempt.refuses(1, body, Code.TRANSCRIPT_DIFFERS)


def test_delivery_that_leaves_its_receiver_out() -> None:
    attempt = Attempt(ask(5)).until(Round.MASK)
    mine = delivery(attempt, 1)
    body = Delivery(without(mine.choice_seeds, 1), mine.sealed).encode()
    attempt.refuses(1, body, Code.TRANSCRIPT_DIFFERS)


def test_choice_seed_exchanged() -> None:
    attempt = Attempt(ask(4)).until(Round.MASK)
    mine = delivery(attempt, 1)
    body = Delivery({**mine.choice_seeds, 2: bytes_of("mine")}, mine.sealed).encode()
    attempt.refuses(1, body, Code.TRANSCRIPT_DIFFERS)


# Lists of survivors, and asking for both shares of one party.


def at_sign(parties: int = 7, corrupt: int = 0) -> Attempt:
    return Attempt(ask(parties, corrupt=corrupt)).until(Round.SIGN)


def survivors_without(attempt: Attempt, *gone: int) -> bytes:
    honest = Survivors.decode(next(iter(attempt.bodies.values())))
    return Survivors(without(honest.signatures, *gone)).encode()


def test_asking_for_both_shares_with_two_lists_for_one_party() -> None:
    """It signs one list, and none after it."""
    attempt = at_sign()
    attempt[0].answer(Round.SIGN, attempt.bodies[named(0)])
    attempt.refuses(0, survivors_without(attempt, 6), Code.ATTEMPT_SPENT)


def test_asking_for_both_shares_after_the_shares_were_told() -> None:
    attempt = Attempt(ask(7))
    attempt.finish()
    for round_, body in (
        (Round.SIGN, survivors_without(Attempt(ask(7)).until(Round.SIGN), 6)),
        (Round.UNMASK, b"another agreement"),
    ):
        with pytest.raises(Refused) as caught:
            attempt[0].answer(round_, body)
        assert caught.value.code is Code.ATTEMPT_SPENT


def test_no_share_of_a_party_is_told_twice_over() -> None:
    """Of each party one secret at most, also after dropouts in every round."""
    attempt = Attempt(ask(9)).until(Round.MASK)
    attempt.play(silent=[3]).until(Round.UNMASK).play(silent=[5])
    told = [Unmasking.decode(reply) for reply in attempt.replies[Round.UNMASK].values()]
    assert len(told) == 7
    for each in told:
        assert set(each.own_masks) == {0, 1, 2, 4, 5, 6, 7, 8}
        assert set(each.pair_masks) == {3}


def test_different_survivor_sets_to_different_parties() -> None:
    """With as many colluders as are tolerated, who sign every list they are shown.

    Seven parties, threshold 5, colluders 5 and 6. Whatever the coordinator tells whom, of the five
    honest ones at most one of two lists finds enough signatures.
    """
    question = ask(7, corrupt=2)
    colluders = (5, 6)
    for split in range(1, 5):
        attempt = Attempt(question).until(Round.SIGN)
        lists = {
            index: attempt.bodies[named(index)] if index < split else survivors_without(attempt, 0)
            for index in range(1, 5)
        } | {0: attempt.bodies[named(0)]}
        signatures: dict[bytes, dict[int, bytes]] = {}
        for index, body in lists.items():
            reply = attempt[index].answer(Round.SIGN, body)
            signatures.setdefault(body, {})[index] = Signed.decode(reply).signature
        own: set[int] = set()
        pair: set[int] = set()
        for index, body in lists.items():
            found = dict(signatures[body])
            for colluder in colluders:
                found[colluder] = collude(attempt, colluder, body)
            agreement = Agreement(sort(found)).encode()
            if len(found) < question.threshold:
                attempt.refuses(index, agreement, Code.SURVIVORS_DIFFER, Round.UNMASK)
                continue
            told = Unmasking.decode(attempt[index].answer(Round.UNMASK, agreement))
            own |= told.own_masks.keys()
            pair |= told.pair_masks.keys()
        assert not own & pair


def collude(attempt: Attempt, colluder: int, body: bytes) -> bytes:
    """A colluder's signature under whatever list."""
    state = attempt[colluder]._state
    assert isinstance(state, Masked)
    listed = Survivors.decode(body).parties
    return identity(named(colluder)).sign(survivors_statement(state.company, listed))


def sort(signatures: Mapping[int, bytes]) -> dict[int, bytes]:
    return dict(sorted(signatures.items()))


def test_list_without_a_live_party() -> None:
    """The party itself refuses; the others sign, and then tell its masking key, never its seed."""
    attempt = at_sign(5)
    body = survivors_without(attempt, 4)
    assert "leave this party out" in attempt.refuses(4, body, Code.SURVIVORS_DIFFER)
    signatures = {
        index: Signed.decode(attempt[index].answer(Round.SIGN, body)).signature
        for index in range(4)
    }
    agreement = Agreement(signatures).encode()
    for index in range(4):
        told = Unmasking.decode(attempt[index].answer(Round.UNMASK, agreement))
        assert 4 not in told.own_masks
        assert 4 in told.pair_masks


def test_list_with_one_that_never_shared() -> None:
    attempt = Attempt(ask(5)).until(Round.SHARE).play(silent=[4]).until(Round.SIGN)
    honest = Survivors.decode(attempt.bodies[named(0)])
    state = attempt[0]._state
    assert isinstance(state, Masked)
    going_along = identity(named(4)).sign(masked_statement(state.company))
    body = Survivors({**honest.signatures, 4: going_along}).encode()
    attempt.refuses(0, body, Code.SURVIVORS_DIFFER)


def test_list_with_one_that_sent_no_vector() -> None:
    """Its seed would be told, though what it might send later is not yet known."""
    attempt = Attempt(ask(5)).until(Round.MASK).play(silent=[4])
    honest = Survivors.decode(attempt.bodies[named(0)])
    body = Survivors({**honest.signatures, 4: honest.signatures[3]}).encode()
    assert "p0004 masked in other company" in attempt.refuses(0, body, Code.SURVIVORS_DIFFER)


def test_unmasking_without_enough_signatures() -> None:
    attempt = at_sign(5).play()
    honest = Agreement.decode(attempt.bodies[named(0)])
    attempt.refuses(
        0, Agreement(only(honest.signatures, (0, 1, 2))).encode(), Code.SURVIVORS_DIFFER
    )


def test_unmasking_with_one_signature_for_many() -> None:
    """One party's signature, under the names of others and of parties that do not exist."""
    attempt = at_sign(5).play()
    signature = Agreement.decode(attempt.bodies[named(0)]).signatures[1]
    forged = dict.fromkeys([*range(5), 5, 2**31 - 1], signature)
    attempt.refuses(0, Agreement(forged).encode(), Code.SURVIVORS_DIFFER)


def test_unmasking_with_signatures_of_those_who_do_not_survive() -> None:
    """A colluder that is left out of the list does not vote on it."""
    attempt = Attempt(ask(5, threshold=5 - 1)).until(Round.SIGN)
    body = survivors_without(attempt, 4)
    for index in range(4):
        attempt.answer(named(index), body)
    signatures = {
        index: Signed.decode(attempt.replies[Round.SIGN][named(index)]).signature
        for index in range(3)
    }
    signatures[4] = collude(attempt, 4, body)
    agreement = Agreement(signatures).encode()
    attempt.refuses(0, agreement, Code.SURVIVORS_DIFFER, Round.UNMASK)


def test_unmasking_under_signatures_for_another_list() -> None:
    attempt, other = at_sign(5), at_sign(5)
    body = survivors_without(other, 4)
    signatures = {
        index: Signed.decode(other[index].answer(Round.SIGN, body)).signature for index in range(4)
    }
    attempt.play()
    attempt.refuses(0, Agreement(signatures).encode(), Code.SURVIVORS_DIFFER)


# Replay.


@pytest.mark.parametrize("round_", [Round.SHARE, Round.MASK, Round.SIGN, Round.UNMASK])
@pytest.mark.parametrize("query", [QueryId(1, 2, 3), QueryId(1, 2, 4)])
def test_replay_of_an_old_message(round_: Round, query: QueryId) -> None:
    """Of an earlier attempt, or of another question: key list, shares, survivors, signatures."""
    old = Attempt(ask(4, attempt=1)).until(round_)
    attempt = Attempt(ask(4, attempt=2, query=query)).until(round_)
    codes = {
        Round.SHARE: Code.TRANSCRIPT_DIFFERS,
        Round.MASK: Code.TRANSCRIPT_DIFFERS,
        Round.SIGN: Code.SURVIVORS_DIFFER,
        Round.UNMASK: Code.SURVIVORS_DIFFER,
    }
    attempt.refuses(0, old.bodies[named(0)], codes[round_])


@pytest.mark.parametrize("round_", [Round.ADVERTISE, Round.MASK, Round.SIGN])
def test_replay_of_an_old_reply_to_the_coordinator(round_: Round) -> None:
    old = Attempt(ask(4, attempt=1))
    old.finish()
    attempt = Attempt(ask(4, attempt=2)).until(round_)
    attempt.play(
        tamper=lambda name, reply: old.replies[round_][name] if name == named(3) else reply
    )
    result = attempt.finish()
    assert named(3) in attempt.server.rejected
    assert result.total.tolist() == [1, 1, 1, float(named(3) in result.survivors)]


def test_replay_of_one_partys_advertisement_within_the_key_list() -> None:
    """A party that is not there today is made to seem so, with its keys of an earlier attempt."""
    old = key_list(Attempt(ask(5, attempt=1)).until(Round.SHARE))
    attempt = Attempt(ask(5, attempt=2)).play(silent=[4])
    keys = key_list(attempt) | {4: old[4]}
    attempt.refuses(0, KeyList.of(keys).encode(), Code.TRANSCRIPT_DIFFERS)


# Retries.


def test_finish_feign_an_abort_retry_without_one_party_subtract() -> None:
    """The second attempt shares nothing with the first: no key, no mask, no share.

    That the two sums are over other rows, and that an exact sum over all rows is given once, is
    kept by the node (`tests/provider`); here, that the first attempt's secrets do not help.
    """
    names = list(map(named, range(5)))
    first = Attempt(ask(names, length=5))
    assert first.finish().total.tolist() == [1, 1, 1, 1, 1]
    # Whoever took part takes no other message of that attempt.
    for round_ in (Round.SHARE, Round.MASK, Round.SIGN):
        with pytest.raises(Refused) as caught:
            first[0].answer(round_, b"once more")
        assert caught.value.code is Code.ATTEMPT_SPENT
    second = Attempt(ask(names[:4], length=5, attempt=2), one_hot(first.question))
    assert second.finish().total.tolist() == [1, 1, 1, 1, 0]
    for round_ in Round:
        for name in names[:4]:
            assert first.replies[round_][name] != second.replies[round_][name]
    # With all that the first attempt told, a vector of the second stays masked.
    told = [Unmasking.decode(reply) for reply in first.replies[Round.UNMASK].values()]
    shares = {holder + 1: each.own_masks[0] for holder, each in enumerate(told)}
    seed = reconstruct(shares, first.question.threshold)
    body = second.replies[Round.MASK][named(0)]
    vector = MaskedInput.decode(body, length=5, width=32).vector.copy()
    apply_masks(vector, minus=[self_key(seed, second.server._context)])
    assert sum(abs(int(word)) < 2**20 for word in vector.view(np.int32)) == 0


def test_retry_under_the_same_number_with_another_company() -> None:
    """The same attempt, but one party fewer: the old keys do not sign for it."""
    first = Attempt(ask(5)).until(Round.SHARE)
    second = Attempt(ask(4, length=4)).until(Round.SHARE)
    keys = key_list(first)
    body = KeyList.of({index: keys[index] for index in range(4)}).encode()
    second.refuses(0, body, Code.TRANSCRIPT_DIFFERS)


def test_a_party_masks_one_vector_only() -> None:
    """Two masked vectors under one set of keys would show their difference."""
    attempt = Attempt(ask(5)).until(Round.MASK)
    body = attempt.bodies[named(0)]
    first = attempt.answer(named(0), body)
    assert attempt.answer(named(0), body) == first
    mine = Delivery.decode(body)
    fewer = Delivery(without(mine.choice_seeds, 4), without(mine.sealed, 4)).encode()
    attempt.refuses(0, fewer, Code.ATTEMPT_SPENT)


# Lies of parties to the coordinator.


@pytest.mark.parametrize("liars", [(0,), (0, 1), (3,), range(5)])
def test_lying_holder(liars: Iterable[int]) -> None:
    """Wrong shares end the attempt; they never make a wrong sum."""
    attempt = Attempt(ask(5)).until(Round.UNMASK)

    def lie(name: ProviderId, reply: bytes) -> bytes:
        if name not in map(named, liars):
            return reply
        told = Unmasking.decode(reply)
        return Unmasking({**told.own_masks, 2: bytes_of(name) + b"\0"}, told.pair_masks).encode()

    attempt.play(tamper=lie)
    with pytest.raises(Aborted, match="p0002") as caught:
        attempt.finish()
    assert caught.value.round is Round.UNMASK


def test_lying_holder_whose_share_is_not_needed() -> None:
    """Four of five shares are enough, and the fifth is not looked at."""
    attempt = Attempt(ask(5)).until(Round.UNMASK)
    attempt.play(
        tamper=lambda name, reply: (
            Unmasking({2: bytes(SHARE_BYTES)}, {}).encode() if name == named(4) else reply
        )
    )
    assert attempt.finish().total.tolist() == [1, 1, 1, 1]


def test_lying_owner() -> None:
    """A party shares another seed than it committed to: no sum, rather than a wrong one."""
    attempt = Attempt(ask(5)).until(Round.SHARE)
    state = attempt[4]._state
    assert isinstance(state, Advertised)
    attempt[4]._state = replace(state, own_seed=bytes_of("another"))
    with pytest.raises(Aborted, match="own mask"):
        attempt.finish()


def test_lying_owner_of_a_masking_key() -> None:
    attempt = Attempt(ask(5)).until(Round.SHARE)
    state = attempt[4]._state
    assert isinstance(state, Advertised)
    attempt[4]._state = replace(state, masking_secret=bytes_of("another"))
    attempt.until(Round.MASK).play(silent=[4])
    with pytest.raises(Aborted, match="masking key"):
        attempt.finish()


def test_share_told_by_one_that_holds_none() -> None:
    """Fifteen of forty hold its shares: a stranger's 'share' must not be among those used."""
    attempt = sparse(40).until(Round.UNMASK)
    victim = 7
    holders = drawn_by(attempt, victim)

    def lie(name: ProviderId, reply: bytes) -> bytes:
        index = attempt.question.index(name)
        if index in holders:
            return reply
        told = Unmasking.decode(reply)
        forged = dict(sorted({**told.own_masks, victim: bytes(SHARE_BYTES)}.items()))
        return Unmasking(forged, told.pair_masks).encode()

    attempt.play(tamper=lie)
    assert attempt.finish().total.tolist() == [1] * 40


@pytest.mark.parametrize("length", [0, 3, 5])
def test_masked_input_of_wrong_length(length: int) -> None:
    attempt = Attempt(ask(5, length=4)).until(Round.MASK)

    def cut(name: ProviderId, reply: bytes) -> bytes:
        if name != named(4):
            return reply
        signature = MaskedInput.decode(reply, length=4, width=32).signature
        return MaskedInput(np.zeros(length, np.uint32), signature).encode()

    attempt.play(tamper=cut)
    assert attempt.finish().survivors == tuple(map(named, range(4)))


# The sparse graph.


def sparse(parties: int) -> Attempt:
    """An attempt in which each party draws some of the others, with an eye on four dropouts."""
    question = ask(parties, length=parties, dropouts=4)
    graph = graph_for(
        parties,
        corrupt=question.corrupt,
        dropouts=question.dropouts,
        threshold=question.threshold,
        present=parties,
    )
    assert graph == Graph(parties=40, degree=15, threshold=11)
    return Attempt(question, verify=remembered())


def drawn_by(attempt: Attempt, party: int) -> frozenset[int]:
    """The holders of a party's shares."""
    return attempt.server._choices[party]


def test_victim_told_of_another_company() -> None:
    """Some of its neighbours are hidden from one party: it would mask with fewer of them.

    It cannot know, and sends its vector; but then nobody signs a list that names it.
    """
    attempt = sparse(40).until(Round.MASK)
    victim = 5
    hidden = sorted(drawn_by(attempt, victim))[:4]
    mine = delivery(attempt, victim)
    story = Delivery(without(mine.choice_seeds, *hidden), without(mine.sealed, *hidden)).encode()
    reply = attempt[victim].answer(Round.MASK, story)
    signature = MaskedInput.decode(reply, length=40, width=32).signature
    attempt.play(silent=[victim])
    honest = Survivors.decode(attempt.bodies[named(0)])
    body = Survivors(sort({**honest.signatures, victim: signature})).encode()
    for index in sorted(drawn_by(attempt, victim)):
        assert "p0005 masked in other company" in attempt.refuses(
            index, body, Code.SURVIVORS_DIFFER
        )


def test_victim_cut_off_from_the_holders_of_its_shares() -> None:
    attempt = sparse(40).until(Round.MASK)
    hidden = sorted(drawn_by(attempt, 5))[:5]  # leaves ten, and eleven are needed
    mine = delivery(attempt, 5)
    story = Delivery(without(mine.choice_seeds, *hidden), without(mine.sealed, *hidden)).encode()
    attempt.refuses(5, story, Code.TOO_FEW_PARTIES)


def test_neighbour_hidden_from_the_party_that_it_drew() -> None:
    """An edge that only one end knows of: the one would mask, the other would not."""
    attempt = sparse(40).until(Round.MASK)
    sender = min(delivery(attempt, 5).sealed)
    mine = delivery(attempt, 5)
    body = Delivery(mine.choice_seeds, without(mine.sealed, sender)).encode()
    attempt.refuses(5, body, Code.TRANSCRIPT_DIFFERS)


def test_share_of_a_party_that_did_not_draw_its_receiver() -> None:
    """Colluders who flood a victim with shares get no more of its masks than they drew."""
    attempt = sparse(40).until(Round.MASK)
    mine = delivery(attempt, 5)
    stranger = next(other for other in range(40) if other not in (*mine.sealed, 5))
    seal = next(iter(mine.sealed.values()))
    body = Delivery(mine.choice_seeds, sort({**mine.sealed, stranger: seal})).encode()
    attempt.refuses(5, body, Code.TRANSCRIPT_DIFFERS)


def test_neighbours_drawn_to_order() -> None:
    """A colluder opens another seed than it had committed to, once it knows the others' draws."""
    attempt = sparse(40).until(Round.SHARE)

    def change(name: ProviderId, reply: bytes) -> bytes:
        if name != named(9):
            return reply
        return SealedShares(bytes_of("mine"), SealedShares.decode(reply).sealed).encode()

    attempt.play(tamper=change)
    assert "not committed" in attempt.server.rejected[named(9)]
    mine = delivery(attempt, 5)
    body = Delivery(sort({**mine.choice_seeds, 9: bytes_of("mine")}), mine.sealed).encode()
    attempt.refuses(5, body, Code.TRANSCRIPT_DIFFERS)


def test_victim_isolated_by_dropping_its_neighbours() -> None:
    """The coordinator lists a victim as survivor, and calls the holders of its shares dropped."""
    attempt = sparse(40).until(Round.SIGN)
    victim = 5
    dropped = sorted(drawn_by(attempt, victim))[:5]
    body = survivors_without(attempt, *dropped)
    for index in range(40):
        if index not in dropped:
            assert "holders" in attempt.refuses(index, body, Code.SURVIVORS_DIFFER)


def test_corruption_bound_lowered_by_the_coordinator_among_many() -> None:
    """On the sparse graph the bound decides how many hold a party's shares: the policy has it."""
    for corrupt, floors in ((0, Floors()), (7, Floors()), (8, Floors(min_corrupt=9))):
        party = participant(ask(40, corrupt=corrupt), named(0), floors=floors)
        with pytest.raises(Refused) as caught:
            party.answer(Round.ADVERTISE, b"")
        assert caught.value.code is Code.THRESHOLD_TOO_LOW
    participant(ask(40, corrupt=8), named(0)).answer(Round.ADVERTISE, b"")
