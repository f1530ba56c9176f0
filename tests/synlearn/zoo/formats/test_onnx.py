"""An ONNX model computes what the same model in our own format computes."""

import numpy as np
import pytest
import torch
from PIL import Image

from synlearn.errors import InputError
from synlearn.zoo.features import penultimate_features
from synlearn.zoo.formats import any_format, onnx
from synlearn.zoo.formats.any_format import FileFormat, format_of
from synlearn.zoo.formats.input_format import InputFormat
from synlearn.zoo.formats.onnx import normal_form
from synlearn.zoo.formats.onnx_ends import Layout, Wishes, find_ends
from synlearn.zoo.formats.onnx_example import tiny_model
from synlearn.zoo.formats.torch import to_bytes
from synlearn.zoo.stacked import StackedModels
from tests.onnx_models import classifier, exported, helper, images, kept

MODEL = classifier()
IMAGES = images()


def close(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "how", [{}, {"batch": 1}, {"nhwc": True}, {"softmax": True}], ids=lambda how: str([*how])
)
def test_it_gives_the_outputs_and_features_of_the_same_weights(how: dict[str, bool]) -> None:
    stack = StackedModels.of(["a"], [MODEL])
    outputs, features = onnx.from_bytes(kept(MODEL, **how), "m").run(IMAGES)
    expected = torch.from_numpy(stack.predict(IMAGES)[0])
    if not how.get("softmax"):
        close(outputs, expected.numpy())
    close(torch.from_numpy(outputs).softmax(1).numpy(), expected.softmax(1).numpy())
    close(features, penultimate_features(stack, IMAGES)[0])


def test_pixels_are_normalised_as_the_file_says() -> None:
    graph = exported(MODEL)
    ends = find_ends(graph, Wishes(3), "m")
    form = InputFormat((3, 32, 32), -1.0, 1.0, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    outputs, _ = onnx.from_bytes(normal_form(graph, ends, form, (3, 5)), "m").run(IMAGES)
    mean, std = (np.array(own, np.float32)[:, None, None] for own in (form.mean, form.std))
    prepared = (2 * IMAGES - 1 - mean) / std
    close(outputs, StackedModels.of(["a"], [MODEL]).predict(prepared)[0])


def test_images_of_another_size_are_resized_as_image_files_are() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (50, 44, 3), dtype=np.uint8)
    resized = Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR)
    large, small = (
        np.asarray(own, np.float32).transpose(2, 0, 1)[None] / 255 for own in (pixels, resized)
    )
    model = onnx.from_bytes(kept(MODEL), "m")
    np.testing.assert_allclose(model.run(large)[0], model.run(small)[0], atol=2e-3)


def test_a_grey_image_is_one_of_three_equal_channels() -> None:
    model = onnx.from_bytes(kept(MODEL), "m")
    grey = IMAGES[:, :1]
    close(model.run(grey)[0], model.run(np.repeat(grey, 3, axis=1))[0])
    with pytest.raises(InputError, match="of 1 or 3 channels, not"):
        model.run(IMAGES[:, :2])


def test_many_images_go_through_in_parts_and_none_at_all_as_well() -> None:
    model = onnx.from_bytes(tiny_model(side=200), "m")
    many = images(80, side=20)
    outputs, features = model.run(many)
    close(outputs, np.concatenate([model.run(many[i : i + 1])[0] for i in range(80)]))
    assert (outputs.shape, features.shape) == ((80, 2), (80, 3))
    assert model.run(many[:0])[0].shape == (0, 2)


def test_the_format_is_told_by_the_first_bytes() -> None:
    ours, graph = to_bytes(MODEL), kept(MODEL)
    assert format_of(ours) is FileFormat.SAFETENSORS
    assert format_of(graph) is FileFormat.ONNX
    header = b'{"__metadata__":{}}' + b" " * (0x108 - 19)
    assert format_of(len(header).to_bytes(8, "little") + header) is FileFormat.SAFETENSORS
    assert isinstance(any_format.from_bytes(graph, "m"), onnx.OnnxFile)
    assert any_format.from_bytes(ours, "m").architecture == MODEL.architecture  # type: ignore[union-attr]


def test_the_same_model_gives_the_same_bytes() -> None:
    assert kept(MODEL) == kept(MODEL)
    assert kept(MODEL) != kept(classifier("b"))


