from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ids import digest_of
from provider.policies.policy_file import digests_path, parse_policy, read_policy
from provider.policies.profiles import FUNCTIONS, GUARDED, KEYS_OF, OPEN
from provider.policies.rules import FunctionRules, Rules
from provider.policies.template import guarded_policy_toml
from provider.policies.texts import MAX_BYTES
from synlearn.errors import InputError
from tests.identities import identity_of

HERE = Path()
GUARD = 'profile = "guarded"\n'
SIGNER = identity_of("a signer").public


def parse(text: str) -> Rules:
    return parse_policy(text, "policy.toml", HERE)


def sentence(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse(text)
    return str(caught.value)


def test_the_template_states_the_guarded_defaults() -> None:
    assert parse(guarded_policy_toml()) == GUARDED


def test_what_the_template_switches_off_is_right_when_switched_on() -> None:
    text = guarded_policy_toml()
    for line in ("noise_epsilon = 0.1", "noise_epsilon = 0.5", "noise_clip", "[hours]", "timezone",
                 "weekdays", "opens", "closes"):  # fmt: skip
        assert f"# {line}" in text
        text = text.replace(f"# {line}", line)
    rules = parse(text)
    assert rules.hours is not None
    assert rules.of("class_outputs").noise_epsilon == 0.1
    assert rules.of("pretraining_update").noise_clip == 1.0


def test_a_profile_alone_is_a_policy() -> None:
    assert parse(GUARD) == GUARDED
    assert parse('profile = "open"') == OPEN


def test_every_function_has_rules_and_keys() -> None:
    assert set(OPEN.functions) == set(GUARDED.functions) == set(KEYS_OF) == set(FUNCTIONS)
    known = {field.name for field in fields(FunctionRules)}
    assert set().union(*KEYS_OF.values()) == known


def test_a_file_overrides_its_profile_and_nothing_else() -> None:
    rules = parse(
        GUARD
        + "min_rows = 7\n[functions.class_outputs]\nmin_rows = 30\n"
        + "[budgets.day]\nquestions = 3\n[worker]\nthreads = 2"
    )
    assert rules.general.min_rows == 7
    assert rules.general.min_parties == GUARDED.general.min_parties
    assert rules.of("class_outputs").min_rows == 30
    assert rules.of("class_outputs").models == "signed"
    assert (rules.day.questions, rules.day.bytes) == (3, GUARDED.day.bytes)
    assert rules.worker.threads == 2
    assert GUARDED.of("class_outputs").min_rows == 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", 'needs profile = "guarded"'),
        ('profile = "closed"', "line 1: the policy needs profile"),
        ("profile = 3", "line 1: the policy needs profile"),
        (GUARD + "min_row = 3", "line 2: unknown key 'min_row'; did you mean 'min_rows'?"),
        (GUARD + "[functions.class_output]", "line 2 [functions]: unknown key 'class_output'; did"),
        (
            GUARD + "[functions.describe]\n\nmin_k = 3",
            "line 4 [functions.describe]: unknown key 'min_k'",
        ),
        (GUARD + "functions.describe.min_k = 3", "line 2 [functions.describe]: unknown key"),
        (GUARD + "min_rows = 0", "line 2: min_rows is 0; it must be at least 1"),
        (GUARD + "min_rows = true", "line 2: min_rows must be a whole number"),
        (GUARD + "min_rows = 1.5", "line 2: min_rows must be a whole number"),
        (GUARD + "min_rows = [1]", "line 2: min_rows must be a whole number"),
        (GUARD + "[min_rows]", "line 2: min_rows is no section"),
        (GUARD + "min_rows = 99999999999999999999", "line 2: min_rows has a number beyond"),
        (GUARD + "[privacy]\ndelta = nan", "line 3 [privacy]: delta is nan"),
        (GUARD + "privacy = 3", "line 2: privacy must be a section: [privacy]"),
        (GUARD + "[budgets.week]", "line 2 [budgets]: unknown key 'week'"),
        (GUARD + '[functions.describe]\ntransport = "masked"', "describe has no masked form"),
        (GUARD + '[functions.class_feature_sums]\ntransport = "plain"', "is a masked sum only"),
        (GUARD + '[functions.describe]\ntransport = "air"', "it must be one of plain, masked"),
        (GUARD + "[functions.class_outputs]\nnoise_clip = 1.0", "without noise_epsilon"),
        (GUARD + "[functions.head_statistics]\nnoise_epsilon = 1", "leaves masked only"),
        (GUARD + "[functions.class_outputs]\nnoise_epsilon = 5", "more than the whole epsilon_job"),
        ('profile = "open"\n[functions.class_outputs]\nnoise_epsilon = 1', "needs an epsilon_job"),
        ('profile = "open"\n[privacy]\nmasked_noise = true', "needs an epsilon_job"),
        (GUARD + "[privacy]\nepsilon_job = 11", "epsilon_job is 11.0 and epsilon_ever only 10.0"),
        (GUARD + "min_parties_per_class = 4", "raise min_parties to as much"),
        (GUARD + "min_corrupt = 2", "nobody could hide"),
        (GUARD + '[models]\nsigners = ["00"]', "line 3 [models]: '00' is no Ed25519 public key"),
        (GUARD + f'[models]\nsigners = ["{"00" * 32}"]', "is no Ed25519 public key"),
        (GUARD + '[models]\ndigests = ["abc"]', "line 3 [models]: a digest has 64"),
        (GUARD + "[models]\ndigests = 3", "digests must be a list of texts"),
        (GUARD + '[models]\ndigests_file = "none.txt"', "none.txt cannot be read"),
        (GUARD + '[models]\ndigests_file = "a\\u0000b"', "must be the name of a file"),
        (GUARD + '[hours]\ntimezone = "Mars/Olympus"', "line 3 [hours]: timezone 'Mars/Olympus'"),
        (GUARD + '[hours]\ntimezone = "../etc"', "is unknown here"),
        (GUARD + '[hours]\nweekdays = ["mon", "mon"]', "each day at most once"),
        (GUARD + '[hours]\nopens = "08:00"', "closes is missing"),
        (GUARD + '[hours]\nopens = "8 am"\ncloses = "18:00"', "opens is '8 am'"),
        (GUARD + '[hours]\nopens = "08:00"\ncloses = "08:00"', "line 4 [hours]: opens and closes"),
        ("profile =", "is not valid TOML: Invalid value"),
        ("x = 1" + "0" * 5000, "is not valid TOML"),
        ("x = " + "[" * 5000, "nested too deeply"),
        (GUARD + "min_rows = 0x" + "f" * 9000, "a number beyond all measure"),
    ],
)
def test_one_wrong_part_refuses_the_whole_file(text: str, said: str) -> None:
    told = sentence(text)
    assert said in told
    assert "\n" not in told
    assert len(told) < 800


