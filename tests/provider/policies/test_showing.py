import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from protocols.ids import digest_of
from protocols.job_plan import JobPlan, PlannedFunction
from protocols.secagg.member import Transport
from provider.costs import Spent, Totals
from provider.policies import policy_parser
from provider.policies.asked import Decision, Waiting
from provider.policies.budgets import epsilon_after
from provider.policies.notes import notes
from provider.policies.owner_policy import OwnerPolicy
from provider.policies.preview import Preview, Verdict, preview, preview_table
from provider.policies.profiles import FUNCTIONS, GUARDED, KEYS_OF, OPEN
from provider.policies.queue_table import queue_table
from provider.policies.rules import Budget, General
from provider.policies.shape import shape_of
from provider.policies.summary import policy_check, policy_summary
from provider.policies.template import guarded_policy_toml
from synlearn.errors import InputError
from tests.owner_policies import policy
from tests.protocols.query_examples import CORRECT, EXAMPLES, OUTPUTS
from tests.protocols.test_job_plan import PLAN, A
from tests.provider.policies.test_approvals import QUESTION

DOCS = Path(__file__).parents[3] / "docs" / "provider-policy.md"


def printed(renderable: RenderableType) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def every_key() -> set[str]:
    keys = set(policy_parser.TOP) | set(policy_parser.BUDGETS) | set(policy_parser.MODELS_KEYS)
    for section in (General, Budget, *policy_parser.SECTIONS.values()):
        keys |= {field.name for field in fields(section)}
    return keys | {key for own in KEYS_OF.values() for key in own}


def test_the_documentation_names_every_key_and_function() -> None:
    text = DOCS.read_text()
    rows = set(re.findall(r"^\| `([a-z_]+)`", text, re.MULTILINE))
    sections = set(re.findall(r"`\[([a-z_]+)", text))
    assert every_key() - {"day", "job"} <= rows | sections
    assert rows <= every_key() | set(FUNCTIONS), "a key that there is not"
    assert set(FUNCTIONS) <= rows
    assert "`[budgets.day]`" in text
    assert "`[budgets.job]`" in text


def test_the_documentation_has_the_guarded_defaults() -> None:
    text = DOCS.read_text()
    for field in fields(General):
        value = getattr(GUARDED.general, field.name)
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        assert f"| `{field.name}` | {shown} |" in text


def test_the_summary_tells_every_function_and_what_holds_for_all() -> None:
    text = printed(policy_summary(GUARDED))
    for function in FUNCTIONS:
        assert function in text
    assert "in masked sums only" in text
    assert "2000 heads for each row, ever" in text
    assert "answered for no model yet" in text
    hours = policy('[hours]\ntimezone = "Europe/Berlin"\nopens = "08:00"\ncloses = "18:00"')
    assert "08:00 to 18:00 (Europe/Berlin)" in printed(policy_summary(hours.rules))
    approved = policy("[functions.describe]\napproval = true")
    assert "each approved by you" in printed(policy_summary(approved.rules))


def test_checking_a_file_says_that_it_is_good_or_what_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(guarded_policy_toml())
    assert "is a good policy: profile guarded, 9 functions are answered." in policy_check(path)
    path.write_text("x = 1")
    with pytest.raises(InputError, match="unknown key 'x'"):
        policy_check(path)


def test_guarded_is_not_looser_than_itself() -> None:
    listed = policy(f'[models]\ndigests = ["{A}"]')
    assert notes(listed.rules) == ()
    assert len(notes(GUARDED)) == 1
    assert notes(OPEN) == (
        'profile "open": answers are exact; it is for data without secrets only.',
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("min_rows = 5", "min_rows is 5; guarded has 20."),
        ("describe_rounding = 1", "describe_rounding is 1; guarded has 10."),
        ("masked_once = false", "masked_once is false"),
        ('[functions.class_outputs]\nmodels = "any"', "class_outputs.models is any; guarded has"),
        ('[functions.head_statistics]\ntransport = "either"', "exact and unmasked; guarded gives"),
        ('[functions.pretraining_gradient]\ntransport = "plain"', "can read rows"),
        ("[functions.pretraining_update]\nallow = true", "allow is True; guarded has False"),
        ("[functions.head_correct]\nheads_per_row = 2001", "heads_per_row is 2001; guarded has"),
        ("[privacy]\nepsilon_ever = 11", "privacy.epsilon_ever is 11.0; guarded has 10.0"),
        ("[budgets.day]\nquestions = 20001", "budgets.day.questions is 20001"),
        ('[functions.squared_error]\nmodels = "listed"', "squared_error: answered for no model"),
    ],
)
def test_what_an_owner_should_know(text: str, said: str) -> None:
    assert any(said in note for note in notes(policy(text).rules))


def test_stricter_is_not_noted() -> None:
    stricter = policy(
        f'min_rows = 50\nmin_parties = 9\n[models]\ndigests = ["{A}"]\n'
        "[functions.head_correct]\nheads_per_row = 5\n[budgets.day]\nquestions = 5"
    )
    assert notes(stricter.rules) == ()


def planned(*functions: PlannedFunction) -> JobPlan:
    return replace(PLAN, functions=tuple(sorted(functions, key=lambda each: each.function)))


