"""Converts a Keras or TensorFlow model to ONNX; run by path, in an environment that has TensorFlow.

`python keras_conversion.py KIND SOURCE OUT SIZE`: KIND is `keras` or `saved_model`, SIZE such as
224x224, or `-` where the model says. It imports nothing of this package, so that the environment
needs TensorFlow and tf2onnx only. On standard output comes one JSON object: versions, or `problem`,
a sentence.
"""

import json
import os
import sys
from typing import Any

OPSET = 17
_FORBIDDEN = ("PyFunc", "EagerPyFunc", "PyFuncStateless", "ReadFile", "WriteFile", "MatchingFiles")
"""Operators that touch files or call Python; a model needs none."""


class ConversionError(Exception):
    """The model cannot be converted; the text says why and what to do."""


def main(kind: str, source: str, out: str, size: str) -> dict[str, str]:
    """Convert a model; returns versions of the libraries that did."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    try:
        import keras  # noqa: PLC0415
        import tensorflow  # noqa: PLC0415
        import tf2onnx  # noqa: PLC0415
    except ImportError as error:
        raise ConversionError(
            f"the package {error.name} is missing in {sys.executable}; install the extra with "
            "`pip install 'synlearn[tensorflow]'`, or name an environment that has TensorFlow and "
            "tf2onnx with --python"
        ) from error
    sides = None if size == "-" else [int(side) for side in size.split("x")]
    if kind == "keras":
        call, spec = _of_keras(keras, tensorflow, source)
    else:
        call, spec = _of_saved_model(tensorflow, source)
    shape = _shape(spec.shape, sides)
    signature = [tensorflow.TensorSpec((None, *shape), spec.dtype, name="images")]
    function = tensorflow.function(call, input_signature=signature)
    tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET, output_path=out)
    versions = {"keras": keras, "tensorflow": tensorflow, "tf2onnx": tf2onnx}
    return {name: str(module.__version__) for name, module in versions.items()}


def _of_keras(keras: Any, tensorflow: Any, source: str) -> tuple[Any, Any]:  # noqa: ANN401
    if keras.backend.backend() != "tensorflow":
        raise ConversionError("Keras runs on another backend than TensorFlow; unset KERAS_BACKEND")
    model = keras.saving.load_model(source, compile=False, safe_mode=True)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ConversionError("the model has more than one input or output; save one that has one")
    (given,) = model.inputs
    return lambda images: model(images, training=False), tensorflow.TensorSpec(
        given.shape, given.dtype
    )


def _of_saved_model(tensorflow: Any, source: str) -> tuple[Any, Any]:  # noqa: ANN401
    _check_operators(tensorflow, source)
    loaded = tensorflow.saved_model.load(source)
    signatures = list(loaded.signatures)
    if "serving_default" not in signatures:
        raise ConversionError(
            f"it has no signature 'serving_default' (but {signatures}); save it with one"
        )
    function = loaded.signatures["serving_default"]
    inputs = function.structured_input_signature[1]
    if len(inputs) != 1 or len(function.structured_outputs) != 1:
        raise ConversionError("the model has more than one input or output; save one that has one")
    ((name, spec),) = inputs.items()

    def call(images: Any) -> Any:  # noqa: ANN401
        # `function` needs `loaded`, which holds the variables.
        return next(iter((loaded and function(**{name: images})).values()))

    return call, spec


def _check_operators(tensorflow: Any, source: str) -> None:  # noqa: ANN401
    """Refuse a graph that touches files or calls Python, before anything of it is loaded."""
    from tensorflow.core.protobuf import saved_model_pb2  # noqa: PLC0415

    saved = saved_model_pb2.SavedModel()
    with tensorflow.io.gfile.GFile(os.path.join(source, "saved_model.pb"), "rb") as file:  # noqa: PTH118
        saved.ParseFromString(file.read())
    for part in saved.meta_graphs:
        nodes = [*part.graph_def.node]
        for function in part.graph_def.library.function:
            nodes += function.node_def
        for node in nodes:
            if node.op in _FORBIDDEN or "Dataset" in node.op:
                raise ConversionError(
                    f"its graph has the operator {node.op}, which touches files or calls Python; "
                    "do not use it"
                )


def _shape(known: Any, sides: list[int] | None) -> tuple[int | None, ...]:  # noqa: ANN401
    """Height, width and channels of an image, or in another order where the model has another."""
    axes = [None if axis is None else int(axis) for axis in known][1:]
    if len(axes) == 3 and sides is not None:
        places = [0, 1] if axes[0] not in (1, 3) else [1, 2]
        for place, side in zip(places, sides, strict=True):
            axes[place] = axes[place] or side
    return tuple(axes)


if __name__ == "__main__":
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not get into the answer
    try:
        said = main(*sys.argv[1:])
    except ConversionError as error:
        said = {"problem": str(error)}
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0][:300]
        said = {"problem": f"it cannot be converted ({type(error).__name__}: {reason})"}
    with answer:
        json.dump(said, answer)
