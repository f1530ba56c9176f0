import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from synlearn.errors import InputError
from synlearn.mre.isolated_model import IsolatedMRE
from synlearn.mre.storage import BACKBONE, INDEX, METRIC, load_mre, mre_digest, save_mre
from tests.mre_models import mre_model

FILES = (INDEX, BACKBONE, METRIC)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_mre(mre_model(), tmp_path / "mre")
    return tmp_path / "mre"


def test_a_model_survives_the_folder(saved: Path) -> None:
    model, back = mre_model(), load_mre(saved)
    assert isinstance(back, IsolatedMRE)
    assert back.provenance == model.provenance
    assert back.metric.spec == model.metric.spec
    assert back.learned.instance_variance == model.learned.instance_variance
    assert torch.equal(back.learned.means, model.learned.means)
    features, specifications = torch.randn(2, 6), torch.randn(5, 7)
    one, other = (m.member_scores(features, specifications) for m in (model, back))
    assert one.tobytes() == other.tobytes()


def test_saved_again_every_byte_is_the_same(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert save_mre(load_mre(saved), again) == mre_digest(saved) == mre_digest(again)
    assert content(again) == content(saved)
    assert set(content(saved)) == set(FILES)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    assert len({save_mre(mre_model(), tmp_path / str(number)) for number in range(10)}) == 1


def test_the_digest_stands_for_all_of_it(tmp_path: Path) -> None:
    assert save_mre(mre_model(0), tmp_path / "0") != save_mre(mre_model(1), tmp_path / "1")


def test_a_model_takes_the_place_of_another(saved: Path) -> None:
    save_mre(mre_model(1), saved)
    assert load_mre(saved).provenance.seed == 1
    assert set(content(saved)) == set(FILES)


def damage(folder: Path, name: str, spoil: Callable[[bytes], bytes | None]) -> None:
    data = spoil((folder / name).read_bytes())
    if data is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(data)


def error(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_mre(folder)
    return str(caught.value)


@pytest.mark.parametrize("name", [BACKBONE, METRIC])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: data + b"\0",
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: b"\x80\x04K\x01.",
    ],
    ids=["truncated", "empty", "longer", "one bit", "a pickle"],
)
def test_a_changed_file_is_named(
    name: str, spoil: Callable[[bytes], bytes | None], saved: Path
) -> None:
    damage(saved, name, spoil)
    assert error(saved) == (
        f"{saved / name} is truncated or was changed; copy the MRE model again."
    )


@pytest.mark.parametrize("name", [BACKBONE, METRIC])
def test_a_missing_file_is_named(name: str, saved: Path) -> None:
    damage(saved, name, lambda _: None)
    assert error(saved) == f"{saved / name} is missing; copy the whole folder of the MRE model."


def test_a_folder_without_a_model_is_named(saved: Path, tmp_path: Path) -> None:
    damage(saved, INDEX, lambda _: None)
    for folder in (saved, tmp_path / "nowhere", saved / METRIC):
        assert error(folder).startswith(
            f"{folder} is not an MRE model: it has no readable mre.json"
        )


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"nonsense"])
def test_a_damaged_index_is_named(text: bytes, saved: Path) -> None:
    damage(saved, INDEX, lambda _: text)
    assert error(saved) == f"{saved / INDEX} is damaged; copy the model again."


@pytest.mark.parametrize("text", [b"[]", b"null", b"{}", b'{"format": "synlearn-mre/3"}'])
def test_another_format_is_named(text: bytes, saved: Path) -> None:
    damage(saved, INDEX, lambda _: text)
    assert error(saved) == (
        f"{saved / INDEX} is not in the format synlearn-mre/2; learn the model again."
    )


@pytest.mark.parametrize(
    "change",
    [
        {"files": {}},
        {"files": []},
        {"metric": {}},
        {"metric": None},
        {"provenance": {"job": "x"}},
        {"instance_variance": "much"},
        {"instance_variance": None},
    ],
)
def test_an_index_that_cannot_be_understood_is_named(
    change: dict[str, object], saved: Path
) -> None:
    index = json.loads((saved / INDEX).read_text())
    (saved / INDEX).write_text(json.dumps(index | change))
    assert error(saved).startswith(f"{saved} holds an MRE model that this version cannot read")


def test_shapes_that_do_not_fit_are_named(saved: Path) -> None:
    index = json.loads((saved / INDEX).read_text())
    index["metric"]["hidden"] = 9
    (saved / INDEX).write_text(json.dumps(index))
    assert "cannot read" in error(saved)


def test_what_is_not_wholly_written_is_not_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index comes last, and each file is whole or absent."""
    written: list[str] = []

    def stop_at_the_index(path: Path, data: bytes) -> None:
        if path.name == INDEX:
            raise OSError("the disk is full")
        written.append(path.name)
        path.write_bytes(data)

    monkeypatch.setattr("synlearn.mre.storage.write_atomically", stop_at_the_index)
    with pytest.raises(OSError, match="the disk is full"):
        save_mre(mre_model(), tmp_path / "mre")
    assert sorted(written) == [BACKBONE, METRIC]
    assert "it has no readable mre.json" in error(tmp_path / "mre")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("metric", "hidden"), 10**12),
        (("metric", "members"), 0),
        (("metric", "hidden"), 8.0),
        (("metric", "distance"), "as the crow flies"),
        (("instance_variance",), 10**400),
        (("instance_variance",), float("nan")),
        (("provenance", "k"), "ten"),
    ],
)
def test_an_index_that_says_what_cannot_be(
    place: tuple[str, ...], value: object, saved: Path
) -> None:
    """A size is looked at before anything of that size is made."""
    index = json.loads((saved / INDEX).read_text())
    section = index if len(place) == 1 else index[place[0]]
    section[place[-1]] = value
    (saved / INDEX).write_text(json.dumps(index))
    assert "cannot read" in error(saved)


def test_an_index_without_end_is_damaged(saved: Path) -> None:
    damage(saved, INDEX, lambda _: b"[" * 20_000)
    assert "is damaged" in error(saved)


@pytest.mark.parametrize("name", ["learned.means", "metric.task_mean"])
def test_a_metric_of_what_is_no_number(name: str, saved: Path) -> None:
    tensors = load_file(saved / METRIC)
    tensors[name].view(-1)[0] = torch.nan
    save_file(tensors, saved / METRIC)
    index = json.loads((saved / INDEX).read_text())
    index["files"][METRIC] = hashlib.sha256((saved / METRIC).read_bytes()).hexdigest()
    (saved / INDEX).write_text(json.dumps(index))
    assert "cannot read" in error(saved)
