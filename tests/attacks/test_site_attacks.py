"""What may be tried against a data owner's node as it is run: by a coordinator, by a bundle at the
door, by whoever stole a token. Each is named after itself; `docs/attacks.md` has the whole list."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from coordinator.aggregation_question import Terms
from coordinator.tls import ServerTls
from protocols.endorsement import Endorsement, sign_endorsement
from protocols.errors import Code, Refused
from protocols.ids import Digest, QueryId, digest_of
from protocols.invitation import MAX_BYTES
from protocols.job_plan import sign_plan
from protocols.mquery import SignedQuestion, Step, is_mquery, round_id
from protocols.queries import (
    ClassFeatureSums,
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    Query,
    TargetFeatures,
    TaskEvidence,
    decode_answer,
    encode_query,
)
from protocols.secagg.manifest import sign_manifest
from protocols.secagg.roster import sign_roster
from protocols.secagg.rounds import Round
from protocols.values import encode_values
from provider import aggregation, node
from provider.ledger import State
from provider.rows import row_generator
from provider.session import ClientTls
from provider.site.config import FederationSettings, check_address_known
from provider.site.door import hand_in
from provider.site.engagements import Standing
from provider.site.federation import client_tls
from synlearn.errors import InputError
from synlearn.mre.backbone import load_backbone
from synlearn.mre.task_transform import mean_features
from tests.attacks.town import (
    GUARDED,
    JOB,
    NEXT,
    OPEN,
    THIRD,
    A,
    B,
    C,
    D,
    Town,
    backbone_file,
    looking_at_one_pixel,
    town,
)
from tests.certificates import Authority
from tests.identities import AUTHORITY, COORDINATOR, identity_of
from tests.masked_nodes import no_delay
from tests.provider.site.halls import hall
from tests.session_harness import ALICE, BOB, SOON, Echo, site, until

Q = QueryId(1, 0, 0)
ALONE = {A: {"ant": 40, "bee": 40}}
THREE = {name: {"ant": 20, "bee": 20} for name in (A, B, C)}
SIGNER = identity_of("a signer")


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path, ALONE) as made:
        made.gather()
        yield made


@pytest.fixture(scope="module")
def certificates() -> Authority:
    return Authority()


def answered(here: Town, query_id: QueryId, query: Query) -> dict[str, np.ndarray]:
    """The arrays of an answer."""
    body = here.ask(query_id, query)
    assert isinstance(body, bytes), body
    return dict(decode_answer(query, body))


def head(model: Digest, threshold: float, heads: int = 1) -> HeadCorrect:
    """Heads that say ant of whatever is brighter than a threshold, bee of all else."""
    weights = np.zeros((1, heads, 2, 1), np.float32)
    weights[:, :, 0] = 1.0
    biases = np.zeros((1, heads, 2), np.float32)
    biases[:, :, 0] = -threshold
    tasks = np.tile(np.array([[0, 1]], np.int32), (heads, 1))
    return HeadCorrect((model,), ("ant", "bee"), False, tasks, weights, biases)


# Unknown functions.


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (encode_values("__import__", {"name": "os"}), Code.UNKNOWN_FUNCTION),
        (encode_values("provider.node.Node", {}), Code.UNKNOWN_FUNCTION),
        (encode_values("../../describe", {}), Code.UNKNOWN_FUNCTION),
        (encode_values("rows", {"of": "ant"}), Code.UNKNOWN_FUNCTION),
        (encode_values("describe", {"rows": 1}), Code.BAD_PARAMETERS),
        (b"", Code.UNKNOWN_FUNCTION),
        (b"\x80\x04cos\nsystem\n", Code.BAD_PARAMETERS),
    ],
)
def test_unknown_function(open_site: Town, body: bytes, code: Code) -> None:
    """Refused before a row is read, and on record."""
    assert not is_mquery(body)
    assert open_site.tell(A, Q, body) is code
    (entry,) = open_site.sites[A].ledger().entries()
    assert (entry.state, entry.function, entry.code) == (State.REFUSED, "unreadable", code)
    assert entry.body == digest_of(body)


# Ids.


def test_ids_ground_for_a_chosen_sample(open_site: Town) -> None:
    """Of thousands of ids, the one that would draw the wanted rows draws others."""
    site = open_site.sites[A]
    wanted = set(range(10))

    def draw(secret: bytes, query: QueryId) -> set[int]:
        return set(row_generator(secret, JOB, query).choice(80, 10, replace=False).tolist())

    public = site.memory.key.identity.public
    for guess in (b"", bytes(32), public, str(A).encode()):
        ids = [QueryId(phase, step, 7) for phase in range(4) for step in range(500)]
        best = max(ids, key=lambda query: len(draw(guess, query) & wanted))
        assert len(draw(guess, best) & wanted) >= 5
        # What the node says is what its own secret draws, which nobody can compute.
        backbone = open_site.blobs.put(backbone_file())
        means = answered(open_site, best, TargetFeatures(backbone, 10, 1))["means"]
        found = drawn_by(open_site, backbone, best)
        np.testing.assert_allclose(means[0], found(site.memory.key.row_secret), atol=1e-5)
        assert np.abs(means[0] - found(guess)).max() > 1e-4


def drawn_by(here: Town, backbone: Digest, query: QueryId) -> Callable[[bytes], np.ndarray]:
    """The mean feature of the rows that a secret draws, worked out beside the node."""
    site = here.sites[A]
    data = site.shop.snapshots.open(site.memory.engagements.find(JOB).snapshot)

    def mean(secret: bytes) -> np.ndarray:
        rows = np.sort(row_generator(secret, JOB, query).choice(80, 10, replace=False))
        images = torch.from_numpy(data.images(rows))
        found: np.ndarray = mean_features(
            load_backbone(here.blobs[backbone]), images, np.arange(10)[None]
        ).numpy()[0]
        return found

    return mean


def test_a_sample_drawn_again_until_it_suits(open_site: Town) -> None:
    """The same question has the same rows; of evidence, so has any question about its subject."""
    backbone = open_site.blobs.put(backbone_file())
    model = open_site.blobs.put(looking_at_one_pixel())
    means = TargetFeatures(backbone, 10, 1)
    first = open_site.ask(Q, means)
    assert isinstance(first, bytes)
    assert [open_site.ask(Q, means) for _ in range(3)] == [first] * 3
    evidence = TaskEvidence(
        (model,), backbone, 6, ("ant", "bee"), np.array([5], np.int32), 2, ("ridge_loo",)
    )
    one = open_site.ask(QueryId(1, 1, 0), evidence)
    assert isinstance(one, bytes)
    for step in range(2, 6):
        assert open_site.ask(QueryId(1, step, 9), evidence) == one


# Crafted models and heads.


def test_a_crafted_model_that_copies_a_pixel(tmp_path: Path) -> None:
    """Floors do not stop it: the mean over twenty rows is exact. A policy that asks for somebody
    else's signature does, and so does noise."""
    model_file = looking_at_one_pixel()
    query = ClassOutputs((digest_of(model_file),), ("ant", "bee"), 2)
    with town(tmp_path / "1", ALONE, OPEN + "min_rows = 20\n") as here:
        here.gather()
        here.blobs.put(model_file)
        found = answered(here, Q, query)
        mean = (found["sums"][0, 0, 0] / found["rows"][0] - 0.5) * 4 / 0.01
        assert mean == pytest.approx(here.sites[A].pixels("ant").mean(), abs=1e-4)
    for place, (signer, code) in enumerate(
        ((None, Code.NOT_ALLOWED), (COORDINATOR, Code.NOT_ALLOWED), (SIGNER, None))
    ):
        keys = f'["{SIGNER.public.hex()}", "{COORDINATOR.public.hex()}"]'
        policy = f"{GUARDED}[models]\nsigners = {keys}\n"
        with town(tmp_path / f"signed {place}", ALONE, policy) as here:
            here.blobs.put(model_file)
            plan = here.plan()
            if signer is not None:
                word = Endorsement(signer.public, frozenset({digest_of(model_file)}))
                plan = replace(plan, endorsements=(sign_endorsement(word, signer),))
            here.gather(plan=plan)
            reply = here.ask(Q, query)
            assert reply is code if code else isinstance(reply, bytes)


