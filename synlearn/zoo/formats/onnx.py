"""ONNX models of a zoo: one graph, whose metadata says how images go in and what comes out.

A model comes into a zoo through `normal_form`: the tensor of features becomes an output, and the
file's metadata has one entry, `synlearn`, a JSON object of everything needed to run it. So the
file alone makes a model, at a provider as well, and its digest stands for all of it. Nothing in it
is imported; `onnx_safety.py` says what is refused.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from synlearn.errors import InputError
from synlearn.extras import optional
from synlearn.zoo.formats.input_format import InputFormat
from synlearn.zoo.formats.onnx_ends import Ends, Layout, width_of
from synlearn.zoo.formats.onnx_safety import parse_model
from synlearn.zoo.formats.onnx_shapes import shapes_of
from synlearn.zoo.networks import ONNX, OnnxNetwork, network
from synlearn.zoo.records import RecordError, parse_record

FORMAT: Final = "synlearn-onnx/1"
METADATA_KEY: Final = "synlearn"
_TILE: Final = 2**22
"""Numbers of images that are shown at a time: 16 MB."""
_TINY: Final = 1e-30
_GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""Of ITU-R BT.601, as image libraries turn colours into grey."""

Float32 = NDArray[np.float32]
Images = NDArray[np.floating] | NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class OnnxHeader:
    """How a graph is run; its entry of the metadata.

    Attributes:
        format: `FORMAT`.
        images: Name of the input.
        layout: Order of its axes.
        batch: Images at a time: 1, or None for any number.
        input: What images look like.
        output: Name of the tensor with a number for each class.
        classes: How many those are.
        probabilities: Those are probabilities already.
        features: Name of the tensor with the features.
        width: How many those are.
    """

    format: str
    images: str
    layout: str
    batch: int | None
    input: InputFormat
    output: str
    classes: int
    probabilities: bool
    features: str
    width: int

    @property
    def network(self) -> OnnxNetwork:
        """The model from outside; raises InputError for absurd sizes."""
        own = OnnxNetwork(self.input.shape, self.classes, self.width)
        network(ONNX, own.hyperparameters)
        return own


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """A checked model; its session is made at the first run."""

    data: bytes
    header: OnnxHeader
    network: OnnxNetwork
    where: str

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401  # the package is optional
        runtime = optional("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.use_deterministic_compute = True
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return runtime.InferenceSession(self.data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of its own, by cause
            raise self._unusable("cannot be loaded by ONNX Runtime", error) from error

    def run(self, images: Images) -> tuple[Float32, Float32]:
        """Show images to the model.

        Args:
            images: (n, channels, height, width) in [0, 1], of any size: they are resized
                (bilinear, averaging where they shrink), and colours become grey or grey colours
                where the model takes the other.

        Returns:
            (n, classes) logits, or logarithms of probabilities where the model gives those, so that
            a softmax makes the probabilities of both; and (n, width) features.

        Raises:
            InputError: It cannot be run, or gives other shapes than its header says.
        """
        outputs = np.empty((len(images), self.header.classes), np.float32)
        features = np.empty((len(images), self.header.width), np.float32)
        start = 0
        for part in self._parts(images):
            rows = slice(start, start + len(part))
            outputs[rows], features[rows] = self._run_part(part)
            start += len(part)
        return outputs, features

    def measured_width(self) -> int:
        """Return how many features an image has; raises InputError where they are no vector."""
        part = next(self._parts(np.zeros((1, *self.network.input_shape), np.float32)))
        try:
            (found,) = self._session.run([self.header.features], {self.header.images: part})
        except InputError:
            raise
        except Exception as error:
            raise self._unusable("cannot be run", error) from error
        width = width_of(tuple(np.shape(found)))
        if width is None:
            raise InputError(
                f"{self.where}: its tensor {self.header.features[:80]!r} has the shape "
                f"{np.shape(found)} for an image; features are one vector, so name a tensor after "
                "the pooling with --features."
            )
        return width

    def _parts(self, images: Images) -> Iterator[Float32]:
        """Images as the model takes them, some at a time."""
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise InputError(
                f"Models take images shaped (n, channels, height, width) of 1 or 3 channels, not "
                f"{tuple(images.shape)}; convert the images first."
            )
        channels, height, width = self.network.input_shape
        step = self.header.batch or max(1, min(256, _TILE // (channels * height * width)))
        form = self.header.input
        mean, std = (np.array(own, np.float32)[:, None, None] for own in (form.mean, form.std))
        for first in range(0, len(images), step):
            part = np.ascontiguousarray(images[first : first + step], np.float32)
            part = _with_channels(part, channels)
            if part.shape[2:] != (height, width):
                part = functional.interpolate(
                    torch.from_numpy(part), (height, width), mode="bilinear", antialias=True
                ).numpy()
            part = (form.low + part * np.float32(form.high - form.low) - mean) / std
            if self.header.layout == Layout.NHWC:
                part = part.transpose(0, 2, 3, 1)
            yield np.ascontiguousarray(part, np.float32)

    def _run_part(self, part: Float32) -> tuple[Float32, Float32]:
        wanted = [self.header.output, self.header.features]
        try:
            said, features = self._session.run(wanted, {self.header.images: part})
        except InputError:
            raise
        except Exception as error:
            raise self._unusable("cannot be run", error) from error
        outputs = self._vector(said, len(part), self.header.classes, "class outputs")
        if self.header.probabilities:
            outputs = np.log(np.maximum(outputs, np.float32(_TINY)))
        return outputs, self._vector(features, len(part), self.header.width, "features")

    def _vector(self, array: Any, count: int, width: int, what: str) -> Float32:  # noqa: ANN401
        if not isinstance(array, np.ndarray) or array.size != count * width:
            shape = getattr(array, "shape", ())
            raise InputError(
                f"{self.where} gives {what} of shape {tuple(shape)} for {count} image(s), not "
                f"({count}, {width}); export the model again, for batches of any size."
            )
        return np.ascontiguousarray(array.reshape(count, width), np.float32)

    def _unusable(self, what: str, error: Exception) -> InputError:
        reason = (str(error).splitlines() or [""])[0][:200]
        return InputError(f"{self.where} {what} ({reason}); export the model again.")


def normal_form(model: Any, ends: Ends, form: InputFormat, sizes: tuple[int, int]) -> bytes:  # noqa: ANN401
    """Return a checked model as the bytes that a zoo keeps; the same model gives the same bytes.

    Args:
        model: A `ModelProto`; it is changed.
        ends: Its ends.
        form: What its images look like.
        sizes: Numbers of classes and features.
    """
    onnx = optional("onnx")
    graph = model.graph
    if ends.features not in {own.name for own in graph.output}:
        axes = [None] * len(ends.shapes.get(ends.features, (None, None)))
        graph.output.append(onnx.helper.make_tensor_value_info(ends.features, 1, axes))
    header = OnnxHeader(
        FORMAT,
        images=ends.images,
        layout=str(ends.layout),
        batch=ends.batch,
        input=form,
        output=ends.output,
        classes=sizes[0],
        probabilities=ends.probabilities,
        features=ends.features,
        width=sizes[1],
    )
    del graph.value_info[:]
    del model.metadata_props[:]
    model.metadata_props.add(key=METADATA_KEY, value=json.dumps(asdict(header), sort_keys=True))
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def from_bytes(data: bytes, where: str) -> OnnxFile:
    """Parse a model file of a zoo.

    Args:
        data: The file.
        where: Names it in error messages.

    Raises:
        InputError: The package onnx is missing; or the file is not a model that `synlearn zoo add`
            wrote, or holds what no model may hold.
    """
    model = parse_model(data, where)
    header = _header(model, where)
    try:
        described = header.network
    except InputError as error:
        raise InputError(f"{where} cannot be used: {error}") from error
    names = {own.name for own in model.graph.output}
    if header.output not in names or header.features not in names:
        raise _foreign(where)
    channels, height, width = described.input_shape
    one = (channels, height, width) if header.layout == Layout.NCHW else (height, width, channels)
    shapes_of(model, header.images, (1, *one), where)
    return OnnxFile(data, header, described, where)


def _header(model: Any, where: str) -> OnnxHeader:  # noqa: ANN401
    entries = [own.value for own in model.metadata_props if own.key == METADATA_KEY]
    if len(entries) != 1:
        raise _foreign(where)
    try:
        header = parse_record(OnnxHeader, entries[0].encode())
    except (RecordError, UnicodeError) as error:
        raise _foreign(where) from error
    known = header.format == FORMAT and header.layout in list(Layout) and header.batch in (None, 1)
    if not known or not header.input.is_sound:
        raise _foreign(where)
    return header


def _with_channels(images: Float32, channels: int) -> Float32:
    own = images.shape[1]
    if own == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=1)
    return np.tensordot(images, _GREY, axes=(1, 0))[:, None]


def _foreign(where: str) -> InputError:
    return InputError(
        f"{where} is not an ONNX model of format {FORMAT!r}, the one this version reads; bring it "
        "into a zoo with `synlearn zoo add`."
    )
