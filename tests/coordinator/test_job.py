import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coordinator.job import Job, Learning, Metric, Pretraining, Providers, Session, read_job
from protocols.ids import job_id
from protocols.queries import (
    MAX_BATCH,
    MAX_DRAWN_ROWS,
    PretrainingGradient,
    PretrainingUpdate,
    SquaredError,
    TargetFeatures,
)
from protocols.queries.pretraining import MAX_PASSES, MAX_STEP_TRIPLES
from synlearn.errors import InputError
from synlearn.mre.backbone import BACKBONES, BackboneSpec
from synlearn.settings import as_table

LEAST = 'name = "j"\nzoo = "zoo"\n[providers]\ncount = 4\n'
JOB = Job(name="j", zoo=Path("zoo"), providers=Providers(count=4))
DIGEST = "0" * 64


def read(text: str, folder: Path) -> Job:
    path = folder / "job.toml"
    path.write_text(text)
    job = read_job(path)
    assert isinstance(job, Job)
    return job


def test_the_least_a_job_file_says(tmp_path: Path) -> None:
    job = read(LEAST, tmp_path)
    assert job == replace(JOB, zoo=tmp_path / "zoo")
    assert job.learning == Learning()


def test_a_zoo_elsewhere_stays_there(tmp_path: Path) -> None:
    job = read(LEAST.replace('"zoo"', '"/data/zoo"'), tmp_path)
    assert job.zoo == Path("/data/zoo")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ": name is required and missing; add it to the file."),
        (
            'name = "j"\nzoo = "z"',
            " [providers]: count is required and missing; add it to the file.",
        ),
        ('name = "j"', ": zoo is required and missing; add it to the file."),
        (LEAST + "[learnign]\nrounds = 1", ": unknown key 'learnign'; did you mean 'learning'?"),
        (
            LEAST + "[learning]\nvalidation_row = 1",
            " [learning]: unknown key 'validation_row'; did you mean 'validation_rows'?",
        ),
        (
            LEAST + "[learning]\nrounds = 0",
            " [learning]: rounds is 0; it must be at least 1 and at most 100000.",
        ),
        (
            LEAST + "[learning]\nrounds = 1.5",
            " [learning]: rounds must be a whole number, not 1.5.",
        ),
        (
            LEAST + '[pretraining]\nmode = "adam"',
            " [pretraining]: mode is 'adam'; it must be one of gradient, update, off.",
        ),
        (
            LEAST + '[metric]\npairs = "both"',
            " [metric]: pairs is 'both'; it must be one of within, across.",
        ),
        (
            LEAST + '[metric]\nlearning_rate = "fast"',
            " [metric]: learning_rate must be a number, not 'fast'.",
        ),
        (
            LEAST + "[metric]\nmargin = nan",
            " [metric]: margin is nan; it must be a finite number.",
        ),
        (
            LEAST.replace("4", "1"),
            " [providers]: count is 1; it must be at least 2 and at most 100000.",
        ),
        (
            LEAST + "[session]\nquestion_timeout = 0",
            " [session]: question_timeout is 0.0; it must be at least 1.0 and at most 604800.0.",
        ),
        ("seed = -1\n" + LEAST, ": seed is -1; it must be at least 0 and at most 2147483647."),
        (
            'name = "j"\nzoo = "z"\nproviders = 4',
            ": 'providers' must be a section, written as [providers].",
        ),
        (
            LEAST + "[pretraining]\nclasses = 64\nrows_per_class = 64",
            " [pretraining]: classes x rows_per_class is 4096; triplets grow with its cube, keep "
            "it at 256 or below.",
        ),
    ],
)
def test_a_mistake_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(text, tmp_path)
    assert str(caught.value) == f"{tmp_path / 'job.toml'}{sentence}"


def test_what_is_no_toml_and_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"job\.toml is not valid TOML: .*line 1"):
        read("name: j", tmp_path)
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)"):
        read_job(tmp_path / "missing.toml")


def another(value: object, field: dataclasses.Field[Any]) -> object:
    """Some other value that the setting allows."""
    choices = field.metadata["choices"]
    if choices:
        return next((choice for choice in choices if choice != value), None)
    if isinstance(value, str):
        return value + "2"
    assert isinstance(value, int | float)
    high = field.metadata["high"]
    return value + 1 if high is None or value + 1 <= high else value / 2