def test_a_crafted_head_that_counts_one_row(tmp_path: Path) -> None:
    """Heads with thresholds find the brightest pixel of all rows, one bit each; a budget of heads
    for each row ends that, in whatever question or job it goes on."""
    model_file = looking_at_one_pixel()

    def search(here: Town, job_phase: int) -> tuple[float, int]:
        """Bisect for the brightest pixel; the guess, and how many heads were answered."""
        model = here.blobs.put(model_file)
        low, high, asked = 0.0, 1.0, 0
        while high - low > 1e-3:
            middle = (low + high) / 2
            query = head(model, middle)
            body = here.ask(QueryId(job_phase, asked, 0), query)
            if body is Code.BUDGET_SPENT:
                break
            assert isinstance(body, bytes), body
            asked += 1
            if decode_answer(query, body)["correct"][0, 0, 0]:
                low = middle
            else:
                high = middle
        return low, asked

    with town(tmp_path / "exact", ALONE) as here:
        here.gather()
        found, asked = search(here, 1)
        pixels = here.sites[A].pixels("ant")
        assert np.abs(pixels - found).min() < 1e-3
        assert asked == 10
    budget = "[functions.head_correct]\nheads_per_row = 4\nmin_rows = 20\n"
    with town(tmp_path / "budget", ALONE, OPEN + budget) as here:
        here.gather()
        assert search(here, 1)[1] == 4
        many = head(here.blobs.put(model_file), 0.5, heads=3)
        assert here.ask(QueryId(9, 0, 0), many) is Code.BUDGET_SPENT
        here.gather(NEXT)
        assert search(here, 2)[1] == 0


