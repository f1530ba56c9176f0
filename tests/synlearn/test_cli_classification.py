"""`synlearn rank` with an MRE model for classification, on the examples that are shipped."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from synlearn.cli import app
from synlearn.mre.backbone import Backbone, BackboneSpec
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.mre.model import Provenance
from synlearn.mre.storage import save_mre
from synlearn.zoo.class_specification import Generator, class_specifications_of
from tests.synlearn.zoo.mixed_zoo import mixed_zoo

EXAMPLES = Path(__file__).parents[2] / "examples" / "unseen-characters"


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of an untrained MRE model and of a zoo that it can rank."""
    folder = tmp_path_factory.mktemp("classification")
    specifications = class_specifications_of(mixed_zoo(folder / "zoo", 3, 1))
    generator = Generator.PROFILED
    width = specifications.vectors(generator)[0].shape[1]
    torch.manual_seed(0)
    model = ClassificationMRE(
        backbone=Backbone(BackboneSpec(width=2, features=6, channels=3)),
        metric=ClassificationMetric(
            ClassificationMetricSpec(6, width, width=4, hidden=5, members=2), torch.Generator()
        ).eval(),
        learned=LearnedTasks(torch.randn(4, 6), instance_variance=0.25),
        provenance=Provenance("job-1", 0, 5, 4, 4, specifications.source(generator)),
        generator=generator,
    )
    save_mre(model, folder / "mre")
    return folder / "mre", folder / "zoo"


def test_class_folders_are_ranked_for(learned: tuple[Path, Path]) -> None:
    mre, zoo = learned
    arguments = ["rank", str(EXAMPLES), "--mre", str(mre), "--zoo", str(zoo), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    ranking = json.loads(result.output)
    assert len({row["model"] for row in ranking["models"]}) == 4
    assert ranking["provenance"]["k"] == 2


def test_examples_without_classes_are_refused(learned: tuple[Path, Path], tmp_path: Path) -> None:
    mre, zoo = learned
    shutil.copy(next(EXAMPLES.glob("*/*.png")), tmp_path)
    result = CliRunner().invoke(app, ["rank", str(tmp_path), "--mre", str(mre), "--zoo", str(zoo)])
    assert result.exit_code == 2
    assert "label" in result.output
