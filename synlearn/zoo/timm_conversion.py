"""Makes ONNX of the weights of a model of timm; run by path, in an environment that has timm.

`python timm_conversion.py NAME SOURCE OUT CLASSES SIZE`: NAME as timm knows it, SOURCE safetensors,
SIZE such as 224x224, or `-` for the one that timm says. It imports nothing of this package. On
standard output comes one JSON object: versions, and timm's own `mean`, `std`; or `problem`, a
sentence.
"""

import json
import os
import sys
from typing import Any

OPSET = 17


class ConversionError(Exception):
    """The model cannot be converted; the text says why and what to do."""


def main(name: str, source: str, out: str, classes: str, size: str) -> dict[str, Any]:
    """Convert a model; returns versions of the libraries that did, and its normalisation."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # weights come from the file, and nothing from elsewhere
    timm, torch = _imported()
    from safetensors.torch import load_file  # noqa: PLC0415

    if name not in timm.list_models():
        raise ConversionError(
            f"timm {timm.__version__} has no model {name!r}; timm.list_models() names them"
        )
    model = timm.create_model(name, pretrained=False, num_classes=int(classes)).eval()
    try:
        model.load_state_dict(load_file(source), strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ConversionError(
            f"its tensors are not those of timm's {name} with {classes} classes ({reason})"
        ) from error
    known = timm.data.resolve_model_data_config(model)
    channels, *sides = known["input_size"]
    if size != "-":
        sides = [int(side) for side in size.split("x")]
    torch.onnx.export(
        model,
        (torch.zeros(2, channels, *sides),),
        out,
        dynamo=False,
        opset_version=OPSET,
        input_names=["images"],
        output_names=["classes"],
        dynamic_axes={"images": {0: "n"}, "classes": {0: "n"}},
    )
    versions = {"timm": timm.__version__, "torch": torch.__version__}
    return {
        **{library: str(version) for library, version in versions.items()},
        "mean": ",".join(map(str, known["mean"])),
        "std": ",".join(map(str, known["std"])),
    }


def _imported() -> tuple[Any, Any]:
    try:
        import torch  # noqa: PLC0415

        try:
            import torchvision  # noqa: F401, PLC0415 - timm does
        except RuntimeError:
            # The registry's torchvision is built for another torch than the one for CPUs. Its
            # compiled part does not load, and what describes its operators finds none. timm needs
            # none of them, so that it is enough if they have names.
            for module in [own for own in sys.modules if own.split(".")[0] == "torchvision"]:
                del sys.modules[module]
            names = torch.library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                names.define(
                    f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                )
            _KEPT.append(names)
        import timm  # noqa: PLC0415
    except ImportError as error:
        raise ConversionError(
            f"the package {error.name} is missing in {sys.executable}; install the extra with "
            "`pip install 'synlearn[timm]'`, or name an environment that has timm with --python"
        ) from error
    return timm, torch


_KEPT: list[Any] = []
"""Definitions last as long as the object that made them."""


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