def test_a_crafted_head_against_noise(tmp_path: Path) -> None:
    """Whether a count is that of one row drowns; and asking again costs until nothing is left."""
    noise = "[privacy]\nepsilon_job = 4.0\nepsilon_ever = 10.0\ndelta = 1e-6\n"
    noise += "[functions.head_correct]\nnoise_epsilon = 0.5\n"
    with town(tmp_path, ALONE, OPEN + noise) as here:
        here.gather()
        model = here.blobs.put(looking_at_one_pixel())
        brightest = float(np.sort(here.sites[A].pixels("ant"))[-1])
        said = []
        for step in range(200):
            query = head(model, brightest - 0.002 if step % 2 else 1.0)
            body = here.ask(QueryId(1, step, 0), query)
            if body is Code.BUDGET_SPENT:
                break
            assert isinstance(body, bytes), body
            said.append(int(decode_answer(query, body)["correct"][0, 0, 0]))
        assert 8 <= len(said) < 100
        assert np.std(said) > 1.0


def test_a_crafted_model_that_is_infinite_for_bright_rows(tmp_path: Path) -> None:
    """A refusal would tell that there is such a row; under noise there is none."""
    noise = "[privacy]\nepsilon_job = 4.0\ndelta = 1e-6\n"
    noise += "[functions.class_outputs]\nnoise_epsilon = 0.5\n"
    with town(tmp_path, ALONE, OPEN + noise) as here:
        here.gather()
        model = here.blobs.put(looking_at_one_pixel(1e30))
        found = answered(here, Q, ClassOutputs((model,), ("ant",), 2))
        assert np.isfinite(found["sums"]).all()
    with town(tmp_path / "exact", ALONE) as here:
        here.gather()
        here.blobs.put(looking_at_one_pixel(1e30))
        assert here.ask(Q, ClassOutputs((model,), ("ant",), 2)) is Code.MODEL_UNUSABLE


# Differences of two questions.


def test_difference_of_two_sets_of_classes(open_site: Town) -> None:
    """A class has the same sums whatever stands beside it."""
    model = open_site.blobs.put(looking_at_one_pixel())
    both = answered(open_site, Q, ClassOutputs((model,), ("ant", "bee"), 2))
    alone = answered(open_site, QueryId(1, 1, 0), ClassOutputs((model,), ("ant",), 2))
    again = answered(open_site, QueryId(1, 2, 0), ClassOutputs((model,), ("cat", "ant"), 2))
    np.testing.assert_allclose(both["sums"][0, 0], alone["sums"][0, 0], rtol=1e-12)
    np.testing.assert_allclose(both["sums"][0, 0], again["sums"][0, 1], rtol=1e-12)
    assert again["rows"].tolist() == [0, 40]


def test_difference_of_overlapping_tasks(open_site: Town) -> None:
    """Nor does it matter which tasks a class is part of."""
    model = open_site.blobs.put(looking_at_one_pixel())
    tables = np.zeros((1, 3, 2, 2))
    tables[..., 0, 0] = tables[..., 1, 1] = 1.0
    tasks = np.array([[0, 1], [0, -1], [1, 0]], np.int32)
    tables[0, 2] = tables[0, 2, ::-1]
    found = answered(open_site, Q, LeepLikelihood((model,), ("ant", "bee"), tasks, tables))
    ant = [found["sums"][0, 0, 0], found["sums"][0, 1, 0], found["sums"][0, 2, 1]]
    np.testing.assert_allclose(ant, ant[0], rtol=1e-12)


