from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.endorsement import Endorsement, sign_endorsement
from protocols.errors import Code, Refused
from protocols.ids import JobId, digest_of
from protocols.job_plan import JobPlan, PlannedFunction, SignedPlan, accept_plan, sign_plan
from protocols.secagg.member import Transport
from protocols.values import decode_values, encode_values
from tests.identities import COORDINATOR, identity_of

SIGNER = identity_of("a signer")
A, B = digest_of(b"a"), digest_of(b"b")
JOB = JobId("job-1")
PLAN = JobPlan(
    JOB,
    COORDINATOR.public,
    "Learn which models suit new tasks.",
    (
        PlannedFunction("class_feature_sums", 12, 10**6, Transport.MASKED, 0.125),
        PlannedFunction("class_outputs", 3, 5000, Transport.PLAIN),
    ),
    files=frozenset({A, B}),
    endorsements=(
        sign_endorsement(Endorsement(SIGNER.public, frozenset({A})), SIGNER),
        sign_endorsement(Endorsement(SIGNER.public, frozenset({B}), note="x"), SIGNER),
    ),
)
ADMITTED = frozenset({COORDINATOR.public})


def test_it_comes_back_as_it_went() -> None:
    assert JobPlan.decode(PLAN.encode()) == PLAN
    assert accept_plan(sign_plan(PLAN, COORDINATOR), coordinators=ADMITTED, job=JOB) == PLAN
    assert PLAN.planned("class_outputs") == PLAN.functions[1]
    assert PLAN.planned("describe") is None


def code(signed: SignedPlan, job: JobId = JOB, admitted: frozenset[bytes] = ADMITTED) -> Code:
    with pytest.raises(Refused) as caught:
        accept_plan(signed, coordinators=admitted, job=job)
    return caught.value.code


def test_a_plan_of_somebody_else_or_for_something_else() -> None:
    signed = sign_plan(PLAN, COORDINATOR)
    other = identity_of("another coordinator")
    assert code(signed, job=JobId("job-2")) is Code.MANIFEST_NOT_TRUSTED
    assert code(signed, admitted=frozenset({other.public})) is Code.MANIFEST_NOT_TRUSTED
    forged = SignedPlan.by(other, PLAN.encode())
    assert code(forged) is Code.MANIFEST_NOT_TRUSTED
    more = replace(PLAN, functions=(replace(PLAN.functions[0], questions=13),))
    assert code(SignedPlan(more.encode(), signed.signature)) is Code.MANIFEST_NOT_TRUSTED
    with pytest.raises(ValueError, match="another coordinator"):
        sign_plan(PLAN, other)


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": ""},
        {"purpose": "two\nlines"},
        {"functions": ()},
        {"functions": PLAN.functions[::-1]},
        {"functions": PLAN.functions[:1] * 2},
        {"coordinator": b"no key"},
        {"files": frozenset({"abc"})},
        {"job": "no name!"},
    ],
)
def test_none_exists_in_a_wrong_state(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        replace(PLAN, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        ("describe", -1, 0, Transport.PLAIN),
        ("describe", 1, 2**54, Transport.PLAIN),
        ("describe", 1, 1, Transport.PLAIN, float("nan")),
        ("", 1, 1, Transport.PLAIN),
    ],
)
def test_no_function_is_planned_in_a_wrong_state(arguments: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        PlannedFunction(*arguments)  # type: ignore[arg-type]


@given(st.data())
def test_any_other_bytes_are_refused(data: st.DataObject) -> None:
    body = bytearray(PLAN.encode())
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    signed = SignedPlan(bytes(body), sign_plan(PLAN, COORDINATOR).signature)
    assert code(signed) is Code.MANIFEST_NOT_TRUSTED
    cut = SignedPlan.by(COORDINATOR, PLAN.encode()[:place])
    assert code(cut) is Code.MANIFEST_NOT_TRUSTED


def test_a_cost_beyond_all_reals_is_no_plan() -> None:
    _, values = decode_values(PLAN.encode())
    huge = encode_values("plan/v1", values | {"rhos": ("0x1p+99999", "0x0.0p+0")})
    with pytest.raises(ValueError, match="rho"):
        JobPlan.decode(huge)
