"""A stranger's model on its way into a zoo, and what a zoo with it is good for."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file
from typer.testing import CliRunner

from synlearn.errors import InputError
from synlearn.fennec.zoo_graphs import zoo_graphs
from synlearn.strategies.candidate import candidates_of
from synlearn.zoo import adding
from synlearn.zoo.adding import add_to_zoo
from synlearn.zoo.addition import Addition, Pixels, read_classes
from synlearn.zoo.card import ModelCard, ModelId
from synlearn.zoo.catalog import Zoo, model_path
from synlearn.zoo.class_specification import CLASS_SPECIFICATIONS, class_specifications_of
from synlearn.zoo.cli import zoo_app
from synlearn.zoo.features import zoo_features
from synlearn.zoo.formats.torch import to_bytes
from synlearn.zoo.shown_shape import shown_shape
from synlearn.zoo.trial import TrialLimits, try_model
from tests.onnx_models import classifier, exported, file_of, images, kept

CLASSES = ("ant", "bee", "cat")
MODEL = classifier()


def addition(path: Path, **more: object) -> Addition:
    return replace(Addition(path, CLASSES, license="mit"), **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """A zoo with the same weights in both formats."""
    folder = tmp_path_factory.mktemp("twins")
    (folder / "graph.onnx").write_bytes(file_of(exported(MODEL)))
    (folder / "ours.safetensors").write_bytes(to_bytes(MODEL))
    add_to_zoo(folder / "zoo", addition(folder / "graph.onnx"))
    add_to_zoo(folder / "zoo", addition(folder / "ours.safetensors"))
    return Zoo.open(folder / "zoo")


def test_both_formats_of_one_model_are_described_alike(twins: Zoo) -> None:
    graph, ours = (twins.card(model) for model in twins)
    assert (graph.id, ours.id) == ("graph", "ours")
    assert (graph.file_format, ours.file_format) == ("onnx", "safetensors")
    assert graph.parameters == ours.parameters == MODEL.architecture.parameter_count()
    assert graph.outputs == ours.outputs == CLASSES
    assert graph.license == ours.license == "mit"
    assert graph.graph is not None
    assert (graph.graph.features, graph.graph.width, graph.graph.layers) == ("relu4", 5, 5)
    assert graph.origin is not None
    assert graph.origin.file == "graph.onnx"
    assert [problem for _, problem in twins.verify()] == [None, None]
    for card in (graph, ours):
        assert ModelCard.from_json(card.to_json(), "card") == card


def test_operations_are_counted_as_those_of_our_own_networks_are(twins: Zoo) -> None:
    operations = pytest.importorskip("coordinator.estimate.operations")
    graph = twins.card(ModelId("graph")).graph
    assert graph is not None
    expected = operations.operations_of_architecture(MODEL.architecture)
    assert graph.operations == expected


def test_they_have_the_same_specification_features_and_graph(twins: Zoo) -> None:
    kept_before = (twins.root / CLASS_SPECIFICATIONS).read_bytes()
    found = class_specifications_of(twins)
    assert (twins.root / CLASS_SPECIFICATIONS).read_bytes() == kept_before
    np.testing.assert_allclose(found.probabilities[0], found.probabilities[1], atol=2e-3)
    np.testing.assert_allclose(found.profiles[0], found.profiles[1], atol=0.05)
    graph, ours = zoo_features(twins, images())
    np.testing.assert_allclose(graph, ours, rtol=1e-4, atol=1e-5)
    shapes = zoo_graphs(twins)
    assert sorted(shapes[ModelId("graph")].types) == sorted(shapes[ModelId("ours")].types)
    one, other = candidates_of(twins)
    assert (one.layers, one.feature_width) == (other.layers, other.feature_width) == (5, 5)


def test_an_id_is_taken_once(twins: Zoo, tmp_path: Path) -> None:
    again = addition(tmp_path / "other.onnx", model=ModelId("graph"))
    again.file.write_bytes(file_of(exported(classifier("b"))))
    index = (twins.root / "zoo.json").read_bytes()
    with pytest.raises(InputError, match=r"has a model 'graph' already.*--overwrite"):
        add_to_zoo(twins.root, again)
    assert (twins.root / "zoo.json").read_bytes() == index


def test_a_model_can_be_exchanged_for_one_of_another_format(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(file_of(exported(MODEL)))
    (tmp_path / "m.safetensors").write_bytes(to_bytes(MODEL))
    for name in ("m.safetensors", "m.onnx", "m.safetensors"):
        add_to_zoo(tmp_path / "zoo", addition(tmp_path / name), overwrite=True)
        zoo = Zoo.open(tmp_path / "zoo")
        assert model_path(zoo.root, ModelId("m")).name == name
        assert [problem for _, problem in zoo.verify()] == [None]
        assert len(list((zoo.root / "models").iterdir())) == 2


def test_a_model_that_is_refused_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(file_of(exported(MODEL))[:-1])
    with pytest.raises(InputError, match="truncated"):
        add_to_zoo(tmp_path / "zoo", addition(tmp_path / "m.onnx"))
    assert not (tmp_path / "zoo").exists()


def test_plain_weights_without_an_architecture_of_ours_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    save_file(dict(MODEL.tensors), path)
    with pytest.raises(InputError, match=r"names no architecture of this version.*ONNX"):
        add_to_zoo(tmp_path / "zoo", addition(path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.pt", b"PK\x03\x04", "is a pickle, or may hold one.*safetensors"),
        ("m.pth", b"\x80\x02", "is a pickle, or may hold one"),
        ("pytorch_model.bin", b"anything", "is a pickle, or may hold one"),
        ("m.onnx", b"\x80\x04\x95", "is a pickle, or may hold one"),
        ("m.h5", b"\x89HDF\r\n\x1a\n", "old HDF5 kind.*model.keras"),
        ("m.txt", b"hello", "is no model that a zoo takes"),
        ("m.onnx", b"hello", "cannot be read as an ONNX model"),
        ("m.safetensors", b"hello", "truncated or not a safetensors file"),
    ],
)
def test_files_that_are_no_models(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        add_to_zoo(tmp_path / "zoo", addition(tmp_path / name))
    assert not (tmp_path / "zoo").exists()


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"without a saved_model\.pb"):
        add_to_zoo(tmp_path / "zoo", addition(tmp_path))
    with pytest.raises(InputError, match="cannot be read"):
        add_to_zoo(tmp_path / "zoo", addition(tmp_path / "nowhere.onnx"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\nb\na\n", "lists 'a' twice"),
        ("a\n\nb", "line 2: a class needs a name"),
        ("a\n", "lists 1 class"),
        ("a\nb\x07\n", "line 2: a class needs a name"),
        ("a\n\udcff", "no text in UTF-8"),
    ],
)
def test_lists_of_classes_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=message):
        read_classes(path)


def test_a_list_of_classes_with_a_mark_and_foreign_line_ends(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes(b"\xef\xbb\xbfant\r\nbig bee\r\n")
    assert read_classes(tmp_path / "classes.txt") == ("ant", "big bee")


def test_the_first_run_is_limited() -> None:
    pictures = np.zeros((3, 32, 32, 3), np.uint8)
    answer = try_model(kept(MODEL), pictures, "the model")
    assert (answer.logits.shape, answer.features.shape) == ((3, 3), (3, 5))
    with pytest.raises(InputError, match=r"ended its trial with|bad allocation|memory"):
        try_model(kept(MODEL), pictures, "the model", TrialLimits(memory=2**16))
    with pytest.raises(InputError, match="the model is not an ONNX model of format"):
        try_model(file_of(exported(MODEL)), pictures, "the model")


def test_outputs_that_are_not_finite_are_found_in_the_trial(tmp_path: Path) -> None:
    def explode(model: object) -> None:
        for tensor in model.graph.initializer:  # type: ignore[attr-defined]
            if tensor.name.endswith("weight"):
                count = int(np.prod(tensor.dims))
                tensor.raw_data = np.full(count, 3e38, np.float32).tobytes()

    (tmp_path / "m.onnx").write_bytes(file_of(exported(MODEL), explode))
    with pytest.raises(InputError, match="not finite on ordinary pictures"):
        add_to_zoo(tmp_path / "zoo", addition(tmp_path / "m.onnx"))


def test_our_own_architectures_have_pixels_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(to_bytes(MODEL))
    with pytest.raises(InputError, match=r"takes pixels in .*leave --pixels"):
        add_to_zoo(tmp_path / "zoo", addition(tmp_path / "m.safetensors", pixels=Pixels.IMAGENET))


def test_images_are_of_the_shape_that_our_own_networks_take(twins: Zoo) -> None:
    cards = [twins.card(model) for model in twins]
    large = replace(cards[0], input=replace(cards[0].input, shape=(3, 224, 224)))
    assert shown_shape([large, cards[1]]) == (3, 32, 32)
    assert shown_shape([large]) == (3, 224, 224)
    assert shown_shape([large, cards[0]]) == (3, 32, 32)


def test_the_command_says_what_it_understood(tmp_path: Path) -> None:
    (tmp_path / "my model.onnx").write_bytes(file_of(exported(MODEL, softmax=True)))
    (tmp_path / "classes.txt").write_text("ant\nbee\ncat\n")
    arguments = ["add", tmp_path / "my model.onnx", "--classes", tmp_path / "classes.txt"]
    arguments += [
        "--zoo",
        tmp_path / "zoo",
        "--mean",
        "0.5",
        "--std",
        "0.25",
        "--dataset",
        "made-up",
    ]
    result = CliRunner().invoke(zoo_app, [str(own) for own in arguments])
    assert result.exit_code == 0, result.output
    assert "Added my-model to" in result.output
    assert "less 0.5, over 0.25" in result.output
    assert "holds probabilities, tensor relu4 its 5 features" in result.output
    assert "licence is unknown" in result.output
    shown = CliRunner().invoke(zoo_app, ["show", str(tmp_path / "zoo"), "my-model"])
    assert json.loads(shown.output)["datasets"] == ["made-up"]
    assert (tmp_path / "zoo" / adding.LOCK).exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mean", "a,b"], "is no numbers"),
        (["--mean", "1,2"], "has 2 numbers for 3 channel"),
        (["--std", "0"], "deviations above 0"),
        (["--size", "-3"], "is no size"),
        (["--id", "../up"], "gives a model the id"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, options: list[str], message: str) -> None:
    (tmp_path / "m.onnx").write_bytes(file_of(exported(MODEL)))
    (tmp_path / "classes.txt").write_text("ant\nbee\ncat\n")
    arguments = ["add", str(tmp_path / "m.onnx"), "--classes", str(tmp_path / "classes.txt")]
    arguments += ["--zoo", str(tmp_path / "zoo"), *options]
    result = CliRunner().invoke(zoo_app, arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "zoo").exists()