def test_difference_of_a_whole_and_its_half(tmp_path: Path) -> None:
    """All rows less half A are half B: the floor holds for the halves too."""
    query = HeadStatistics((digest_of(looking_at_one_pixel()),), ("ant",), 1, False, False)
    for rows, reply in ((38, Code.TOO_FEW_ROWS), (40, None)):
        policy = OPEN + "min_rows = 20\n"
        with town(tmp_path / str(rows), {A: {"ant": rows}}, policy) as here:
            here.gather()
            here.blobs.put(looking_at_one_pixel())
            whole = answered(here, Q, query)
            half = here.ask(QueryId(1, 1, 0), replace(query, halved=True))
            assert half is reply if reply else isinstance(half, bytes)
            assert whole["rows"].tolist() == [rows]


@pytest.mark.parametrize("left_out", [1, 9])
def test_means_of_all_rows_but_a_few(tmp_path: Path, left_out: int) -> None:
    """Draws of all rows but one differ by one row each, and together they solve for every row."""
    held = {A: {"ant": 30}}
    backbone = backbone_file()
    query = TargetFeatures(digest_of(backbone), 30 - left_out, 100)
    if left_out == 1:
        with town(tmp_path / "open", held) as here:
            here.gather()
            here.blobs.put(backbone)
            means = answered(here, Q, query)["means"].astype(np.float64)
            distinct = np.unique(means.round(6), axis=0)
            assert len(distinct) > 20  # of thirty: each the sum of all, less one row
    with town(tmp_path / "guarded", held, GUARDED) as here:
        here.gather()
        here.blobs.put(backbone)
        assert here.ask(Q, query) is Code.TOO_FEW_ROWS
        assert isinstance(here.ask(Q, replace(query, k=20)), bytes)


def test_difference_of_two_snapshots_of_two_jobs(tmp_path: Path) -> None:
    """A row joins between two jobs: the second job's sums are those of the first."""
    query = ClassOutputs((digest_of(looking_at_one_pixel()),), ("ant", "bee"), 2)
    with town(tmp_path, ALONE, OPEN + "min_rows = 20\n") as here:
        here.gather()
        here.blobs.put(looking_at_one_pixel())
        first = here.ask(Q, query)
        assert isinstance(first, bytes)
        here.sites[A].add({"ant": 1, "bee": 19}, seed=77)
        here.gather(NEXT)
        assert here.ask(Q, query) == first
        here.sites[A].add({"ant": 20}, seed=78)
        here.gather(THIRD)
        last = answered(here, Q, query)
        assert last["rows"].tolist() == [61, 40]  # twenty and more joined at once


# Masked sums.


def sums_of(here: Town, *slots: str) -> ClassFeatureSums:
    """A sum of features; its backbone is served."""
    return ClassFeatureSums(here.blobs.put(backbone_file()), slots, 6)


def test_a_masked_sum_over_all_rows_asked_twice(tmp_path: Path) -> None:
    """Under another id, as another attempt, in another job: it is revealed once."""
    with town(tmp_path, THREE) as here:
        here.gather()
        query, rows, terms = (
            sums_of(here, "ant"),
            dict.fromkeys((A, B, C), (20,)),
            Terms(bound=20.0),
        )
        here.run(here.question(query=query, rows=rows, terms=terms))
        for query_id, attempt in ((QueryId(9, 9, 0), 1), (QueryId(2, 5, 0), 2)):
            question = here.question(
                query=query, rows=rows, terms=terms, query_id=query_id, attempt=attempt
            )
            _, messages = here.until(Round.MASK, question)
            assert here.step(A, question, Round.MASK, messages[A]) is Code.NOT_ALLOWED
        here.gather(NEXT)
        question = here.question(query=query, rows=rows, terms=terms)
        _, messages = here.until(Round.MASK, question)
        assert here.step(A, question, Round.MASK, messages[A]) is Code.NOT_ALLOWED


def test_the_coordinator_lists_a_party_twice(tmp_path: Path) -> None:
    with town(tmp_path, THREE) as here:
        with pytest.raises(ValueError, match="participants"):
            here.manifest_of(participants=(A, A, B))
        here.gather()
        question = here.question(query=sums_of(here, "ant"), rows=dict.fromkeys((A, B, C), (5,)))
        forged = question.encode().replace(str(C).encode(), str(B).encode())
        assert forged != question.encode()
        message = SignedQuestion.by(COORDINATOR, forged).encode()
        step = Step(Round.ADVERTISE, question.transcript, message).encode()
        name = round_id(question.query, question.attempt, Round.ADVERTISE)
        assert here.tell(A, name, step) is Code.BAD_PARAMETERS