def seen(
    plan: JobPlan,
    owner: OwnerPolicy = OwnerPolicy(GUARDED),  # noqa: B008
    spent: Totals = Totals(),  # noqa: B008
) -> Preview:
    return preview(plan, owner, rho_each=lambda _: 0.001, spent=spent)


def verdict(each: PlannedFunction, owner: OwnerPolicy) -> tuple[Verdict, str]:
    (line,) = seen(planned(each), owner).lines
    return line.verdict, line.why


@pytest.mark.parametrize(
    ("each", "text", "wanted", "said"),
    [
        (("describe", 1, 9, Transport.PLAIN), "", Verdict.ALLOWED, ""),
        (("describe", 101, 9, Transport.PLAIN), "", Verdict.ALLOWED, "ends after 100 questions"),
        (("describe", 1, 9, Transport.MASKED), "", Verdict.REFUSED, "asked masked"),
        (("task_evidence", 1, 9, Transport.PLAIN), "", Verdict.REFUSED, "does not allow it"),
        (("sing", 1, 9, Transport.PLAIN), "", Verdict.REFUSED, "knows no such function"),
        (("class_outputs", 1, 9, Transport.PLAIN), "", Verdict.REFUSED, "none of the plan's files"),
        (
            ("class_outputs", 1, 9, Transport.PLAIN),
            f'[models]\ndigests = ["{A}"]',
            Verdict.ALLOWED,
            "not for 1 of the plan's 2 files",
        ),
        (
            ("describe", 1, 9, Transport.PLAIN),
            "[functions.describe]\napproval = true",
            Verdict.APPROVAL,
            "",
        ),
        (
            ("class_feature_sums", 1, 9, Transport.MASKED),
            "[privacy]\nmasked_noise = true",
            Verdict.REFUSED,
            "the plan has none",
        ),
    ],
)
def test_a_preview_says_line_by_line_what_would_become_of_it(
    each: tuple[str, int, int, Transport], text: str, wanted: Verdict, said: str
) -> None:
    found, why = verdict(PlannedFunction(*each), policy(text))
    assert found is wanted
    assert said in why


def test_a_preview_adds_up_what_would_be_answered() -> None:
    noisy = policy(
        f'[models]\ndigests = ["{A}"]\n[functions.class_outputs]\nnoise_epsilon = 0.1\n'
        "[budgets.day]\nquestions = 10\n[budgets.job]\nquestions = 20\nbytes = 5000"
    )
    plan = planned(
        PlannedFunction("class_outputs", 12, 4000, Transport.PLAIN),
        PlannedFunction("class_feature_sums", 9, 2000, Transport.MASKED, 0.125),
        PlannedFunction("sing", 1000, 10**9, Transport.PLAIN),
    )
    found = seen(plan, noisy, Totals(job=Spent(rho=0.01), ever=Spent(rho=1.0)))
    assert (found.questions, found.bytes) == (21, 6000)
    assert found.epsilon == pytest.approx(epsilon_after(0.01, 0.125 + 12 * 0.001, 1e-6))
    assert found.epsilon_ever > found.epsilon
    told = " ".join(found.warnings)
    assert "21 questions are more than [budgets.job] allows, 20" in told
    assert "6,000 bytes are more than" in told
    assert "takes 3 days" in told
    assert seen(plan).warnings == ()
    text = printed(preview_table(found))
    assert plan.purpose in text
    assert "knows no such function" in text
    assert "[budgets.job]" in text, "square brackets are no markup"


def test_a_preview_warns_of_a_spent_privacy_budget() -> None:
    plan = planned(PlannedFunction("class_feature_sums", 9, 2000, Transport.MASKED, 5.0))
    told = " ".join(seen(plan).warnings)
    assert "more than epsilon_job allows, 4" in told
    assert "more than epsilon_ever allows, 10" in told


@pytest.mark.parametrize("query", EXAMPLES)
def test_a_shape_is_one_line(query: object) -> None:
    assert "\n" not in shape_of(query)  # type: ignore[arg-type]


def test_a_shape_says_how_much_is_asked() -> None:
    assert shape_of(OUTPUTS) == "2 models; 3 classes (ant, bee, cat); outputs 4"
    assert shape_of(CORRECT).startswith("2 models; 3 classes (ant, bee, cat); unit_length True; 2 ")
    assert digest_of(b"a")[:12] in shape_of(EXAMPLES[1])


def test_the_queue_shows_purpose_shape_rows_and_cost() -> None:
    markup = replace(QUESTION, purpose="[red]trust me[/red]", rows=dict.fromkeys("abcdefg", 10))
    lines = [
        Waiting(7, QUESTION, 0.0, 3600.0, Decision.PENDING),
        Waiting(8, markup, 0.0, 7200.0, Decision.PENDING),
    ]
    text = printed(queue_table(lines))
    for part in ("7", "job-1: to rank models", "class_outputs 2.5.0", "2 models", "40 ant"):
        assert part in text
    assert "800 bytes, rho 0.25" in text
    assert "1970-01-01 01:00" in text
    assert "[red]trust me[/red]" in text
    assert "... 70 in all" in text
