"""From a zoo and examples to a model that predicts, in both formats."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from synlearn.cli import app
from synlearn.zoo.adding import add_to_zoo
from synlearn.zoo.addition import Addition
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.formats.torch import to_bytes
from synlearn.zoo.model_folder import StandaloneModel
from tests.onnx_models import classifier, exported, file_of

MODEL = classifier("c", hidden=16)


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(own) for own in arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights in both formats."""
    folder = tmp_path_factory.mktemp("reuse")
    (folder / "graph.onnx").write_bytes(file_of(exported(MODEL, softmax=True)))
    (folder / "ours.safetensors").write_bytes(to_bytes(MODEL))
    for name in ("graph.onnx", "ours.safetensors"):
        add_to_zoo(folder / "zoo", Addition(folder / name, ("a", "b", "c")))
    return folder / "zoo"


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark and light pictures, eight of each, of other sizes than the models'."""
    folder = tmp_path_factory.mktemp("examples")
    random = np.random.default_rng(0)
    for name, level in (("dark", 50), ("light", 200)):
        (folder / name).mkdir()
        for number in range(8):
            pixels = random.integers(level - 40, level + 40, (40, 36, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.mark.parametrize("model", ["graph", "ours"])
def test_a_head_is_retrained_and_the_model_predicts(
    model: str, zoo: Path, examples: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    code, said = run("reuse", examples, "--model", model, "--zoo", zoo, "--out", out)
    assert code == 0, said
    assert f"{model}-reused for 2 classes is in" in said
    assert "Accuracy by cross-validation: 1.000 (95 % interval 0.794 to 1.000; 16 of 16" in said
    own = StandaloneModel.load(out)
    assert own.card.outputs == ("dark", "light")
    assert own.card.base_model == model
    assert own.card.license == "unknown"
    code, said = run("predict", out, examples / "light" / "0.png", examples / "dark", "--json")
    assert code == 0, said
    found = json.loads(said)
    assert [next(iter(row["classes"])) for row in found] == ["light"] + ["dark"] * 8
    assert all(sum(row["classes"].values()) == pytest.approx(1, abs=1e-5) for row in found)
    code, said = run("predict", out, examples / "light" / "0.png", "--top", "2")
    assert said.index("light │") < said.index("dark │")


def test_both_formats_of_one_model_give_the_same_predictions(
    zoo: Path, examples: Path, tmp_path: Path
) -> None:
    found = []
    for model in ("graph", "ours"):
        out = tmp_path / model
        assert run("reuse", examples, "--model", model, "--zoo", zoo, "--out", out)[0] == 0
        images = np.random.default_rng(1).random((5, 3, 32, 32), np.float32)
        found.append(StandaloneModel.load(out).probabilities(images))
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)


def test_a_reused_graph_leaves_the_former_head_out(
    zoo: Path, examples: Path, tmp_path: Path
) -> None:
    assert run("reuse", examples, "--model", "graph", "--zoo", zoo, "--out", tmp_path)[0] == 0
    card = StandaloneModel.load(tmp_path).card
    former = Zoo.open(zoo).card(ModelId("graph"))
    assert former.parameters - card.parameters == 16 + 1  # one class less
    assert card.graph is not None
    assert (card.graph.width, card.graph.probabilities) == (16, False)


def test_a_reused_model_can_go_into_a_zoo_and_be_reused(
    zoo: Path, examples: Path, tmp_path: Path
) -> None:
    assert run("reuse", examples, "--model", "graph", "--zoo", zoo, "--out", tmp_path / "a")[0] == 0
    classes = tmp_path / "classes.txt"
    classes.write_text("dark\nlight\n")
    file = tmp_path / "a" / "model.onnx"
    second = tmp_path / "second"
    code, said = run("zoo", "add", file, "--classes", classes, "--zoo", second, "--id", "again")
    assert code == 0, said
    out = tmp_path / "b"
    code, said = run("reuse", examples, "--model", "again", "--zoo", second, "--out", out)
    assert code == 0, said
    assert "16 of 16" in said


def test_all_weights_can_be_trained(zoo: Path, examples: Path, tmp_path: Path) -> None:
    options = ("--zoo", zoo, "--out", tmp_path, "--fine-tune", "--json")
    code, said = run("reuse", examples, "--model", "ours", *options)
    assert code == 0, said
    found = json.loads(said)
    assert found["classes"] == ["dark", "light"]
    assert found["accuracy"]["folds"] == 5
    assert found["accuracy"]["mean"] > 0.9
    own = StandaloneModel.load(tmp_path).model
    assert not np.array_equal(
        own.tensors["conv1.weight"],  # type: ignore[union-attr]
        MODEL.tensors["conv1.weight"],
    )
    code, said = run("reuse", examples, "--model", "graph", *options, "--overwrite")
    assert code == 2
    assert "cannot be fine-tuned here: only classifiers in safetensors" in said


def test_arrays_with_numbers_for_classes(zoo: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = random.random((9, 32, 32, 3), np.float32)
    images[4:] /= 3
    labels = np.array([0] * 4 + [2] * 5)
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    data, out = tmp_path / "data.npz", tmp_path / "out"
    options = ("--model", "ours", "--zoo", zoo, "--out", out)
    code, said = run("reuse", data, *options)
    assert code == 0, said
    assert StandaloneModel.load(out).card.outputs == ("0", "2")
    (tmp_path / "classes.txt").write_text("light\nunused\ndark\n")
    names = ("--classes", tmp_path / "classes.txt", "--overwrite")
    assert run("reuse", data, *options, *names)[0] == 0
    assert StandaloneModel.load(out).card.outputs == ("light", "dark")
    (tmp_path / "classes.txt").write_text("light\ndark\n")
    code, said = run("reuse", data, *options, *names)
    assert code == 2
    assert "lists 2 classes, and" in said


def test_one_example_of_each_class_gives_a_model_of_unknown_accuracy(
    zoo: Path, examples: Path, tmp_path: Path
) -> None:
    for name in ("dark", "light"):
        (tmp_path / "few" / name).mkdir(parents=True)
        source = (examples / name / "0.png").read_bytes()
        (tmp_path / "few" / name / "0.png").write_bytes(source)
    for more in ((), ("--fine-tune",)):
        options = ("--model", "ours", "--zoo", zoo, "--out", tmp_path / "out", "--overwrite", *more)
        code, said = run("reuse", tmp_path / "few", *options)
        assert code == 0, said
        assert "Its accuracy is unknown" in said


def test_mistakes_are_one_sentence(zoo: Path, examples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said = run("reuse", examples, "--model", "other", "--zoo", zoo, "--out", out)
    assert (code, "has no model 'other'" in said) == (2, True)
    code, said = run("reuse", examples / "dark", "--model", "ours", "--zoo", zoo, "--out", out)
    assert (code, "a folder of images for each class" in said) == (2, True)
    assert not out.exists()
    assert run("reuse", examples, "--model", "ours", "--zoo", zoo, "--out", out)[0] == 0
    code, said = run("reuse", examples, "--model", "ours", "--zoo", zoo, "--out", out)
    assert (code, "holds a model already" in said) == (2, True)
    code, said = run("predict", out, tmp_path / "nowhere.png")
    assert (code, "nowhere.png does not exist" in said) == (2, True)
    code, said = run("predict", zoo, examples)
    assert (code, "holds no model on its own" in said) == (2, True)
    with (out / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    code, said = run("predict", out, examples)
    assert (code, "is truncated or was changed" in said) == (2, True)


def test_export_writes_what_other_runtimes_read(zoo: Path, examples: Path, tmp_path: Path) -> None:
    for model, more, suffix in (
        ("graph", (), "onnx"),
        ("ours", (), "safetensors"),
        ("ours", ("--onnx",), "onnx"),
    ):
        out = tmp_path / f"{model}{''.join(more)}"
        code, said = run("zoo", "export", zoo, model, "--out", out, *more)
        assert code == 0, said
        assert sorted(own.name for own in out.iterdir()) == ["card.json", f"model.{suffix}"]
    images = np.random.default_rng(0).random((4, 3, 32, 32), np.float32)
    first, *others = (
        StandaloneModel.load(tmp_path / name).probabilities(images)
        for name in ("graph", "ours", "ours--onnx")
    )
    for other in others:
        np.testing.assert_allclose(first, other, atol=1e-5)
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(tmp_path / "ours--onnx" / "model.onnx")
    outputs = session.run(["head"], {"images": images})[0]
    np.testing.assert_allclose(outputs.argmax(axis=1), first.argmax(axis=1))
