"""A party's side of one attempt: pure steps from state to state.

Each step takes the coordinator's message and returns the next state with the party's own message,
or raises `Refused`: then the attempt is over for this party. A state serves for one step only, to
which `protocols.secagg.participant` keeps.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, Refused
from protocols.secagg.encoding import EncodingError, Units
from protocols.secagg.graph import badly_held, graph_for
from protocols.secagg.keys import AgreementKey, ByteStream, Unsealable, derive, seal, unseal
from protocols.secagg.masking import apply_masks, pair_key, self_key
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
from protocols.secagg.neighbours import Choices, choices, draw, mask_neighbours
from protocols.secagg.shamir import SHARE_BYTES, split
from protocols.secagg.statements import (
    advertised_statement,
    choice_commitment,
    company_digest,
    context_digest,
    masked_statement,
    own_mask_commitment,
    survivors_statement,
)
from protocols.secagg.states import Advertised, HasSigned, Masked, Party, Shared


def advertise(party: Party, seed: bytes) -> tuple[Advertised, Advertisement]:
    """Check the question, make the attempt's keys, sign them.

    Args:
        party: Who takes part, in what.
        seed: 32 random bytes, for this attempt alone.

    Raises:
        Refused: The question falls below a floor, its encoding cannot hold the sum, or this party
            is not asked.
    """
    question = party.question
    if party.name not in question.parties:
        raise Refused(Code.BAD_PARAMETERS, local=f"{party.name} is not among the parties")
    missing = [name for name in question.parties if name not in party.identities]
    if missing:
        raise Refused(Code.ROSTER_NOT_TRUSTED, local=f"{missing[0]} is not on the roster")
    if len({party.identities[name] for name in question.parties}) < len(question.parties):
        raise Refused(Code.ROSTER_NOT_TRUSTED, local="two of the parties are the same identity")
    try:
        question.encoding.check(len(question.parties))
    except EncodingError as error:
        raise Refused(Code.BAD_PARAMETERS, local=str(error)) from error
    party.floors.check_question(question)
    transcript = question.transcript
    masking_secret = derive(seed, salt=transcript, info=b"synlearn/secagg/masking-key/v1")
    own_seed = derive(seed, salt=transcript, info=b"synlearn/secagg/own-mask/v1")
    sealing = AgreementKey.from_bytes(
        derive(seed, salt=transcript, info=b"synlearn/secagg/sealing-key/v1")
    )
    masking = AgreementKey.from_bytes(masking_secret)
    choice_seed = derive(seed, salt=transcript, info=b"synlearn/secagg/choice/v1")
    unsigned = Advertisement(
        sealing.public,
        masking.public,
        own_mask_commitment(transcript, own_seed),
        choice_commitment(transcript, choice_seed),
        b"",
    )
    signature = party.identity.sign(advertised_statement(transcript, unsigned))
    advertisement = replace(unsigned, signature=signature)
    state = Advertised(
        party, seed, sealing, masking, masking_secret, own_seed, choice_seed, advertisement
    )
    return state, advertisement


def share(state: Advertised, keys: KeyList) -> tuple[Shared, SealedShares]:
    """Check everybody's keys, choose neighbours, share the two secrets with them.

    Raises:
        Refused: A signature does not hold for this party's view of the question, a key occurs
            twice, too few are left, or this party's own keys were changed.
    """
    party, question = state.party, state.party.question
    me = party.index
    _check_keys(state, keys)
    party.floors.check_company(question, keys.parties)
    context = context_digest(question.transcript, keys)
    try:
        graph = graph_for(
            len(question.parties),
            corrupt=question.corrupt,
            dropouts=question.dropouts,
            threshold=question.threshold,
            present=len(keys.parties),
        )
    except ValueError as error:
        raise Refused(Code.TOO_FEW_PARTIES, local=str(error)) from error
    random = ByteStream(derive(state.seed, salt=context, info=b"synlearn/secagg/v1"), "shares")
    holders = sorted(draw(graph, keys.parties, me, state.choice_seed))
    points = [holder + 1 for holder in holders]
    own_mask = split(state.own_seed, graph.threshold, points, random)
    pair_masks = split(state.masking_secret, graph.threshold, points, random)
    both = {holder: a + b for holder, a, b in zip(holders, own_mask, pair_masks, strict=True)}
    listed = keys.unpacked
    sealed = {
        holder: seal(
            _sealing_key(state.sealing, listed[holder].sealing_key, context, me, holder),
            both[holder],
            _addressed(context, me, holder),
        )
        for holder in holders
        if holder != me
    }
    shared = Shared(state, listed, context, graph, both.get(me, b""))
    return shared, SealedShares(state.choice_seed, sealed)


def mask(
    state: Shared, delivery: Delivery, values: Callable[[], npt.NDArray[np.floating]]
) -> tuple[Masked, MaskedInput]:
    """Open all shares, and only then compute the vector and mask it.

    Args:
        state: After SHARE.
        delivery: Who shared, and the shares for this party.
        values: Computes the party's vector, (length,) floating; called when all else has passed.

    Raises:
        Refused: A share is missing, was sealed under another question or key list, or is meant
            for somebody else; a party drew other neighbours than it had committed to; too few are
            left; a value is out of bound.
    """
    party, question = state.before.party, state.before.party.question
    me = party.index
    _check_sharers(state, delivery)
    party.floors.check_company(question, delivery.sharers)
    drawn = choices(state.graph, tuple(state.keys), delivery.choice_seeds)
    _check_senders(state, delivery, drawn)
    held = {sender: _open(state, sender, sealed) for sender, sealed in delivery.sealed.items()}
    if state.own_shares:
        held[me] = state.own_shares
    pairs = {
        other: pair_key(
            _agree(state.before.masking, state.keys[other].masking_key), state.context, me, other
        )
        for other in mask_neighbours(drawn, me)
    }
    vector = _encode(state, values())
    plus = [self_key(state.before.own_seed, state.context)]
    plus += [key for other, key in pairs.items() if me < other]
    apply_masks(vector, plus, [key for other, key in pairs.items() if me > other])
    company = company_digest(state.context, delivery.choice_seeds)
    signature = party.identity.sign(masked_statement(company))
    return Masked(party, state.graph, company, drawn, held), MaskedInput(vector, signature)


def sign(state: Masked, survivors: Survivors) -> tuple[HasSigned, Signed]:
    """Agree to one list of survivors; there is no second one.

    Raises:
        Refused: The list leaves this party out, names one that never shared, or one that masked
            in other company and whose shares this party holds; it falls below a floor, or could
            not be unmasked.
    """
    party, question = state.party, state.party.question
    listed = frozenset(survivors.parties)
    if party.index not in listed or not listed <= state.choices.keys():
        raise Refused(
            Code.SURVIVORS_DIFFER,
            local="the survivors leave this party out, or name one that did not share",
        )
    party.floors.check_company(question, survivors.parties)
    for index in sorted(state.held.keys() & listed):  # of the others this party gives no share
        name, signature = question.parties[index], survivors.signatures[index]
        if not party.verify(party.identities[name], masked_statement(state.company), signature):
            raise Refused(
                Code.SURVIVORS_DIFFER, local=f"{name} masked in other company than this party"
            )
    alone = badly_held(state.choices, listed, state.graph.threshold)
    if alone:
        raise Refused(
            Code.SURVIVORS_DIFFER,
            local=f"too few holders of the shares of {question.parties[alone[0]]} survive",
        )
    statement = survivors_statement(state.company, survivors.parties)
    return HasSigned(state, listed, statement), Signed(party.identity.sign(statement))


def unmask(state: HasSigned, agreement: Agreement) -> Unmasking:
    """Once enough have signed the very same list, give one share of each party.

    Raises:
        Refused: Fewer than the threshold signed what this party signed.
    """
    party = state.before.party
    question = party.question
    valid = (
        index in state.survivors
        and party.verify(party.identities[question.parties[index]], state.statement, signature)
        for index, signature in agreement.signatures.items()
    )
    agreed = sum(islice(filter(None, valid), question.threshold))  # more need not be checked
    if agreed < question.threshold:
        raise Refused(
            Code.SURVIVORS_DIFFER,
            local=f"{agreed} parties signed the list of survivors that this one signed; "
            f"{question.threshold} must",
        )
    held = state.before.held
    return Unmasking(
        {i: held[i][:SHARE_BYTES] for i in sorted(held) if i in state.survivors},
        {i: held[i][SHARE_BYTES:] for i in sorted(held) if i not in state.survivors},
    )


def _check_keys(state: Advertised, keys: KeyList) -> None:
    party, question = state.party, state.party.question
    if not keys.parties or keys.parties[-1] >= len(question.parties):
        raise Refused(Code.BAD_PARAMETERS, local="the key list is empty or names unknown parties")
    if party.index not in keys.parties or keys[party.index] != state.advertisement:
        raise Refused(Code.TRANSCRIPT_DIFFERS, local="the key list changes this party's own keys")
    listed = keys.unpacked
    public = [key for entry in listed.values() for key in (entry.sealing_key, entry.masking_key)]
    if len(set(public)) < len(public):
        raise Refused(Code.TRANSCRIPT_DIFFERS, local="a key occurs twice in the key list")
    for index, entry in listed.items():
        name = question.parties[index]
        statement = advertised_statement(question.transcript, entry)
        if not party.verify(party.identities[name], statement, entry.signature):
            raise Refused(
                Code.TRANSCRIPT_DIFFERS,
                local=f"{name} did not sign these keys for this question as this party sees it",
            )


def _check_sharers(state: Shared, delivery: Delivery) -> None:
    question = state.before.party.question
    sharers = delivery.choice_seeds
    if state.before.party.index not in sharers or not sharers.keys() <= state.keys.keys():
        raise Refused(
            Code.TRANSCRIPT_DIFFERS,
            local="the sharers leave this party out, or name one that advertised no keys",
        )
    for index, seed in sharers.items():
        if choice_commitment(question.transcript, seed) != state.keys[index].choice:
            raise Refused(
                Code.TRANSCRIPT_DIFFERS,
                local=f"{question.parties[index]} drew neighbours from a seed it had not chosen",
            )


def _check_senders(state: Shared, delivery: Delivery, drawn: Choices) -> None:
    me = state.before.party.index
    senders = {other for other, holders in drawn.items() if me in holders} - {me}
    if delivery.sealed.keys() != senders:
        raise Refused(
            Code.TRANSCRIPT_DIFFERS,
            local="the shares delivered are not those of the parties that drew this one",
        )
    holders = len(drawn[me] & drawn.keys())
    if holders < state.graph.threshold:
        raise Refused(
            Code.TOO_FEW_PARTIES,
            local=f"{holders} holders of this party's shares are left; {state.graph.threshold} "
            "have to be",
        )


def _open(state: Shared, sender: int, sealed: bytes) -> bytes:
    me = state.before.party.index
    key = _sealing_key(
        state.before.sealing, state.keys[sender].sealing_key, state.context, sender, me
    )
    try:
        return unseal(key, sealed, _addressed(state.context, sender, me))
    except Unsealable as error:
        name = state.before.party.question.parties[sender]
        raise Refused(
            Code.TRANSCRIPT_DIFFERS,
            local=f"the share of {name} was changed, or sealed under another question or key list",
        ) from error


def _encode(state: Shared, values: npt.NDArray[np.floating]) -> Units:
    """The party's vector in units, with its share of the noise where the question asks for it."""
    question = state.before.party.question
    if values.shape != (question.length,):
        raise Refused(
            Code.BAD_PARAMETERS,
            local=f"the vector has shape {values.shape}, and the question says {question.length}",
        )
    try:
        units = question.encoding.encode(values)
    except EncodingError as error:
        raise Refused(Code.OUT_OF_BOUND, local=str(error)) from error
    if question.encoding.noise is not None:
        seed = derive(state.before.seed, salt=state.context, info=b"synlearn/secagg/v1")
        question.encoding.add_noise(units, ByteStream(seed, "noise"))
    return units


def _sealing_key(
    private: AgreementKey, public: bytes, context: bytes, sender: int, receiver: int
) -> bytes:
    """The key of one direction: it seals one share, so a zero nonce is never used twice."""
    info = b"synlearn/secagg/sealing/v1|%d|%d" % (sender, receiver)
    return derive(_agree(private, public), salt=context, info=info)


def _agree(private: AgreementKey, public: bytes) -> bytes:
    try:
        return private.agree(public)
    except ValueError as error:
        raise Refused(Code.TRANSCRIPT_DIFFERS, local=f"a key is no key: {error}") from error


def _addressed(context: bytes, sender: int, receiver: int) -> bytes:
    return context + b"|share of %d for %d" % (sender, receiver)
