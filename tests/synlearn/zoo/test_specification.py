import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from synlearn.errors import InputError
from synlearn.zoo.anchors import AnchorSet, sprite_anchors
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.formats.torch import METADATA_KEY, ModelFile, from_bytes, to_bytes
from synlearn.zoo.specification import FLOOR, SPECIFICATIONS, specifications_of
from synlearn.zoo.stacked import StackedModels
from tests.models import model_file
from tests.synlearn.zoo.small_zoo import exchange_file, small_zoo


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    return small_zoo(tmp_path / "zoo")


def watch_predictions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Note which models are run."""
    ran: list[tuple[str, ...]] = []
    predict = StackedModels.predict

    def watched(models: StackedModels, images: np.ndarray) -> np.ndarray:
        ran.append(models.ids)
        return predict(models, images)

    monkeypatch.setattr(StackedModels, "predict", watched)
    return ran


def test_a_specification_is_how_far_the_model_is_off_on_each_anchor(zoo: Zoo) -> None:
    anchors = sprite_anchors()
    specifications = specifications_of(zoo)
    assert specifications.ids == zoo.ids
    assert anchors.digest in specifications.anchors
    assert specifications.vectors.dtype == np.float32
    batch = torch.from_numpy(anchors.images[:, None]).float()
    for model, vector in zip(zoo, specifications.vectors, strict=True):
        error = ((zoo.load(model)(batch).detach().numpy() - anchors.targets) ** 2).sum(axis=1)
        np.testing.assert_allclose(vector, np.log(error + FLOOR), atol=1e-4)


def test_they_are_computed_once_and_a_new_model_alone(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = watch_predictions(monkeypatch)
    first = specifications_of(zoo)
    np.testing.assert_array_equal(specifications_of(zoo).vectors, first.vectors)
    assert ran == [zoo.ids]
    grown = small_zoo(zoo.root, domains=(3, 40, 612, 700))
    again = specifications_of(grown)
    assert ran == [zoo.ids, grown.ids[-1:]]
    np.testing.assert_array_equal(again.vectors[:3], first.vectors)


def test_a_changed_model_or_anchor_set_is_never_mistaken(zoo: Zoo) -> None:
    first = specifications_of(zoo)
    zoo = exchange_file(zoo, 40, model_file("another"))
    changed = specifications_of(zoo)
    assert (changed.vectors == first.vectors).all(axis=1).tolist() == [True, False, True]
    anchors = sprite_anchors()
    few = AnchorSet(anchors.images[:5], anchors.targets[:5], "another digest")
    assert specifications_of(zoo, few).vectors.shape == (3, 5)


def test_the_file_has_the_same_bytes_each_time(zoo: Zoo, tmp_path: Path) -> None:
    specifications_of(zoo)
    again = small_zoo(tmp_path / "again")
    specifications_of(again)
    assert (again.root / SPECIFICATIONS).read_bytes() == (zoo.root / SPECIFICATIONS).read_bytes()


def test_a_damaged_file_is_made_again(zoo: Zoo) -> None:
    first = specifications_of(zoo)
    path = zoo.root / SPECIFICATIONS
    for data in (b"", path.read_bytes()[:-1]):
        path.write_bytes(data)
        np.testing.assert_array_equal(specifications_of(zoo).vectors, first.vectors)
    stored = load_file(path)
    # What holds a NaN is as good as none, and so is another length.
    stored[zoo.model_digest(zoo.ids[0])][7] = np.nan
    stored[zoo.model_digest(zoo.ids[1])] = np.zeros(5, np.float32)
    save_file(stored, path, {"anchors": first.anchors})
    # One model run alone instead of three together: equal up to rounding.
    np.testing.assert_allclose(specifications_of(zoo).vectors, first.vectors, atol=1e-4)


def test_a_folder_that_cannot_be_written_to_serves_as_well(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, data: bytes) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("synlearn.zoo.specification.write_atomically", refused)
    assert specifications_of(zoo).vectors.shape == (3, 256)
    assert not (zoo.root / SPECIFICATIONS).exists()


def test_a_model_whose_outputs_overflow_is_named(zoo: Zoo) -> None:
    model = from_bytes(model_file("x"), "x")
    tensors = {name: torch.full_like(tensor, 1e30) for name, tensor in model.tensors.items()}
    changed = exchange_file(zoo, 40, to_bytes(ModelFile(model.architecture, tensors)))
    with pytest.raises(InputError, match="Model dsprites-040-square-s1-o00 gives outputs that are"):
        specifications_of(changed)


def test_a_selection_follows_the_ids(zoo: Zoo) -> None:
    specifications = specifications_of(zoo)
    picked = specifications.select([zoo.ids[2], zoo.ids[0]])
    assert picked.ids == (zoo.ids[2], zoo.ids[0])
    np.testing.assert_array_equal(picked.vectors, specifications.vectors[[2, 0]])


def test_metadata_has_one_entry() -> None:
    """With two, the library would write them in a random order."""
    header = json.loads(model_file("a")[8 : 8 + int.from_bytes(model_file("a")[:8], "little")])
    assert list(header["__metadata__"]) == [METADATA_KEY]