def test_the_coordinator_names_parties_that_are_not_in_the_roster(tmp_path: Path) -> None:
    with town(tmp_path, THREE) as here:
        stranger = here.manifest_of(participants=(A, B, C, D))
        signed = sign_manifest(stranger, COORDINATOR)
        with pytest.raises(Refused) as caught:
            here.sites[A].receive(here.invitation(manifest=signed))
        assert caught.value.code is Code.MANIFEST_NOT_TRUSTED
        here.gather()
        assert here.join(A, manifest=stranger) is Code.MANIFEST_NOT_TRUSTED
        rows = dict.fromkeys((A, B, D), (5,))
        question = here.question(query=sums_of(here, "ant"), rows=rows)
        assert here.advertise(A, question) is Code.MANIFEST_NOT_TRUSTED


def test_the_coordinator_overstates_rows_to_pass_a_floor(tmp_path: Path) -> None:
    """Nobody can be made to add what it has not; who is said to add much and then drops out does
    not count in the end. (One that colludes and stays can say what it likes.)"""
    held = {name: {"ant": 20, "bee": 20} for name in (A, B, C, D)}
    with town(tmp_path, held, GUARDED) as here:
        here.gather()
        query = sums_of(here, "ant")
        beyond = dict.fromkeys((A, B, C), (1,)) | {D: (21,)}
        question = here.question(query=query, rows=beyond, terms=Terms(bound=64.0))
        assert here.advertise(D, question) is Code.TOO_FEW_ROWS
        rows = dict.fromkeys((A, B, C), (1,)) | {D: (7,)}
        question = here.question(query=query, rows=rows, attempt=2)
        server, messages = here.until(Round.MASK, question)
        del messages[D]
        here.round(server, question, messages)
        messages = server.close()
        for name in messages:
            assert here.step(name, question, Round.SIGN, messages[name]) is Code.TOO_FEW_ROWS


# Replay, and words of others.


def test_a_question_replayed_after_it_was_acknowledged(open_site: Town) -> None:
    model = open_site.blobs.put(looking_at_one_pixel())
    query = ClassOutputs((model,), ("ant",), 2)
    assert isinstance(open_site.ask(Q, query), bytes)
    open_site.nodes[A].acknowledge(Q)
    before = open_site.sites[A].ledger().totals("class_outputs")
    assert open_site.ask(Q, query) is Code.ANSWER_GONE
    assert open_site.ask(Q, replace(query, classes=("bee",))) is Code.DIFFERENT_BODY
    open_site.restart(A)
    assert open_site.ask(Q, query) is Code.ANSWER_GONE
    assert open_site.sites[A].ledger().totals("class_outputs") == before


def test_an_invitation_replayed(tmp_path: Path) -> None:
    """To another provider, for another job, or once its owner has left."""
    with town(tmp_path, {A: {"ant": 2}, B: {"ant": 2}}) as here:
        site = here.sites[A]
        for invitation, code in (
            (here.invitation(B), Code.NOT_ALLOWED),
            (replace(here.invitation(), job=NEXT), Code.MANIFEST_NOT_TRUSTED),
            (
                here.invitation(manifest=here.invitation(job=NEXT).manifest),
                Code.MANIFEST_NOT_TRUSTED,
            ),
            (here.invitation(plan=here.plan(NEXT)), Code.MANIFEST_NOT_TRUSTED),
        ):
            with pytest.raises(Refused) as caught:
                site.receive(invitation)
            assert caught.value.code is code
        assert site.memory.engagements.every() == []
        site.engage(here.invitation())
        # Another plan is not the one agreed to: it waits for the owner, and is not answered.
        site.receive(here.invitation(plan=here.plan(describe=10**6)))
        assert site.memory.engagements.joined() == []
        site.memory.engagements.agree(site.memory.engagements.find(JOB))
        site.memory.engagements.move(JOB, Standing.LEFT)
        with pytest.raises(InputError, match="for good"):
            site.receive(here.invitation())