def test_models_and_signers() -> None:
    a, b = digest_of(b"a"), digest_of(b"b")
    rules = parse(GUARD + f'[models]\ndigests = ["{a}", "{b}"]\nsigners = ["{SIGNER.hex()}"]')
    assert rules.models.digests == {a, b}
    assert rules.models.signers == {SIGNER}


def test_digests_from_a_file_of_sha256sum(tmp_path: Path) -> None:
    a, b, c = (digest_of(name) for name in (b"a", b"b", b"c"))
    (tmp_path / "models.txt").write_text(f"# looked at\n{a}  a.safetensors\n\n{b} # fine\n")
    path = tmp_path / "policy.toml"
    path.write_text(GUARD + f'[models]\ndigests = ["{c}"]\ndigests_file = "models.txt"')
    assert read_policy(path).models.digests == {a, b, c}
    assert digests_path(path.read_text(), tmp_path) == tmp_path / "models.txt"
    (tmp_path / "models.txt").write_text("not a digest")
    with pytest.raises(InputError, match="line 4 \\[models\\]: a digest has 64"):
        read_policy(path)


def test_files_that_are_no_policy(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    with pytest.raises(InputError, match="check path and permissions"):
        read_policy(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="no UTF-8"):
        read_policy(path)
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(InputError, match="more than"):
        read_policy(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_policy(tmp_path)


KEYS = sorted(
    {"profile", "functions", "models", "budgets", "hours", "privacy", "timezone", "signers"}
    | {key for keys in KEYS_OF.values() for key in keys}
    | set(FUNCTIONS)
)
VALUES = st.one_of(
    st.booleans().map(lambda value: str(value).lower()),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(['"guarded"', '"open"', '"masked"', "[]", "{}", "[[1]]", "1979-05-27", "'''"]),
    st.text(max_size=8).map(lambda text: f'"{text}"'),
)
LINES = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(KEYS), VALUES),
    st.builds("[{}]".format, st.lists(st.sampled_from(KEYS), min_size=1, max_size=3).map(".".join)),
    st.text(max_size=30),
)


@given(st.one_of(st.text(), st.lists(LINES, max_size=6).map("\n".join)), st.booleans())
def test_any_text_is_a_policy_or_one_sentence(text: str, based: bool) -> None:
    try:
        told = parse((GUARD if based else "") + text).profile
    except InputError as error:
        told = str(error)
    assert told
    assert "\n" not in told
