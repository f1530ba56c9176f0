"""Makes the libraries load at once what they load at first use: later no file can be opened."""

import contextlib

import numpy as np
import torch

from provider.sandbox.operations import Operations
from provider.sandbox.wire import Array, Header, Message
from synlearn.errors import InputError
from synlearn.extras import optional
from synlearn.mre.backbone import BACKBONES, Backbone, BackboneSpec, save_backbone
from synlearn.zoo.architectures import Architecture, architecture
from synlearn.zoo.formats.onnx_example import tiny_model
from synlearn.zoo.formats.torch import ModelFile, to_bytes

_SMALL = (
    architecture("sprite-cnn", {"widths": (2, 2, 2), "hidden": 4}),
    architecture("picture-cnn", {"widths": (2, 2, 2), "hidden": 4, "classes": 2}),
)


def warm_up() -> None:
    """Do a little of everything that there is to do, also with files that are none."""
    for network in _SMALL:
        for images in _both_orders(np.zeros((24, *network.input_shape), np.float32)):
            _try_models(_model(network), images)
    for name in BACKBONES:
        file = save_backbone(Backbone(BackboneSpec(name, channels=3, width=2, features=4)))
        for precision in ("float32", "float64"):
            for images in _both_orders(np.zeros((4, 3, 32, 32), precision)):
                _try_backbone(file, images)
    for file in _graphs():
        for images in _both_orders(np.zeros((24, 3, 32, 32), np.float32)):
            _try_models(file, images)
    for operation in ("load_models", "load_backbone"):
        for broken in (b"", _model(_SMALL[0])[:-1], b"\2" + bytes(7) + b"{}", b"\x08\x08"):
            with contextlib.suppress(InputError):
                _run(Operations(), {"op": operation, "digests": ["x"]}, [_bytes(broken)])


def _graphs() -> tuple[bytes, ...]:
    """An ONNX model, where there is what runs it; without, every such model is refused later."""
    try:
        optional("onnxruntime")
        return (tiny_model(),)
    except InputError:
        return ()


def _try_models(file: bytes, images: Array) -> None:
    done = Operations()
    _run(done, {"op": "load_models", "digests": ["x", "y"]}, [_bytes(file)] * 2)
    for operation in ("predict", "features"):
        for rows in (None, [1]):
            _run(done, {"op": operation, "group": 0, "rows": rows}, [images])
    _run(done, {"op": "forget"}, [])


def _try_backbone(file: bytes, images: Array) -> None:
    done, precision = Operations(), images.dtype.name
    grouped = images.reshape(2, 2, *images.shape[1:])
    _run(done, {"op": "load_backbone"}, [_bytes(file)])
    _run(done, {"op": "embed", "precision": precision}, [images])
    _run(done, {"op": "hinge_gradient", "margin": 0.5}, [grouped])
    wanted = {"op": "local_update", "margin": 0.5, "rate": 0.1, "precision": precision}
    _run(done, wanted, [], [grouped])


def _run(
    operations: Operations, header: Header, arrays: list[Array], batches: list[Array] | None = None
) -> None:
    operations.run(Message({"handle": 0, **header}, tuple(arrays)), iter(batches or ()))


def _both_orders(images: Array) -> tuple[Array, Array]:
    """Images with channels first, and with channels last in memory."""
    last = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    return images, last.transpose(0, 3, 1, 2)


def _model(network: Architecture) -> bytes:
    shapes = network.tensor_shapes()
    return to_bytes(
        ModelFile(network, {name: torch.zeros(*shape) for name, shape in shapes.items()})
    )


def _bytes(data: bytes) -> Array:
    return np.frombuffer(data, np.uint8)
