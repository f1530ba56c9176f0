"""Jobs of grouped closures end to end: real processes, sessions and masks; what is learned is what
one place would have learned, and a killed job goes on."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from coordinator.cli import app
from coordinator.cost import cost_of
from coordinator.drawing import TARGETS
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_run import masked_id
from coordinator.holdings import Holdings
from coordinator.job import read_job
from coordinator.target_datasets import batches, draw_pairs
from protocols.ids import ProviderId
from protocols.queries import SCORES, feature_signs
from protocols.queries.describe import unpack_names
from provider.answers.class_features import class_feature_sums
from provider.dataset import Dataset
from provider.embedded import _secret
from provider.embedded_data import PoolShare, open_shares
from provider.rows import RowSplit, row_generator
from synlearn.datasets.mixed_plan import Part
from synlearn.fusion.storage import load_fusion
from synlearn.mre.backbone import load_backbone
from synlearn.mre.storage import load_mre, mre_digest
from synlearn.scorers.direct import Direct
from synlearn.validation import head_accuracy
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.feature_cache import planes
from synlearn.zoo.features import penultimate_features
from tests.integration.grouped import pool, split, write_grouped_site
from tests.integration.jobs import RunningJob, answered, log, model, records
from tests.integration.plans import check_plan

pytestmark = pytest.mark.integration

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass
class Site:
    """A job file, and an unbroken run of it."""

    job_file: Path
    job: GroupedJob
    unbroken: RunningJob

    def start(self, name: str, *, resume: bool = False) -> RunningJob:
        """In one worker process, where the unbroken run has two."""
        return RunningJob(self.job_file, self.job_file.parent / name, resume=resume)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("grouped")
    job_file = write_grouped_site(folder)
    job = read_job(job_file)
    assert isinstance(job, GroupedJob)
    unbroken = RunningJob(job_file, folder / "unbroken", embedded=2)
    code, output = unbroken.finish()
    assert code == 0, output
    yield Site(job_file, job, unbroken)
    unbroken.stop()


def answers(out: Path) -> "dict[str, np.ndarray[tuple[int, ...], np.dtype[Any]]]":
    """Everything that the job has gathered."""
    return load_file(out / "checkpoint.safetensors")


def datasets(site: Site) -> dict[ProviderId, Dataset]:
    """What each provider holds."""
    shares = [
        PoolShare(*site.job.providers.places, number) for number in range(len(split().providers))
    ]
    return dict(zip(held(site).providers, open_shares(shares), strict=True))


def held(site: Site) -> Holdings:
    found = answers(site.unbroken.out)
    providers, classes = (
        unpack_names(found[f"holdings.{name}"]) for name in ("providers", "classes")
    )
    return Holdings(tuple(map(ProviderId, providers)), classes, found["holdings.rows"])


def test_target_datasets_are_those_of_plain_sums(site: Site) -> None:
    """Recomputed in one place, from the same rows, to the step of the fixed point."""
    holdings, settings, out = held(site), site.job.learning, site.unbroken.out
    data = datasets(site)
    backbone = load_backbone((out / "mre" / "backbone.safetensors").read_bytes())
    found = answers(out)
    expected: list[Array] = []
    for step in range(settings.rounds):
        tasks = found["answers.tasks"][step * 8 : (step + 1) * 8]
        random = np.random.default_rng([site.job.seed, TARGETS, step])
        pairs = draw_pairs(
            tasks, draws=3, least=settings.k_least, most=settings.k_most, random=random
        )
        features = np.empty((len(pairs), 3, 16))
        for number, batch in enumerate(batches(pairs, holdings, 16, random)):
            rows = batch.rows(holdings)
            query_id = masked_id(step, number)
            total = np.zeros((len(batch.slots), 16))
            for party, own in rows.items():
                secret = _secret(site.job.seed, party)
                draw = row_generator(secret, site.job.id, query_id, attempt=1)
                slots = [holdings.classes[position] for position in batch.slots]
                total += class_feature_sums(data[party], backbone, slots, np.array(own), draw)
            features[batch.pairs] = batch.means(total, np.sum(list(rows.values()), axis=0))
        expected.append(features)
    whole = np.concatenate(expected)
    assert set(np.unique(found["answers.feature_task"])) == set(range(16))
    step_of_sum = settings.k_most * 2.0**-20
    np.testing.assert_allclose(found["answers.features"], whole, rtol=0, atol=12 * step_of_sum)


def test_reusability_is_what_one_place_would_have_found(site: Site) -> None:
    holdings, found = held(site), answers(site.unbroken.out)
    tasks = found["answers.tasks"].astype(np.int64)
    zoo, width, data = Zoo.open(site.job.zoo), site.job.validation.width, datasets(site)
    checked = 0
    for column, name in enumerate(name for name in zoo if name.startswith("mixed-learning")):
        sides = []
        for half in range(2):
            images = [
                own.images(
                    RowSplit(_secret(site.job.seed, provider)).halves(label, own.rows_of(label))[
                        half
                    ]
                )
                for label in holdings.classes
                for provider, own in data.items()
            ]
            counts = np.array(list(map(len, images))).reshape(len(holdings.classes), -1)
            labels = np.repeat(np.arange(len(holdings.classes)), counts.sum(axis=1))
            raw = penultimate_features(zoo.stack([name]), np.concatenate(images))
            sides.append((raw.astype(np.float64) @ feature_signs(raw.shape[2], width), labels))
        many = len(holdings.classes)
        heads = head_accuracy.solve_heads([head_accuracy.psi_statistics(*sides[0], many)], tasks)
        part = head_accuracy.psi_correct(*sides[1], many, heads.rounded(), tasks)
        expected = head_accuracy.combine([part], tasks)[:, 0]
        score = found["answers.score"][0, :, column]
        known = ~np.isnan(score)
        np.testing.assert_allclose(score[known], expected[known], rtol=0, atol=1e-9)
        checked += int(known.sum())
    assert checked == 2 * 8 * 4


def test_the_job_says_what_it_asked(site: Site) -> None:
    output = site.unbroken.finish()[1]
    cost = cost_of(site.unbroken.out / "log.jsonl")
    assert str(cost) in output.replace("\n", "")
    assert "K from 1 lies below the floor of 2 parties" in output
    lines = log(site.unbroken.out)
    assert cost.questions == sum(
        line["providers"] for line in lines if line["event"] == "questions"
    )
    assert cost.questions == len(records(site.unbroken.out))
    assert (cost.sums, cost.attempts) == (4, 4)
    assert {line["sentence"][:8] for line in lines if line["event"] == "warning"} == {"K from 1"}


def test_a_plan_tells_beforehand_what_is_asked(site: Site) -> None:
    found = check_plan(site.job_file, site.unbroken, workers=2)
    assert found.closure == "grouped"
    assert found.warnings[0].startswith("K from 1 lies below the floor of 2 parties")
    (sums,) = found.sums
    lines = [line for line in log(site.unbroken.out) if line["event"] == "aggregation"]
    assert (sums.fewest_parties, sums.most_parties) == (
        min(line["parties"] for line in lines),
        max(line["parties"] for line in lines),
    )


MOMENTS: list[Callable[[RunningJob], bool]] = [
    answered(2, 0, 2),  # validation: some have answered
    lambda job: bool(list((job.out / "sums").glob("*.sum"))),  # target datasets: a sum is kept
]


def test_a_job_killed_again_and_again_goes_on(site: Site) -> None:
    """No answered question is computed again; sums that were kept are not asked for again."""
    for number, moment in enumerate(MOMENTS):
        run = site.start("again", resume=number > 0)
        try:
            run.until(moment)
            run.kill()
        finally:
            run.stop()
    last = site.start("again", resume=True)
    code, output = last.finish()
    assert code == 0, output
    assert records(last.out) == records(site.unbroken.out)
    found, expected = answers(last.out), answers(site.unbroken.out)
    assert found.keys() == expected.keys()
    # All but sums that had to be asked again, over other rows, is the same.
    for name in ("tasks", "score", "outputs.soft", "outputs.hard", "outputs.known"):
        np.testing.assert_array_equal(found[f"answers.{name}"], expected[f"answers.{name}"])
    assert set(model(last.out)) == set(model(site.unbroken.out))
    sums = [line for line in log(last.out) if line["event"] == "aggregation"]
    if not any(line["dropped"] for line in sums):  # rows of who is lost may be missing
        for name in ("feature_task", "feature_level"):
            np.testing.assert_array_equal(found[f"answers.{name}"], expected[f"answers.{name}"])
    if {line["attempt"] for line in sums} == {1}:
        assert model(last.out) == model(site.unbroken.out)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            '"pool.safetensors"',
            '"none.safetensors"',
            "none.safetensors is not there; `synlearn",
        ),
        (
            '"mixed-learning-*"',
            '"resnet-*"',
            "models is 'resnet-*', which fits 0 models of",
        ),
        ('"split.json"', '"grouped.toml"', "grouped.toml is not a usable split manifest"),
    ],
)
def test_what_cannot_be_used_is_named_and_leaves_no_folder(
    old: str, new: str, sentence: str, site: Site
) -> None:
    other = site.job_file.with_name("other.toml")
    other.write_text(site.job_file.read_text().replace(old, new))
    out = site.job_file.with_name("nothing")
    result = CliRunner().invoke(app, ["run", str(other), "--out", str(out)])
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert not out.exists()


def test_a_run_with_another_manifest_is_not_resumed(site: Site) -> None:
    other = dataclasses.replace(split(), seed=1)
    moved = site.job_file.with_name("moved.json")
    moved.write_bytes(other.to_json())
    job_file = site.job_file.with_name("moved.toml")
    job_file.write_text(site.job_file.read_text().replace('"split.json"', '"moved.json"'))
    out = str(site.unbroken.out)
    result = CliRunner().invoke(app, ["run", str(job_file), "--out", out, "--resume"])
    assert result.exit_code == 2
    assert "the providers' manifest has changed since the run" in result.stderr


def test_a_fusion_is_fitted_on_what_single_providers_say(site: Site) -> None:
    fitted = load_fusion(site.unbroken.out / "mre")
    weighed = [name for name in SCORES if name != Direct.HELD_OUT]  # that one makes accuracies
    assert fitted.sources == ("metric", "metric_smoothed", *weighed)
    assert sorted(fitted.by_k) == [1, 2]
    assert fitted.provenance["folds"] == 2
    weights = [line for line in log(site.unbroken.out) if line["event"] == "fusion"]
    assert [line["k"] for line in weights] == [1, 2]
    asked = [line for line in log(site.unbroken.out) if line["event"] == "questions"]
    assert {line["function"] for line in asked if str(line["query"]).startswith("3.")} == {
        "task_evidence",
        "head_statistics",
    }


def test_a_run_is_learned_from_again_without_asking_anybody(site: Site, tmp_path: Path) -> None:
    before = records(site.unbroken.out)
    arguments = ["relearn", str(site.job_file), "--run", str(site.unbroken.out)]
    for seed, out in ((1, "one"), (1, "again"), (2, "two")):
        result = CliRunner().invoke(
            app, [*arguments, "--seed", str(seed), "--out", str(tmp_path / out)]
        )
        assert result.exit_code == 0, result.stderr
    digests = [mre_digest(tmp_path / out) for out in ("one", "again", "two")]
    assert digests[0] == digests[1] != digests[2]
    assert load_mre(tmp_path / "two").provenance.seed == 2
    assert load_fusion(tmp_path / "two").provenance["seed"] == 2
    assert records(site.unbroken.out) == before
    result = CliRunner().invoke(
        app, [*arguments[:2], "--run", str(tmp_path / "none"), "--seed", "1", "--out", "x"]
    )
    assert result.exit_code == 2
    assert "holds no run" in result.stderr


def test_the_model_ranks_a_zoo_for_labelled_examples(site: Site) -> None:
    mre = load_mre(site.unbroken.out / "mre")
    rows = [pool().rows(Part.PROVIDER, label)[:2] for label in pool().labels_of(Part.PROVIDER)[:3]]
    images = planes(pool().pictures[np.concatenate(rows)])
    ranking = mre.rank(images, np.repeat(["a", "b", "c"], 2), Zoo.open(site.job.zoo))
    assert len(ranking.rows) == 7
    assert mre.provenance.job == site.job.id
    assert (mre.provenance.k, mre.provenance.tasks, mre.provenance.models) == (5, 16, 5)