def test_a_plan_exchanged_between_look_and_consent(tmp_path: Path) -> None:
    """The owner reads a harmless plan; another one comes before the answer is typed."""
    with town(tmp_path, {A: {"ant": 2}}) as here:
        site = here.sites[A]
        site.receive(here.invitation(plan=here.plan(describe=1)))
        shown = site.memory.engagements.find(JOB)
        site.receive(here.invitation())
        with pytest.raises(InputError, match="came meanwhile"):
            site.memory.engagements.agree(shown)
        assert site.memory.engagements.joined() == []
        site.memory.engagements.agree(site.memory.engagements.find(JOB))
        assert site.memory.engagements.joined() == [JOB]


def test_an_old_roster_replayed(tmp_path: Path) -> None:
    with town(tmp_path, {A: {"ant": 2}, B: {"ant": 2}}) as here:
        site, old = here.sites[A], here.links
        following = here.roster.following(here.roster.members[:1], [COORDINATOR.public])
        newer = (*old, sign_roster(following, AUTHORITY))
        site.shop.federation.follow(newer)
        for rosters, code in (
            (old, Code.ROSTER_NOT_TRUSTED),
            ((), Code.MANIFEST_NOT_TRUSTED),
            (newer, Code.MANIFEST_NOT_TRUSTED),
        ):
            with pytest.raises(Refused) as caught:
                site.receive(here.invitation(rosters=rosters))
            assert caught.value.code is code


def test_an_invitation_to_an_address_that_is_not_configured(tmp_path: Path) -> None:
    with town(tmp_path, {A: {"ant": 2}}) as here:
        for address in ("localhost:9093", "evil.example:9092", "localhost:9092.evil.example:1"):
            with pytest.raises(Refused) as caught:
                here.sites[A].receive(here.invitation(address=address))
            assert caught.value.code is Code.NOT_ALLOWED
        federation = here.sites[A].memory.config.node.federation
        check_address_known("localhost:9092", federation)
        with pytest.raises(InputError, match="not dialled"):  # struck out since the owner joined
            check_address_known("localhost:9092", replace(federation, coordinators=()))


def test_a_plan_of_another_coordinator_than_the_manifests(tmp_path: Path) -> None:
    other = identity_of("another coordinator")  # the roster admits both
    with town(tmp_path, {A: {"ant": 2}}) as here:
        theirs = replace(here.plan(), coordinator=other.public)
        with pytest.raises(Refused) as caught:
            here.sites[A].receive(replace(here.invitation(), plan=sign_plan(theirs, other)))
        assert caught.value.code is Code.MANIFEST_NOT_TRUSTED
        forged = replace(sign_plan(theirs, other), body=here.plan().encode())
        with pytest.raises(Refused):
            here.sites[A].receive(replace(here.invitation(), plan=forged))


def test_another_manifest_than_the_one_agreed_to(tmp_path: Path) -> None:
    """Handed in on the stream, once the owner has agreed: from the same coordinator or another."""
    other = identity_of("another coordinator")
    with town(tmp_path, THREE) as here:
        here.nodes[A] = here.sites[A].engage(here.invitation())
        fewer = here.manifest_of(participants=(A, B))
        assert here.join(A, manifest=fewer) is Code.MANIFEST_NOT_TRUSTED
        theirs = replace(here.manifest, coordinator=other.public)
        assert here.join(A, manifest=sign_manifest(theirs, other)) is Code.MANIFEST_NOT_TRUSTED
        assert here.join(A) == b""
        # Not even under a newer roster, which voids the manifest that was agreed to.
        following = here.roster.following(here.roster.members, here.roster.coordinators)
        here.links = (*here.links, sign_roster(following, AUTHORITY))
        under_it = replace(theirs, roster=following.digest)
        assert here.join(A, manifest=sign_manifest(under_it, other)) is Code.MANIFEST_NOT_TRUSTED
        assert here.join(A, manifest=replace(here.manifest, roster=following.digest)) == b""


