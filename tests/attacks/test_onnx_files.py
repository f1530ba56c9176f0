"""What whoever hands a node, or an operator, an ONNX file can put into it; a test is an attack.

Each file is given to the loaders of this process, and to a worker, which has to outlive it.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from protocols.errors import Code, Refused
from protocols.ids import digest_of
from provider.models import ModelCache
from provider.sandbox.models import SandboxedModels
from provider.sandbox.process import ModelWorker, WorkerLimits
from synlearn.errors import InputError
from synlearn.zoo.adding import add_to_zoo
from synlearn.zoo.addition import Addition
from synlearn.zoo.formats.onnx import METADATA_KEY
from tests.onnx_models import classifier, exported, helper, images, kept, onnx

MODEL = classifier()
KEPT = kept(MODEL)
IMAGES = images(20)

Proto: TypeAlias = Any
"""A `ModelProto`."""
Change = Callable[[Proto], object]


@pytest.fixture(scope="module")
def worker() -> Iterator[ModelWorker]:
    """A short-tempered one."""
    own = ModelWorker(WorkerLimits(seconds=5, memory=160 * 2**20))
    yield own
    own.close()


@pytest.fixture(scope="module")
def models(worker: ModelWorker) -> SandboxedModels:
    return SandboxedModels(worker)


def changed(change: Change, file: bytes = KEPT) -> bytes:
    """A model as a zoo keeps it, changed afterwards."""
    model = onnx.ModelProto.FromString(file)
    change(model)
    data: bytes = model.SerializeToString()
    return data


def given(*files: bytes) -> dict[str, bytes]:
    return {digest_of(file): file for file in files}


def refused(file: bytes, models: SandboxedModels, why: str) -> None:
    """Both refuse it before anything runs, and the worker lives on."""
    files = given(file)
    starts = models.worker.starts
    for place in (ModelCache(), models):
        with pytest.raises(Refused, match=why) as caught:
            place.stack(tuple(files), files)
        assert caught.value.code is Code.MODEL_UNUSABLE
    assert models.worker.starts in (starts, starts or 1)


def works(models: SandboxedModels) -> None:
    files = given(KEPT)
    assert models.stack(tuple(files), files).predict(IMAGES).shape == (1, 20, 3)


def test_a_sound_model_gives_the_same_numbers_in_the_worker(models: SandboxedModels) -> None:
    files = given(KEPT, kept(classifier("b")), kept(classifier("c", 4)))
    here, there = (place.groups(tuple(files), files) for place in (ModelCache(), models))
    assert [own.positions.tolist() for own in here] == [[0, 1], [2]]
    for ours, theirs in zip(here, there, strict=True):
        assert ours.models.architecture == theirs.models.architecture
        np.testing.assert_array_equal(ours.models.predict(IMAGES), theirs.models.predict(IMAGES))
        np.testing.assert_array_equal(ours.models.features(IMAGES), theirs.models.features(IMAGES))
        first = theirs.models.select([0])
        np.testing.assert_array_equal(first.predict(IMAGES)[0], ours.models.predict(IMAGES)[0])


def _external(model: Proto, location: str) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    tensor.external_data.add(key="location", value=location)


@pytest.mark.parametrize("location", ["/etc/passwd", "../../secrets", "weights.bin"])
def test_weights_in_another_file(location: str, models: SandboxedModels) -> None:
    refused(changed(lambda own: _external(own, location)), models, "points to another file")


def test_weights_in_another_file_of_a_constant(models: SandboxedModels) -> None:
    tensor = onnx.TensorProto(name="t", data_type=1, dims=[1], data_location=1)
    tensor.external_data.add(key="location", value="/etc/passwd")
    node = onnx.NodeProto(op_type="Constant", output=["secret"])
    node.attribute.add(name="value", t=tensor, type=4)
    file = changed(lambda own: own.graph.node.insert(0, node))
    refused(file, models, "points to another file")


def test_weights_in_another_file_beside_weights_in_this_one(models: SandboxedModels) -> None:
    """Two readers may each take others."""

    def both(model: Proto) -> None:
        model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")

    refused(changed(both), models, "points to another file")


@pytest.mark.parametrize(
    ("domain", "operator"),
    [("com.attacker", "Relu"), ("com.microsoft", "FusedConv"), ("ai.onnx.ml", "TreeEnsemble")],
)
def test_an_operator_that_somebody_has_to_install(
    domain: str, operator: str, models: SandboxedModels
) -> None:
    def custom(model: Proto) -> None:
        model.opset_import.add(domain=domain, version=1)
        model.graph.node[1].domain = domain
        model.graph.node[1].op_type = operator

    refused(changed(custom), models, rf"the operator '{domain}\.{operator}'")

    def undeclared(model: Proto) -> None:
        model.graph.node[1].domain = domain
        model.graph.node[1].op_type = operator

    refused(changed(undeclared), models, rf"the operator '{domain}\.{operator}'")


@pytest.mark.parametrize("operator", ["RandomNormalLike", "ImageDecoder", "StringNormalizer", "No"])
def test_an_operator_off_the_list(operator: str, models: SandboxedModels) -> None:
    def exchange(model: Proto) -> None:
        model.graph.node[1].op_type = operator

    refused(changed(exchange), models, rf"the operator '{operator}', which models here may not")


def test_a_loop_that_never_ends(models: SandboxedModels) -> None:
    def loop(model: Proto) -> None:
        yes = helper.make_tensor("yes", 9, [], [True])
        body = helper.make_graph(
            [helper.make_node("Identity", ["go"], ["again"])],
            "body",
            [helper.make_tensor_value_info("i", 7, []), helper.make_tensor_value_info("go", 9, [])],
            [helper.make_tensor_value_info("again", 9, [])],
        )
        model.graph.initializer.append(yes)
        model.graph.node.insert(0, helper.make_node("Loop", ["", "yes"], [], body=body))

    refused(changed(loop), models, "with a graph of its own")


def test_functions_that_call_each_other(models: SandboxedModels) -> None:
    """Sixty of them, each twice the former: a graph of 10^18 operators."""

    def laughs(model: Proto) -> None:
        for number in range(60):
            before = f"f{number - 1}" if number else "Relu"
            node = helper.make_node(before, ["x"], ["y"], domain="own" if number else "")
            twice = helper.make_node(before, ["y"], ["z"], domain="own" if number else "")
            model.functions.append(
                helper.make_function(
                    "own", f"f{number}", ["x"], ["z"], [node, twice], list(model.opset_import)
                )
            )

    refused(changed(laughs), models, "functions of its own")


@pytest.mark.parametrize("dims", [[2**31, 2**31], [2**62], [-1], [1] * 20, [2**20, 2**20]], ids=str)
def test_a_tensor_that_claims_more_than_it_holds(dims: list[int], models: SandboxedModels) -> None:
    def claim(model: Proto) -> None:
        model.graph.initializer[0].dims[:] = dims

    refused(changed(claim), models, "claims|has the shape")


def test_a_tensor_in_two_fields_at_once(models: SandboxedModels) -> None:
    def truncated(model: Proto) -> None:
        model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]

    refused(changed(truncated), models, "claims")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(value: float, models: SandboxedModels) -> None:
    def poison(model: Proto) -> None:
        data = np.frombuffer(model.graph.initializer[0].raw_data, "<f4").copy()
        data[-1] = value
        model.graph.initializer[0].raw_data = data.tobytes()

    refused(changed(poison), models, "not finite")


def test_sparse_tensors_and_strings(models: SandboxedModels) -> None:
    refused(changed(lambda own: own.graph.sparse_initializer.add()), models, "sparse tensors")

    def text(model: Proto) -> None:
        model.graph.initializer.add(name="t", data_type=8, dims=[1], string_data=[b"x"])

    refused(changed(text), models, "of a type that models here do not have")


def _bomb(model: Proto, operator: str) -> None:
    """A few bytes that ask for a terabyte."""
    shape = helper.make_tensor("wanted", 7, [4], [1, 3, 2**19, 2**19])
    model.graph.initializer.append(shape)
    node = {
        "Expand": helper.make_node("Expand", ["images", "wanted"], ["large"]),
        "Resize": helper.make_node("Resize", ["images", "", "", "wanted"], ["large"]),
        "ConstantOfShape": helper.make_node("ConstantOfShape", ["wanted"], ["large"]),
    }[operator]
    model.graph.node.insert(0, node)
    model.graph.node.append(helper.make_node("ReduceMax", ["large"], ["unused"]))


@pytest.mark.parametrize("operator", ["Resize", "ConstantOfShape"])
def test_a_shape_that_fills_the_memory(operator: str, models: SandboxedModels) -> None:
    refused(changed(lambda own: _bomb(own, operator)), models, "numbers for one image; at most")


def test_a_bomb_that_no_shape_tells_of(models: SandboxedModels, tmp_path: Path) -> None:
    """Its size comes from the images, so that only a run shows it: in a worker, or in a trial."""

    def hidden(model: Proto) -> None:
        model.graph.initializer.extend(
            [
                helper.make_tensor("huge", 1, [], [2.0**21]),
                helper.make_tensor("zero", 1, [], [0.0]),
                helper.make_tensor("many", 7, [2], [1, 1]),
            ]
        )
        model.graph.node.extend(
            [
                helper.make_node("ReduceMax", ["head"], ["top"], keepdims=0),
                helper.make_node("Mul", ["top", "zero"], ["nothing"]),
                helper.make_node("Add", ["nothing", "huge"], ["size"]),
                helper.make_node("Cast", ["size"], ["whole"], to=7),
                helper.make_node("Mul", ["many", "whole"], ["wanted"]),
                helper.make_node("ConstantOfShape", ["wanted"], ["large"]),
                helper.make_node("ReduceMax", ["large"], ["one"], keepdims=0),
                helper.make_node("Mul", ["one", "zero"], ["none"]),
                helper.make_node("Add", ["head", "none"], ["sum"]),
            ]
        )
        model.graph.output[0].name = "sum"

    file = changed(hidden)
    model = onnx.ModelProto.FromString(file)
    entry = next(own for own in model.metadata_props if own.key == METADATA_KEY)
    entry.value = entry.value.replace('"output": "head"', '"output": "sum"')
    file = model.SerializeToString()
    files = given(file)
    stack = models.stack(tuple(files), files)
    with pytest.raises(Refused) as caught:
        stack.predict(IMAGES)
    assert caught.value.code is Code.MODEL_UNUSABLE
    works(models)
    path = tmp_path / "bomb.onnx"
    raw = exported(MODEL)
    hidden(raw)
    path.write_bytes(raw.SerializeToString())
    with pytest.raises(InputError, match=r"cannot be run|ended its trial"):
        add_to_zoo(tmp_path / "zoo", Addition(path, ("a", "b", "c"), features="relu4"))
    assert not (tmp_path / "zoo").exists()


def test_a_model_that_hangs(models: SandboxedModels) -> None:
    """A chain of products, each legal: minutes for a few images."""

    def slow(model: Proto) -> None:
        square = onnx.numpy_helper.from_array(np.zeros((1024, 1024), np.float32), "square")
        model.graph.initializer.append(square)
        model.graph.initializer.append(helper.make_tensor("spread", 7, [4], [1, 1, 512, 1024]))
        nodes = [
            helper.make_node("ReduceMean", ["images"], ["m0"], axes=[1, 2, 3]),
            helper.make_node("Expand", ["m0", "spread"], ["p0"]),
        ]
        nodes += [
            helper.make_node("MatMul", [f"p{i}", "square"], [f"p{i + 1}"]) for i in range(400)
        ]
        nodes += [
            helper.make_node("ReduceMean", ["p400"], ["m1"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Unsqueeze", ["m1", "axis"], ["column"]),
            helper.make_node("Add", ["head", "column"], ["sum"]),
        ]
        model.graph.initializer.append(helper.make_tensor("axis", 7, [1], [1]))
        model.graph.node.extend(nodes)
        model.graph.output[0].name = "sum"
        entry = next(own for own in model.metadata_props if own.key == METADATA_KEY)
        entry.value = entry.value.replace('"output": "head"', '"output": "sum"')

    works(models)
    file = changed(slow)
    files = given(file)
    stack = models.stack(tuple(files), files)
    starts = models.worker.starts
    with pytest.raises(Refused, match="took longer than 5 s") as caught:
        stack.predict(IMAGES)
    assert caught.value.code is Code.MODEL_UNUSABLE
    works(models)
    assert models.worker.starts == starts + 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"width": 5', '"width": 1099511627776'),
        ('"classes": 3', '"classes": -3'),
        ('"features": "relu4"', '"features": "nowhere"'),
        ('"layout": "NCHW"', '"layout": "CHNW"'),
        ('"batch": null', '"batch": 0'),
        ('"std": [1.0, 1.0, 1.0]', '"std": [0.0, 1.0, 1.0]'),
        ('"format"', '"surprise": 1, "format"'),
        ('"format"', '"format": "other", "format"'),
        ('"shape": [3, 32, 32]', '"shape": [3, 32768, 32768]'),
    ],
)
def test_metadata_that_lies(old: str, new: str, models: SandboxedModels) -> None:
    def lie(model: Proto) -> None:
        entry = next(own for own in model.metadata_props if own.key == METADATA_KEY)
        assert old in entry.value
        entry.value = entry.value.replace(old, new, 1)

    refused(changed(lie), models, "format|cannot be used|do not fit together|numbers for one image")


@pytest.mark.parametrize("text", [b"relu4", b'"format"', b"head.weight", b"Gemm"])
def test_texts_that_are_none(text: bytes, models: SandboxedModels) -> None:
    """Found by fuzzing: protobuf hands bytes out where a text is not UTF-8."""
    refused(KEPT.replace(text, b"\xff" + text[1:]), models, "cannot be read as an ONNX model")


def test_metadata_that_is_there_twice(models: SandboxedModels) -> None:
    refused(changed(lambda own: own.metadata_props.append(own.metadata_props[0])), models, "format")


def test_files_that_are_cut_or_changed_anywhere(models: SandboxedModels) -> None:
    """Any error but a refusal would end the worker's loop, or this process."""
    random = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(KEPT)
        for place in random.integers(1, len(data), 3).tolist():
            data[place] = int(random.integers(256))
        file = bytes(data[: int(random.integers(9, len(data) + 1))])
        files = given(file)
        for place in (ModelCache(), models):
            with contextlib.suppress(Refused, InputError):
                place.stack(tuple(files), files).predict(IMAGES[:1])
    works(models)


def test_a_name_that_is_longer_than_any_and_a_graph_of_very_many_nodes(
    models: SandboxedModels,
) -> None:
    def long(model: Proto) -> None:
        model.graph.node[0].name = "n" * 10_000

    refused(changed(long), models, "a name of 10000 characters")

    def many(model: Proto) -> None:
        model.graph.node.extend([helper.make_node("Relu", ["head"], [""])] * 20_001)

    refused(changed(many), models, "at most 20000 of each")


def test_without_the_package_every_onnx_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    files = given(KEPT)
    with pytest.raises(Refused, match=r"synlearn\[onnx\]") as caught:
        ModelCache().stack(tuple(files), files)
    assert caught.value.code is Code.MODEL_UNUSABLE


def test_the_runtime_tells_nobody_anything(tmp_path: Path) -> None:
    """Later releases than those we ask for open a database at home and a thread that uploads."""
    code = (
        "import os; from synlearn.extras import optional; optional('onnxruntime');"
        "print(len(os.listdir('/proc/self/task')), os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1"]
    assert not list(tmp_path.iterdir())
