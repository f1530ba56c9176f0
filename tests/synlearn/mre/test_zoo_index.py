"""An index of a zoo on disk gives what the MRE model gives, and is refused where it was changed."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from synlearn.datasets.examples import Examples, ImageShape
from synlearn.datasets.loading import load_examples
from synlearn.errors import InputError
from synlearn.mre import zoo_index_file
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.zoo_index import segments_of
from synlearn.mre.zoo_index_file import INDEX, index_zoo, open_index
from synlearn.zoo.catalog import Zoo
from tests.synlearn.untrained_folders import untrained_folders

EXAMPLES = Path(__file__).parents[3] / "examples" / "unseen-characters"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClassificationMRE, Zoo]:
    mre, zoo = untrained_folders(tmp_path_factory.mktemp("index"))
    return ClassificationMRE.load(mre), Zoo.open(zoo)


@pytest.fixture(scope="module")
def task() -> Examples:
    return load_examples(EXAMPLES, ImageShape(3, 32, 32))


@pytest.fixture
def folder(
    made: tuple[ClassificationMRE, Zoo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An index of four models in segments of three at most."""
    monkeypatch.setattr(zoo_index_file, "segments_of", lambda ids: segments_of(ids, 3))
    index_zoo(*made, tmp_path / "index")
    assert len(list((tmp_path / "index").glob("*.safetensors"))) == 2
    return tmp_path / "index"


@pytest.mark.parametrize("threads", [1, 2])
def test_it_ranks_as_the_model_does(
    made: tuple[ClassificationMRE, Zoo], folder: Path, task: Examples, threads: int
) -> None:
    model, zoo = made
    index = open_index(model, folder, threads=threads, verify=True)
    assert len(index) == len(zoo)
    found = index.rank(task.images, task.named_labels)
    wanted = model.rank(task.images, task.named_labels, zoo)
    assert found.provenance == wanted.provenance
    assert found.warning == wanted.warning
    assert [row.model for row in found] == [row.model for row in wanted]
    for own, other in zip(found, wanted, strict=True):
        assert own.score == pytest.approx(other.score, abs=1e-4)
        assert own.low == pytest.approx(other.low, abs=1e-3)
    one, all_of_them = index.compare(task.images, task.labels), model.compare(
        task.images, task.labels, zoo
    )  # fmt: skip
    np.testing.assert_allclose(one.distances, all_of_them.distances, atol=1e-5)


def test_segments_hold_every_model_once() -> None:
    for count in (0, 1, 3, 999, 1000, 1001, 2500):
        ids = [str(number) for number in range(count)]
        parts = list(segments_of(ids))
        assert [place for part in parts for place in part] == list(range(count))
        assert all(0 < len(part) <= 1000 for part in parts)
        assert max((len(part) for part in parts), default=0) <= 1 + min(
            (len(part) for part in parts), default=0
        )


def test_mistakes_of_callers_are_those_of_the_model(
    made: tuple[ClassificationMRE, Zoo], folder: Path, task: Examples
) -> None:
    index = open_index(made[0], folder)
    with pytest.raises(InputError, match="give a label for each"):
        index.rank(task.images, None)
    with pytest.raises(InputError, match="takes images of 3"):
        index.rank(task.images[:, :1], task.labels)


def test_an_index_for_another_model_is_refused(
    made: tuple[ClassificationMRE, Zoo], folder: Path
) -> None:
    content = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(content | {"mre": "0" * 64}))
    with pytest.raises(InputError, match="for another MRE model"):
        open_index(made[0], folder)


def test_no_index_and_half_an_index_are_told(
    made: tuple[ClassificationMRE, Zoo], folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="holds no whole index"):
        open_index(made[0], tmp_path / "nothing")
    next(folder.glob("*.safetensors")).unlink()
    with pytest.raises(InputError, match=r"segment-\d+.safetensors is missing"):
        open_index(made[0], folder)


def test_changed_numbers_are_found_by_their_digest(
    made: tuple[ClassificationMRE, Zoo], folder: Path
) -> None:
    path = next(folder.glob("*.safetensors"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="was changed"):
        open_index(made[0], folder, verify=True)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [("starts", (0, 0), 1), ("starts", (0, 1), 10**6), ("starts", (0, 1), -1), ("places", 0, 99)],
)
def test_places_that_do_not_exist_are_refused_even_unverified(
    made: tuple[ClassificationMRE, Zoo],
    folder: Path,
    name: str,
    place: int | tuple[int, int],
    value: int,
) -> None:
    path = folder / "segment-00000.safetensors"
    tensors = load_file(path)
    tensors[name][place] = value
    save_file(tensors, path)
    with pytest.raises(InputError, match="cannot be read or was changed"):
        open_index(made[0], folder)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"segments": []},
        {"segments": [{"file": "../../x", "bytes": 1, "sha256": "", "models": 1}]},
        {"models": ["a"]},
        {"models": 5},
    ],
)
def test_a_damaged_list_is_refused(
    made: tuple[ClassificationMRE, Zoo], folder: Path, change: dict[str, object]
) -> None:
    content = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(content | change))
    with pytest.raises(InputError, match="make it again"):
        open_index(made[0], folder)