def test_a_later_manifest_wider_than_what_was_agreed_to(tmp_path: Path) -> None:
    """Under a newer roster, which the coordinator may wait for: nobody asks the owner again."""
    with town(tmp_path, THREE) as here:
        few = frozenset({"describe", "class_outputs"})
        agreed = here.manifest_of(functions=few, makes_models=False)
        invitation = here.invitation(
            plan=here.plan(describe=2), manifest=sign_manifest(agreed, COORDINATOR)
        )
        here.nodes[A] = here.sites[A].engage(invitation)
        assert here.join(A, manifest=agreed) == b""
        following = here.roster.following(here.roster.members, here.roster.coordinators)
        here.links = (*here.links, sign_roster(following, AUTHORITY))
        later = replace(agreed, roster=following.digest, functions=frozenset({"describe"}))
        for changes in (
            {"functions": few | {"head_statistics"}},
            {"functions": few},  # the first manifest named it; the plan did not
            {"makes_models": True},
            {"models": frozenset({digest_of(b"a crafted model")})},
        ):
            wider = replace(later, **changes)
            assert here.join(A, manifest=wider) is Code.MANIFEST_NOT_TRUSTED
            here.restart(A)
            assert here.join(A, manifest=wider) is Code.MANIFEST_NOT_TRUSTED
        assert here.join(A, manifest=later) == b""
        assert here.join(A, manifest=agreed) is Code.MANIFEST_NOT_TRUSTED  # back in time


def test_a_job_that_asks_beyond_the_plan_agreed_to(tmp_path: Path) -> None:
    with town(tmp_path, ALONE) as here:
        here.gather(plan=here.plan(describe=2))
        model = here.blobs.put(looking_at_one_pixel())
        assert here.ask(Q, ClassOutputs((model,), ("ant",), 2)) is Code.NOT_ALLOWED
        for step in range(2):
            assert isinstance(here.ask(QueryId(1, step, 1), Describe()), bytes)
        assert here.ask(QueryId(1, 2, 1), Describe()) is Code.BUDGET_SPENT
        here.restart(A)
        here.join(A)
        assert here.ask(QueryId(1, 3, 1), Describe()) is Code.BUDGET_SPENT
        assert isinstance(here.ask(QueryId(1, 0, 1), Describe()), bytes)  # a repeat is free


def test_a_budget_race_between_parallel_questions_at_one_node(tmp_path: Path) -> None:
    """Thirty at once, of which the owner agreed to five."""
    with town(tmp_path, ALONE) as here:
        here.gather(plan=here.plan(describe=5))

        async def ask(step: int) -> bytes | Code:
            try:
                return await here.nodes[A].answer(
                    QueryId(6, step, 0), encode_query(Describe()), here.blobs, no_delay
                )
            except Refused as refused:
                return refused.code

        async def all_at_once() -> list[bytes | Code]:
            return await asyncio.gather(*map(ask, range(30)))

        replies = asyncio.run(all_at_once())
        assert sum(isinstance(reply, bytes) for reply in replies) == 5
        assert replies.count(Code.BUDGET_SPENT) == 25


# Floods.


def test_a_flood_of_refused_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many go on record, however many come; and the node answers as before."""
    monkeypatch.setattr(node, "MOST_REFUSALS", 200)
    with town(tmp_path, ALONE) as here:
        here.gather()
        site = here.sites[A]
        before = site.events()
        body = encode_values("rows", {"of": "ant"})
        for step in range(2000):
            assert here.tell(A, QueryId(3, step, 0), body) is Code.UNKNOWN_FUNCTION
        assert site.events() - before == 200
        assert isinstance(here.ask(Q, Describe()), bytes)


def test_a_flood_of_backbones(tmp_path: Path) -> None:
    """Each round of pre-training puts its backbone on record, but no question that is refused or
    repeated does."""
    with town(tmp_path, ALONE) as here:
        here.gather(plan=here.plan(pretraining_gradient=1))
        site = here.sites[A]
        query = PretrainingGradient(here.blobs.put(backbone_file()), 2, 5, 0.5)
        assert isinstance(here.ask(Q, query), bytes)
        before = site.events()
        assert [event.kind for event in site.memory.journal.events(("backbone",))] == ["backbone"]
        for step in range(20):
            assert isinstance(here.ask(Q, query), bytes)
            other = replace(query, backbone=digest_of(bytes([step])))
            assert here.ask(QueryId(2, 0, 0), other) is Code.BUDGET_SPENT
        assert site.events() - before <= 20  # the refusals, each of another body


def test_a_flood_of_attempts_that_come_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt is on record before it is paid for; so many may be left lying about."""
    monkeypatch.setattr(aggregation, "MOST_IDLE", 5)
    with town(tmp_path, THREE) as here:
        here.gather()
        query, rows = sums_of(here, "ant"), dict.fromkeys((A, B, C), (5,))
        for step in range(9):
            question = here.question(query=query, rows=rows, query_id=QueryId(4, step, 0))
            reply = here.advertise(A, question)
            assert isinstance(reply, bytes) if step < 5 else reply is Code.BUDGET_SPENT