def test_a_file_that_did_not_come_through_a_zoo_is_refused() -> None:
    with pytest.raises(InputError, match="bring it into a zoo with `synlearn zoo add`"):
        onnx.from_bytes(exported(MODEL).SerializeToString(), "m")


def test_a_graph_that_says_more_than_it_gives_is_refused_when_it_runs() -> None:
    graph = exported(MODEL)
    ends = find_ends(graph, Wishes(3), "m")
    form = InputFormat((3, 32, 32), 0.0, 1.0, (0.0,) * 3, (1.0,) * 3)
    model = onnx.from_bytes(normal_form(graph, ends, form, (3, 9)), "m")
    with pytest.raises(InputError, match=r"gives features of shape \(4, 5\) for 4 image"):
        model.run(IMAGES)


def test_ends_are_found_in_a_graph_with_a_head_in_parts() -> None:
    """MatMul and Add, with a dropout and a temperature about them, as Keras exporters write."""
    graph = exported(MODEL)
    head = graph.graph.node.pop()
    assert head.op_type == "Gemm"
    weight = next(own for own in graph.graph.initializer if own.name == "head.weight")
    turned = np.frombuffer(weight.raw_data, np.float32).reshape(weight.dims).T
    weight.dims[:] = turned.shape
    weight.raw_data = turned.tobytes()
    half = helper.make_tensor("half", 1, [], [0.5])
    graph.graph.initializer.append(half)
    graph.graph.node.extend(
        [
            helper.make_node("Identity", ["relu4"], ["same"]),
            helper.make_node("MatMul", ["same", "head.weight"], ["product"]),
            helper.make_node("Add", ["head.bias", "product"], ["sum"]),
            helper.make_node("Mul", ["sum", "half"], ["cooled"]),
            helper.make_node("Softmax", ["cooled"], ["head"]),
        ]
    )
    ends = find_ends(graph, Wishes(3), "m")
    assert (ends.features, ends.output, ends.probabilities) == ("relu4", "head", True)
    assert ends.width == 5


def test_what_whoever_adds_it_says_comes_first() -> None:
    ends = find_ends(exported(MODEL), Wishes(3, features="relu4", output="head"), "m")
    assert (ends.features, ends.layout) == ("relu4", Layout.NCHW)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (Wishes(4), r"no output of 4 numbers an image.*\(it has head: \(3,\)\)"),
        (Wishes(3, output="other"), "has no output 'other'; it has head"),
        (Wishes(3, features="other"), r"computes no tensor 'other'.*such as .*relu4"),
        (Wishes(3, features="conv1"), r"tensor 'conv1' has the shape \(2, 16, 16\) for an image"),
        (Wishes(3, size=(64, 64)), "32 x 32 pixels, not 64 x 64; leave --size out"),
        (Wishes(3, layout=Layout.NHWC), "do not stand as in NHWC; leave --layout out"),
    ],
)
def test_what_cannot_be_is_one_sentence(wishes: Wishes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_ends(exported(MODEL), wishes, "m")


def test_a_graph_without_a_linear_layer_at_the_end_has_no_features_of_itself() -> None:
    graph = exported(MODEL)
    graph.graph.node.append(helper.make_node("Relu", ["head"], ["positive"]))
    graph.graph.output[0].name = "positive"
    with pytest.raises(InputError, match=r"does not end in a linear layer.*--features"):
        find_ends(graph, Wishes(3), "m")
    assert find_ends(graph, Wishes(3, features="relu4"), "m").width == 5


def test_a_sigmoid_is_no_choice_of_one_class() -> None:
    graph = exported(MODEL)
    graph.graph.node.append(helper.make_node("Sigmoid", ["head"], ["each"]))
    graph.graph.output[0].name = "each"
    with pytest.raises(InputError, match="ends in a sigmoid"):
        find_ends(graph, Wishes(3), "m")


def test_an_open_size_and_a_batch_of_many_are_asked_about() -> None:
    graph = exported(MODEL)
    for axis in (2, 3):
        graph.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"side{axis}"
    with pytest.raises(InputError, match=r"leaves the size of images open.*--size"):
        find_ends(graph, Wishes(3), "m")
    assert find_ends(graph, Wishes(3, size=(32, 32)), "m").shape == (3, 32, 32)
    with pytest.raises(InputError, match="takes 4 images at a time"):
        find_ends(exported(MODEL, batch=4), Wishes(3), "m")
