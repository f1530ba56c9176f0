import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coordinator.grouped_job import (
    Fusion,
    GroupedJob,
    GroupedLearning,
    GroupedMetric,
    GroupedProviders,
    GroupedSession,
    Validation,
)
from coordinator.job import read_job
from coordinator.job_sections import Pretraining
from protocols.queries import HeadStatistics, PretrainingGradient
from synlearn.errors import InputError
from synlearn.zoo.class_specification import Generator

LEAST = """
closure = "grouped"
name = "j"
zoo = "zoo"
[providers]
pool = "pool"
split = "/data/split.json"
"""
JOB = GroupedJob(
    name="j",
    zoo=Path("zoo"),
    providers=GroupedProviders(pool=Path("pool"), split=Path("/data/split.json")),
)
SECTIONS = {
    "providers": GroupedProviders,
    "pretraining": Pretraining,
    "learning": GroupedLearning,
    "validation": Validation,
    "metric": GroupedMetric,
    "fusion": Fusion,
    "session": GroupedSession,
}


def read(text: str, folder: Path) -> object:
    path = folder / "job.toml"
    path.write_text(text)
    return read_job(path)


def test_the_least_a_job_file_says(tmp_path: Path) -> None:
    expected = replace(
        JOB, zoo=tmp_path / "zoo", providers=replace(JOB.providers, pool=tmp_path / "pool")
    )
    assert read(LEAST, tmp_path) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            LEAST.replace('"grouped"', '"group"'),
            ": closure is 'group'; it must be one of isolated, grouped.",
        ),
        (LEAST + "count = 4", " [providers]: unknown key 'count'; did you mean 'dropouts'?"),
        (
            LEAST + "[learning]\nk_mots = 4",
            " [learning]: unknown key 'k_mots'; did you mean 'k_most'?",
        ),
        (
            LEAST + "[learning]\nk_least = 5\nk_most = 4",
            " [learning]: k_least is 5, above k_most, which is 4.",
        ),
        (
            LEAST + '[validation]\nfunction = "logme"',
            " [validation]: function is 'logme'; it must be one of "
            "few_shot_accuracy, head_accuracy, leep, nce.",
        ),
        (
            LEAST + "[validation]\nexamples = [3, 1]",
            " [validation]: examples is [3, 1]; give rising whole numbers from 1 to 1000.",
        ),
        (
            LEAST + "[fusion]\nfolds = 1",
            " [fusion]: folds is 1; give 2 or more, or 0 for no fusion.",
        ),
        (
            LEAST + '[fusion]\nscores = ["leep", "logme"]',
            " [fusion]: scores is ['leep', 'logme']; name some of ridge_loo, ridge_loo_accuracy, "
            "logme, leep, nce, knn, ridge_held_out, in that order.",
        ),
        (
            LEAST + "profile = 'guarded'",
            " [providers]: profile is 'guarded'; it must be one of open.",
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
    found = str(caught.value)
    assert found.startswith(f"{tmp_path / 'job.toml'}")
    if "nearest" not in sentence and "did you mean 'dropouts'" not in sentence:
        assert found == f"{tmp_path / 'job.toml'}{sentence}"


def another(value: object, field: dataclasses.Field[Any]) -> object:
    """Some other value that the setting allows."""
    choices = field.metadata["choices"]
    if choices:
        return next((choice for choice in choices if choice != value), None)
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value + "2"
    if isinstance(value, Path):
        return None  # a place
    if isinstance(value, tuple):
        return value[:-1]
    assert isinstance(value, int | float)
    high = field.metadata["high"]
    return value + 1 if high is None or value + 1 <= high else value / 2


def test_every_setting_changes_the_jobs_id_and_no_place_does() -> None:
    jobs = [JOB, replace(JOB, name="other"), replace(JOB, seed=1), replace(JOB, threads=1)]
    for section in SECTIONS:
        settings = getattr(JOB, section)
        for field in dataclasses.fields(settings):
            value = another(getattr(settings, field.name), field)
            if value is not None and field.name != "absent_most":
                changed = replace(settings, **{field.name: value})
                jobs.append(replace(JOB, **{section: changed}))
    assert len({job.id for job in jobs}) == len(jobs) > 45
    moved = replace(JOB.providers, pool=Path("/new/pool"), split=Path("/new/split"))
    assert replace(JOB, zoo=Path("/new"), providers=moved).id == JOB.id


@pytest.mark.parametrize("section", list(SECTIONS.values()))
def test_every_number_has_limits_that_its_default_keeps(section: type) -> None:
    for field in dataclasses.fields(section):
        if field.type in {"int", "float", int, float}:
            low, high = field.metadata["low"], field.metadata["high"]
            assert low is not None
            assert low <= field.default <= high


def test_whatever_a_job_file_allows_can_be_asked() -> None:
    digest = "0" * 64
    most = {field.name: field.metadata["high"] for field in dataclasses.fields(Validation)}
    HeadStatistics((digest,), ("cat",), most["width"], unit_length=False, halved=False)
    HeadStatistics(
        (digest,) * most["models_per_question"], ("cat",), 64, unit_length=False, halved=False
    )
    settings = JOB.pretraining
    PretrainingGradient(digest, settings.classes, settings.rows_per_class, settings.margin)


def test_specifications_are_those_that_there_are() -> None:
    field = next(f for f in dataclasses.fields(GroupedMetric) if f.name == "specification")
    assert set(field.metadata["choices"]) == {str(generator) for generator in Generator}


@pytest.mark.parametrize(("least", "floor", "below"), [(1, 2, True), (2, 2, False), (1, 1, False)])
def test_a_job_knows_whether_it_draws_below_the_floor(least: int, floor: int, below: bool) -> None:
    job = replace(
        JOB,
        providers=replace(JOB.providers, min_parties_per_class=floor),
        learning=replace(JOB.learning, k_least=least),
    )
    assert job.below_floor == below


def test_only_an_embedded_federation_needs_a_pool(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text(LEAST.replace('pool = "pool"', ""))
    job = read_job(path)
    assert isinstance(job, GroupedJob)
    with pytest.raises(InputError, match="names no pool"):
        _ = job.providers.places


def test_a_job_that_may_go_on_without_more_is_the_same_job() -> None:
    """One that stopped for want of providers can be allowed more of them, and resumed."""
    patient = replace(JOB, session=replace(JOB.session, absent_most=3))
    assert patient.id == JOB.id