def test_a_question_of_the_largest_size(open_site: Town) -> None:
    """32 MiB of nothing, and of names: refused at once, kept as a digest."""
    for step, body in enumerate((bytes(32 * 2**20), b"\x0a\xff" * 2**24)):
        assert isinstance(open_site.tell(A, QueryId(5, step, 0), body), Code)
    entries = open_site.sites[A].ledger().entries()
    assert max(len(entry.reason or "") for entry in entries) <= 2000
    assert open_site.sites[A].home.ledger.stat().st_size < 2**22
    assert isinstance(open_site.ask(Q, Describe()), bytes)


# The door.


def test_a_bundle_at_the_door_that_would_have_the_ledger(tmp_path: Path) -> None:
    """All that it can hand in is an invitation: files, statements, commands are none."""
    with town(tmp_path, ALONE) as here:
        here.gather()
        site = here.sites[A]
        with hall(tmp_path, receive=site.receive_bytes) as made:
            before = site.events()
            for words in (
                b"left --json",
                b"../../ledger.db",
                b"SELECT * FROM questions; DELETE FROM events",
                b"\x80\x04cprovider.commands.record\nleft\n.",
                encode_values("left", {"job": str(JOB)}),
                encode_values("describe", {}),
                site.home.ledger.read_bytes()[:4096],
            ):
                accepted, sentence = hand_in(made.path, words)
                assert (accepted, sentence) == (False, Code.BAD_PARAMETERS.sentence)
            assert site.events() == before


def test_an_invitation_of_the_largest_size(tmp_path: Path) -> None:
    with (
        town(tmp_path, {A: {"ant": 2}}) as here,
        hall(tmp_path, receive=here.sites[A].receive_bytes) as made,
    ):
        assert hand_in(made.path, bytes(MAX_BYTES))[0] is False
        accepted, sentence = hand_in(made.path, bytes(MAX_BYTES + 1))
        assert not accepted
        assert "at most" in sentence
        assert hand_in(made.path, here.invitation().encode())[0]


def test_a_crowd_at_the_door_that_says_nothing(tmp_path: Path) -> None:
    """Each would hold a descriptor of the node until its turn comes; the others are sent away."""
    with hall(tmp_path) as made, ExitStack() as stack:
        crowd = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(60)]
        for knock in crowd:
            knock.connect(str(made.path))
            knock.settimeout(0.0)
        until(lambda: sum(sent_away(knock) for knock in crowd) == 60 - 32)
        for knock in crowd:
            knock.close()
        until(lambda: answered_at(made.path))


def sent_away(knock: socket.socket) -> bool:
    """Whether the other end has closed."""
    try:
        return knock.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def answered_at(path: Path) -> bool:
    try:
        return hand_in(path, b"come")[0]
    except InputError:
        return False


# Certificates and tokens.


def test_a_token_stolen_from_another_site(certificates: Authority) -> None:
    """It admits whoever the certificate names, and nobody without one."""
    server, alice = certificates.issue("localhost"), certificates.issue("alice")
    tls = ServerTls(server.certificate, server.key, certificates.certificate)
    thief = ClientTls(certificates.certificate, alice.certificate, alice.key)
    with site(tls=tls, names_in_certificates=True) as there:  # one token opens for all names here
        echo = Echo()
        assert there.node(BOB, echo, tls=thief).result(SOON).code is Code.NOT_ADMITTED
        there.node(BOB, echo, tls=ClientTls(certificates.certificate))
        assert there.node(ALICE, echo, tls=thief, token=b"guess").result(SOON).code is (
            Code.NOT_ADMITTED
        )
        assert there.server.connected() == frozenset()
        assert echo.asked == []


def test_a_coordinator_under_another_authority(
    tmp_path: Path, certificates: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """It has the right name and the site's own token; the node tells it nothing, and goes on."""
    (tmp_path / "ca.pem").write_bytes(certificates.certificate)
    false = Authority().issue("localhost")
    echo = Echo()
    with site(tls=ServerTls(false.certificate, false.key)) as there:
        there.node(ALICE, echo, tls=client_tls(FederationSettings(ca=tmp_path / "ca.pem")))
        until(lambda: caplog.text.count("Connecting") >= 3)
        assert there.events == []
        assert echo.asked == []


def test_a_site_that_was_told_no_authority() -> None:
    with pytest.raises(InputError, match="no ca"):
        client_tls(FederationSettings())