def changed_jobs() -> list[tuple[str, Job]]:
    """One job for each setting, changed in nothing else."""
    jobs = [
        ("name", replace(JOB, name="other")),
        ("seed", replace(JOB, seed=1)),
        ("threads", replace(JOB, threads=1)),
    ]
    for section in ("providers", "pretraining", "learning", "metric", "session"):
        settings = getattr(JOB, section)
        for field in dataclasses.fields(settings):
            value = another(getattr(settings, field.name), field)
            if value is not None:
                changed = replace(settings, **{field.name: value})
                jobs.append((f"{section}.{field.name}", replace(JOB, **{section: changed})))
    return jobs


def test_every_setting_changes_the_jobs_id() -> None:
    ids = {name: job.id for name, job in changed_jobs()}
    table = as_table(JOB)
    settings = {name for name, value in table.items() if not isinstance(value, dict)} | {
        f"{section}.{name}"
        for section, values in table.items()
        if isinstance(values, dict)
        for name in values
    }
    assert set(ids) == settings - {"zoo", "providers.dataset"}  # a place; and one choice only
    assert len({*ids.values(), JOB.id}) == len(ids) + 1


def test_the_id_stays_when_the_zoo_moves() -> None:
    """What is in it is checked by the run's folder, from its digest."""
    assert replace(JOB, zoo=Path("/elsewhere")).id == JOB.id


def test_the_id_is_a_name_on_the_wire_and_lasts() -> None:
    assert job_id(JOB.id) == JOB.id == replace(JOB).id


@pytest.mark.parametrize("end", ["low", "high"])
def test_whatever_a_job_file_allows_can_be_asked(end: str) -> None:
    """The settings' limits lie within those of the closed list of questions."""

    def limit(section: type, name: str) -> Any:  # noqa: ANN401
        return next(f for f in dataclasses.fields(section) if f.name == name).metadata[end]

    margin = limit(Pretraining, "margin")
    for name in ("classes", "rows_per_class"):
        large = limit(Pretraining, name)
        shape: dict[str, Any] = {"classes": 4, "rows_per_class": 4, name: large}
        job = replace(JOB, pretraining=replace(JOB.pretraining, **shape))
        assert job.pretraining.classes * job.pretraining.rows_per_class <= MAX_BATCH
        PretrainingGradient(DIGEST, margin=margin, **shape)
        batch = shape["classes"] * shape["rows_per_class"]
        steps = min(
            limit(Pretraining, "local_steps"),
            MAX_PASSES // batch,
            MAX_STEP_TRIPLES // batch**3,
        )
        shape |= {"mode": "update", "local_steps": steps}
        replace(JOB.pretraining, **shape)
        PretrainingUpdate(
            DIGEST,
            shape["classes"],
            shape["rows_per_class"],
            margin,
            steps,
            limit(Pretraining, "local_learning_rate"),
        )
    SquaredError((DIGEST,), limit(Learning, "validation_rows"))
    for k in (limit(Learning, "k"), max(1, limit(Learning, "k") // 10)):
        draws = min(limit(Learning, "draws"), MAX_DRAWN_ROWS // k)
        replace(JOB.learning, k=k, draws=draws)
        TargetFeatures(DIGEST, k, draws)
    BackboneSpec(width=limit(Pretraining, "width"), features=limit(Pretraining, "features"))


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("[learning]\nk = 10000\ndraws = 1000", "k x draws is 10000000"),
        (
            '[pretraining]\nmode = "update"\nclasses = 64\nlocal_steps = 5',
            "local_steps is 5: steps x the cube of a batch",
        ),
    ],
)
def test_what_no_question_may_ask_for_no_job_file_says(
    section: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=sentence):
        read(LEAST + section, tmp_path)


def test_every_choice_of_a_backbone_exists() -> None:
    field = next(f for f in dataclasses.fields(Pretraining) if f.name == "backbone")
    assert set(field.metadata["choices"]) == set(BACKBONES)


@pytest.mark.parametrize("section", [Providers, Pretraining, Learning, Metric, Session])
def test_every_number_has_limits_that_its_default_keeps(section: type) -> None:
    for field in dataclasses.fields(section):
        if field.type in {"int", "float", int, float}:
            low = field.metadata["low"]
            assert low is not None
            if field.default is not dataclasses.MISSING:
                assert low <= field.default <= (field.metadata["high"] or field.default)
