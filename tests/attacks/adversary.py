"""A coordinator that lies at random, its colluders, and what both of them find out.

`Adversary` plays one attempt against honest parties. In every round it tells each group of them a
story of its own: fewer parties on the key list, fewer that shared, fewer survivors, or others'
messages. Its colluders go along with every story: they share under each key list and sign whatever
is asked. All messages are such as an honest coordinator might send, or nearly so; nonsense is
refused at once and finds out nothing.

`learned` works out what all that gives away: which sums of honest vectors follow from what was
told. It counts generously for the adversary: shares of colluders, all shares that were told, every
key that these give.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from protocols.errors import Refused
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
from protocols.secagg.neighbours import mask_neighbours
from protocols.secagg.participant import Participant
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Round
from protocols.secagg.statements import masked_statement, survivors_statement
from protocols.secagg.states import Masked, Verify
from tests.protocols.secagg.company import identity, named, participant


@dataclass
class Told:
    """What honest parties gave away in an attempt.

    Attributes:
        masked: With whom each masked that sent its vector.
        context: Under which key list; masks are between parties of one only.
        holders: Who holds shares of each, as it drew them.
        threshold: How many shares give a secret.
        own: Holders that told a share of the seed of a party's own mask, by party.
        pair: Holders that told a share of its masking key.
        refusals: How many messages were refused.
        unmasked: How many parties told shares.
    """

    masked: dict[int, frozenset[int]] = field(default_factory=dict)
    context: dict[int, bytes] = field(default_factory=dict)
    holders: dict[int, frozenset[int]] = field(default_factory=dict)
    threshold: dict[int, int] = field(default_factory=dict)
    own: dict[int, set[int]] = field(default_factory=dict)
    pair: dict[int, set[int]] = field(default_factory=dict)
    refusals: int = 0
    unmasked: int = 0


def learned(told: Told, corrupt: frozenset[int]) -> list[frozenset[int]]:
    """The smallest sets of honest parties whose vectors' sum the adversary can work out.

    A masked vector is x + own mask + masks of pairs. A combination of vectors tells something only
    if every unknown mask drops out of it. An own mask that is unknown drops out only where its
    party's vector is left out; an unknown mask of a pair where both vectors are taken together, or
    neither. So what can be worked out are sums over connected components.
    """

    def knows(party: int, shares: Mapping[int, set[int]]) -> bool:
        holders = shares.get(party, set()) | (corrupt & told.holders[party])
        return len(holders) >= told.threshold[party]

    honest = set(told.masked)
    keys = {party for party in told.holders if knows(party, told.pair)}
    hidden = {party for party in honest if not knows(party, told.own)}
    links: dict[int, set[int]] = {party: set() for party in honest}
    for party in honest:
        for other in told.masked[party] - corrupt:
            if party in keys or other in keys:
                continue
            back = other in honest and party in told.masked[other]
            if back and told.context[party] == told.context[other]:
                links[party].add(other)
            else:
                hidden.add(party)  # a mask that no other vector holds
    found = []
    while honest:
        group, edge = set[int](), {honest.pop()}
        while edge:
            group |= edge
            edge = {other for party in edge for other in links[party]} - group
        honest -= group
        if not group & hidden:
            found.append(frozenset(group))
    return found


@dataclass
class Adversary:
    """The coordinator and its colluders.

    Attributes:
        question: What is asked.
        corrupt: The colluders.
        random: Decides on the lies.
        verify: How honest parties check signatures.
    """

    question: AggregationQuestion
    corrupt: frozenset[int]
    random: np.random.Generator
    verify: Verify
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        everybody = frozenset(range(len(self.question.parties)))
        self.honest = sorted(everybody - self.corrupt)
        self.parties = {index: self._participant(index) for index in self.honest}

    def attack(self) -> Told:
        """Play an attempt."""
        advertised = {i: self._advertised(self.parties[i]) for i in self.honest}
        own = {i: self._advertised(self._participant(i)) for i in sorted(self.corrupt)}
        stories = self._stories(self.honest)
        shares: dict[int, SealedShares] = {}
        lists: dict[int, bytes] = {}
        for group in stories:
            present = self._fewer(advertised, group) | self.corrupt
            keys = KeyList.of({i: {**advertised, **own}[i] for i in sorted(present)}).encode()
            for index in group:
                lists[index] = keys
                reply = self._ask(index, Round.SHARE, keys)
                if reply is not None:
                    shares[index] = SealedShares.decode(reply)
        colluding = {keys: self._collude_in_sharing(keys) for keys in set(lists.values())}
        vectors = self._mask(shares, lists, colluding)
        self._unmask(vectors)
        return self.told

    def _mask(
        self,
        shares: Mapping[int, SealedShares],
        lists: Mapping[int, bytes],
        colluding: Mapping[bytes, dict[int, SealedShares]],
    ) -> dict[int, bytes]:
        """Deliver shares, each group its own; the signatures that came with the vectors."""
        signatures = {}
        for keys in colluding:
            here = [index for index in shares if lists[index] == keys]
            for group in self._stories(here):
                company = self._fewer(here, group)
                story = {i: shares[i] for i in company} | colluding[keys]
                for index in group:
                    body = self._delivery(story, index).encode()
                    reply = self._ask(index, Round.MASK, body)
                    if reply is None:
                        continue
                    self._note(index, keys)
                    question = self.question
                    masked = MaskedInput.decode(
                        reply, length=question.length, width=question.encoding.width
                    )
                    signatures[index] = masked.signature
        return signatures

    def _delivery(self, story: Mapping[int, SealedShares], receiver: int) -> Delivery:
        sealed = {i: s.sealed[receiver] for i, s in story.items() if receiver in s.sealed}
        if self._sometimes(0.03) and sealed:  # withhold one
            del sealed[int(self.random.choice(sorted(sealed)))]
        seeds = {i: story[i].choice_seed for i in sorted(story)}
        return Delivery(seeds, dict(sorted(sealed.items())))

    def _unmask(self, vectors: Mapping[int, bytes]) -> None:
        """Ask for signatures on several lists, then for shares under as many as were signed."""
        signed: dict[int, tuple[bytes, bytes]] = {}
        for group in self._stories(sorted(vectors)):
            company = self._company(group[0])
            listed = self._fewer(vectors, group)
            for index in group:
                if self._sometimes(0.2):
                    company = self._company(index)
                colluders = {i: self._sign(i, masked_statement(company)) for i in self.corrupt}
                signatures = {i: vectors[i] for i in listed} | colluders
                body = Survivors(dict(sorted(signatures.items()))).encode()
                reply = self._ask(index, Round.SIGN, body)
                if reply is not None:
                    signed[index] = body, Signed.decode(reply).signature
        for index, (body, _) in signed.items():
            survivors = Survivors.decode(body).parties
            statement = survivors_statement(self._company(index), survivors)
            agreed = {i: signature for i, (other, signature) in signed.items() if other == body}
            agreed |= {i: self._sign(i, statement) for i in self.corrupt}
            if self._sometimes(0.2):  # under others' names as well
                agreed |= dict.fromkeys(set(survivors) - set(agreed), next(iter(agreed.values())))
            reply = self._ask(index, Round.UNMASK, Agreement(dict(sorted(agreed.items()))).encode())
            if reply is not None:
                self.told.unmasked += 1
                unmasking = Unmasking.decode(reply)
                for owner in unmasking.own_masks:
                    self.told.own.setdefault(owner, set()).add(index)
                for owner in unmasking.pair_masks:
                    self.told.pair.setdefault(owner, set()).add(index)

    # Lies.

    def _stories(self, parties: list[int]) -> list[list[int]]:
        """The parties in one to three groups, each told its own story; often one party alone."""
        if not parties:
            return []
        kind = self.random.integers(4)
        if kind == 0:
            return [parties]
        if kind == 1:
            alone = int(self.random.choice(parties))
            groups = [[alone], [party for party in parties if party != alone]]
        else:
            marks = self.random.integers(0, kind, len(parties))
            groups = [
                [party for party, mark in zip(parties, marks, strict=True) if mark == group]
                for group in range(kind)
            ]
        return [group for group in groups if group]

    def _fewer(self, parties: Iterable[int], group: list[int]) -> set[int]:
        """All the parties, or as many fewer as the threshold allows, or nearly so."""
        present = set(parties)
        spare = len(present) + len(self.corrupt) - self.question.threshold
        others = sorted(present - set(group)) if self._sometimes(0.7) else sorted(present)
        if self._sometimes(0.3) or not others:
            return present
        gone = int(self.random.integers(0, max(1, min(len(others), spare + 1) + 1)))
        return present - set(self.random.permutation(others)[:gone].tolist())

    def _sometimes(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    # Colluders.

    def _collude_in_sharing(self, keys: bytes) -> dict[int, SealedShares]:
        """The colluders' shares under a key list; several lists get their own."""
        shares = {}
        for index in sorted(self.corrupt):
            colluder = self._participant(index)
            colluder.answer(Round.ADVERTISE, b"")
            try:
                shares[index] = SealedShares.decode(colluder.answer(Round.SHARE, keys))
            except Refused:
                continue
        return shares

    def _sign(self, index: int, statement: bytes) -> bytes:
        return identity(named(index)).sign(statement)

    # Honest parties.

    def _participant(self, index: int) -> Participant:
        return participant(self.question, named(index), verify=self.verify)

    def _advertised(self, party: Participant) -> Advertisement:
        return Advertisement.decode(party.answer(Round.ADVERTISE, b""))

    def _ask(self, index: int, round_: Round, body: bytes) -> bytes | None:
        try:
            return self.parties[index].answer(round_, body)
        except Refused:
            self.told.refusals += 1
            return None

    def _masked_state(self, index: int) -> Masked:
        state = self.parties[index]._state
        masked = getattr(state, "before", state)
        assert isinstance(masked, Masked)
        return masked

    def _company(self, index: int) -> bytes:
        if self.parties[index]._state is None:
            return bytes(32)
        return self._masked_state(index).company

    def _note(self, index: int, keys: bytes) -> None:
        """What a party did, read from its state: an observer's knowledge."""
        state = self._masked_state(index)
        self.told.masked[index] = mask_neighbours(state.choices, index)
        self.told.context[index] = keys
        self.told.holders |= state.choices
        for party in state.choices:
            self.told.threshold[party] = state.graph.threshold
