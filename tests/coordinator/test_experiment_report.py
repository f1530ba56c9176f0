from pathlib import Path

import numpy as np

from coordinator.experiment_report import Experiment, SeedResult, write_outputs
from coordinator.job import Job, Providers
from synlearn.evaluation.experiments.dsprites import AGNOSTIC, DIRECT, METRICS, SYNLEARN, SideResult
from synlearn.evaluation.results_file import read_results
from synlearn.mre.storage import save_mre
from synlearn.zoo.catalog import Zoo
from tests.mre_models import mre_model


def side(models: int) -> SideResult:
    random = np.random.default_rng(models)
    return SideResult(
        taus={
            (metric, method, 1): random.uniform(0, 1, models)
            for metric in METRICS
            for method in (SYNLEARN, DIRECT, AGNOSTIC)
        },
        tau_half=random.uniform(0.8, 0.9, models),
        domains=np.arange(models),
        truth=random.normal(size=(models, models)),
        scores={m: random.normal(size=(models, models)) for m in (SYNLEARN, DIRECT)},
    )


def test_what_is_written_can_be_read_again(tiny_zoo: Path, tmp_path: Path) -> None:
    save_mre(mre_model(), tmp_path / "seed-0" / "mre")
    job = Job(name="a job", zoo=tiny_zoo, providers=Providers(count=5))
    experiment = Experiment(tmp_path, job, Zoo.open(tiny_zoo), {"zoo": 1.0}, "a command", "")
    write_outputs(experiment, [SeedResult(0, {"out": side(3), "in": side(5)})])
    results = read_results(tmp_path / "results.json")
    assert results.settings["learning.k"] == job.learning.k
    assert results.settings["name"] == "a job"
    assert results.sizes["providers"] == 5
    assert "Kendall" in (tmp_path / "report.html").read_text()
