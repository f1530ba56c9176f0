"""A job's answers as a history: nothing is asked, and every number is the job's own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from coordinator.checkpoint import RunFolder
from coordinator.cli import app
from coordinator.grouped_job import Validation
from coordinator.grouped_state import grouped_state_tensors
from coordinator.performance_matrix import history_of
from synlearn.errors import InputError
from tests.coordinator.grouped_site import JOB, GroupedSite, with_validation

MODELS = [f"model-{number}" for number in range(5)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> GroupedSite:
    """A job that is done. Not to be changed."""
    site = GroupedSite(tmp_path_factory.mktemp("site") / "run")
    site.learn()
    return site


def test_the_matrix_is_what_providers_have_answered(site: GroupedSite) -> None:
    asked = len(site.asked)
    found = history_of(JOB, grouped_state_tensors(site.state), MODELS, "proxy", 5)
    answers, holdings = site.state.answers, site.state.holdings
    assert len(site.asked) == asked
    assert found.performance.models == tuple(MODELS)
    place = np.unique(answers.feature_task)
    assert np.array_equal(found.performance.values, answers.score[0, place].T, equal_nan=True)
    for row, task in enumerate(place):
        own = answers.features[answers.feature_task == task]
        assert found.proxies[row] == pytest.approx(own.mean(axis=(0, 1)), abs=1e-6)
        names = [holdings.classes[position] for position in answers.tasks[task]]
        assert all(name in found.performance.tasks[row] for name in names)
        held = holdings.rows[:, answers.tasks[task]].sum()
        assert (found.classes[row], found.samples[row]) == (3, held)


def test_scores_that_may_be_negative_become_performances(tmp_path: Path) -> None:
    job = with_validation("leep")
    site = GroupedSite(tmp_path / "run", job)
    site.learn()
    assert np.nanmax(site.state.answers.score) < 0
    found = history_of(job, grouped_state_tensors(site.state), MODELS, "proxy", 5).performance
    assert np.nanmin(found.values) == 0
    assert np.nanmax(found.values) == 1


def test_the_nearest_number_of_examples_counts(site: GroupedSite) -> None:
    levels = replace(JOB, validation=Validation(examples=(1, 10)))
    saved = grouped_state_tensors(site.state)
    score = saved["answers.score"]
    saved["answers.score"] = torch.cat([score, score / 2])
    for examples, factor in ((1, 1.0), (2, 1.0), (5, 0.5), (20, 0.5)):
        found = history_of(levels, saved, MODELS, "proxy", examples).performance
        assert np.nanmax(found.values) == pytest.approx(factor * np.nanmax(score[0].numpy()))


def test_another_zoo_or_a_damaged_checkpoint_is_refused(site: GroupedSite) -> None:
    saved = grouped_state_tensors(site.state)
    with pytest.raises(InputError, match="learned from 5 models"):
        history_of(JOB, saved, MODELS[:4], "proxy", 5)
    del saved["answers.score"]
    with pytest.raises(InputError, match="checkpoint is damaged"):
        history_of(JOB, saved, MODELS, "proxy", 5)


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        RunFolder(tmp_path / "run").check_zoo(JOB, "digest")
    job = tmp_path / "job.toml"
    job.write_text('closure = "grouped"\nname = "j"\nzoo = "zoo"\n[providers]\n')
    arguments = ["history", str(job), "--run", str(tmp_path), "--out", str(tmp_path / "h")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "zoo" in result.stderr
