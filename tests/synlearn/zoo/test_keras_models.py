"""Keras and TensorFlow models: what is refused before TensorFlow sees it, and real conversions.

The latter need TensorFlow, in an environment of its own: `./run test-tensorflow` makes one.
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from synlearn.errors import InputError
from synlearn.zoo.adding import add_to_zoo
from synlearn.zoo.addition import Addition
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.features import zoo_features
from synlearn.zoo.foreign_files import Kind, kind_of
from synlearn.zoo.formats.onnx import OnnxFile
from synlearn.zoo.keras_models import check_keras_file, convert

PYTHON = os.environ.get("SYNLEARN_TENSORFLOW", "")
needs_tensorflow = pytest.mark.skipif(
    not PYTHON, reason="needs TensorFlow: ./run test-tensorflow makes an environment with it"
)
CLASSES = ("a", "b", "c", "d")
MAKE = """
import sys, numpy as np, keras, tensorflow as tf
folder = sys.argv[1]
keras.utils.set_random_seed(0)
layers = keras.layers
model = keras.Sequential([
    keras.Input((32, 32, 3)), layers.Conv2D(8, 3, strides=2, activation="relu"),
    layers.BatchNormalization(), layers.GlobalAveragePooling2D(), layers.Dropout(0.2),
    layers.Dense(16, activation="relu", name="penultimate"), layers.Dense(4, activation="softmax"),
])
model.save(folder + "/plain.keras")
model.export(folder + "/saved", verbose=False)
images = np.load(folder + "/images.npy")
body = keras.Model(model.inputs, model.get_layer("penultimate").output)
np.savez(folder + "/expected.npz", classes=model(images), features=body(images))
opened = keras.Sequential([keras.Input((None, None, 3)), *model.layers])
opened.save(folder + "/open.keras")
keras.Sequential([keras.Input((32, 32, 3)), layers.Lambda(lambda x: x), *model.layers]).save(
    folder + "/lambda.keras")
class Reader(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 3))])
    def __call__(self, x):
        read = tf.strings.length(tf.io.read_file("p"))
        return tf.zeros((tf.shape(x)[0], 4)) + tf.cast(read, "float32")
reader = Reader()
tf.saved_model.save(reader, folder + "/reader", signatures=reader.__call__)
"""


def keras_file(path: Path, config: object, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", "{}")
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def layer(name: str, module: str | None = "keras.layers", **more: object) -> dict[str, object]:
    return {"class_name": name, "module": module, "config": {"name": "x"}, **more}


def test_a_sound_configuration_passes(tmp_path: Path) -> None:
    config = layer("Sequential", "keras", config={"layers": [layer("Dense"), layer("ReLU")]})
    path = keras_file(tmp_path / "m.keras", config)
    assert kind_of(path) is Kind.KERAS
    check_keras_file(path)


@pytest.mark.parametrize(
    ("hostile", "message"),
    [
        (layer("Lambda"), "has a layer Lambda, which runs code"),
        (layer("TFSMLayer"), "has a layer TFSMLayer"),
        (layer("TorchModuleWrapper"), "has a layer TorchModuleWrapper"),
        (layer("system", "os"), r"names os\.system, which is no part of Keras"),
        (layer("function", "builtins"), r"names builtins\.function"),
        (layer("Dense", "keras_evil.layers"), r"names keras_evil\.layers\.Dense"),
        (layer("Own", None, registered_name="package>Own"), "no part of Keras"),
    ],
)
def test_a_configuration_that_names_code_is_refused(
    hostile: dict[str, object], message: str, tmp_path: Path
) -> None:
    """At any depth, and before any library of Keras looks at it."""
    deep = layer("Sequential", "keras", config={"layers": [layer("Dense", activation=[hostile])]})
    for number, config in enumerate((hostile, deep)):
        path = keras_file(tmp_path / f"{number}.keras", config)
        with pytest.raises(InputError, match=message):
            add_to_zoo(tmp_path / "zoo", Addition(path, CLASSES, python=Path("/nowhere")))


def test_archives_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unpacks to"):
        check_keras_file(_bomb(tmp_path / "bomb.keras"))
    twice = tmp_path / "twice.keras"
    with zipfile.ZipFile(twice, "w") as archive:
        archive.writestr("config.json", '{"module": "os", "module": "keras", "class_name": "x"}')
    with pytest.raises(InputError, match="is damaged"):
        check_keras_file(twice)
    pickled = keras_file(tmp_path / "m.keras", {}, **{"data.pkl": b""})
    with pytest.raises(InputError, match="is a pickle, or may hold one"):
        kind_of(pickled)


def _bomb(path: Path) -> Path:
    """An entry that claims two gigabytes."""
    keras_file(path, {}, weights=b"0123456789")
    data = path.read_bytes()
    size = (10).to_bytes(4, "little")
    place = data.rindex(size + size, 0, data.rindex(b"weights"))
    path.write_bytes(data[: place + 4] + (2**31 - 1).to_bytes(4, "little") + data[place + 8 :])
    return path


def test_an_environment_without_tensorflow_is_named(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "m.keras", layer("Dense"))
    with pytest.raises(InputError, match=r"cannot be run .*name a Python interpreter"):
        convert(path, Kind.KERAS, python=tmp_path / "python")
    check = "import importlib.util as u; raise SystemExit(u.find_spec('tensorflow') is None)"
    if subprocess.run([sys.executable, "-c", check], check=False).returncode:  # noqa: S603
        with pytest.raises(InputError, match=r"is missing in .*synlearn\[tensorflow\]"):
            convert(path, Kind.KERAS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What TensorFlow saved, and what it computed."""
    folder = tmp_path_factory.mktemp("keras")
    images = np.random.default_rng(0).random((5, 32, 32, 3), np.float32)
    np.save(folder / "images.npy", images)
    subprocess.run([PYTHON, "-c", MAKE, str(folder)], check=True, capture_output=True)  # noqa: S603
    return folder


@needs_tensorflow
@pytest.mark.parametrize(
    ("name", "size"), [("plain.keras", None), ("saved", None), ("open.keras", (32, 32))]
)
def test_a_zoo_computes_what_tensorflow_computed(
    made: Path, tmp_path: Path, name: str, size: tuple[int, int] | None
) -> None:
    addition = Addition(made / name, CLASSES, size=size, python=Path(PYTHON))
    card = add_to_zoo(tmp_path / "zoo", addition)
    assert (card.library_name, card.file_format) == ("keras", "onnx")
    assert set(card.versions) == {"keras", "tensorflow", "tf2onnx"}
    assert card.graph is not None
    assert (card.graph.layout, card.graph.width, card.graph.probabilities) == ("NHWC", 16, True)
    zoo = Zoo.open(tmp_path / "zoo")
    images = np.load(made / "images.npy").transpose(0, 3, 1, 2)
    with np.load(made / "expected.npz") as expected:
        file = zoo.read(card.id)
        assert isinstance(file, OnnxFile)
        np.testing.assert_allclose(np.exp(file.run(images)[0]), expected["classes"], atol=1e-5)
        features = zoo_features(zoo, images)[0]
        np.testing.assert_allclose(features, expected["features"], rtol=1e-4, atol=1e-5)


@needs_tensorflow
def test_real_files_that_run_code_are_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has a layer Lambda"):
        add_to_zoo(tmp_path, Addition(made / "lambda.keras", CLASSES, python=Path(PYTHON)))
    with pytest.raises(InputError, match="the operator ReadFile, which touches files"):
        add_to_zoo(tmp_path, Addition(made / "reader", CLASSES, python=Path(PYTHON)))
    assert not (tmp_path / "zoo.json").exists()
