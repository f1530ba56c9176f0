"""Weights of models of timm, which needs an environment of its own."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from synlearn.errors import InputError
from synlearn.zoo.adding import add_to_zoo
from synlearn.zoo.addition import Addition
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.formats.onnx import OnnxFile
from synlearn.zoo.formats.torch import to_bytes
from tests.onnx_models import classifier

PYTHON = os.environ.get("SYNLEARN_TIMM", "")
needs_timm = pytest.mark.skipif(
    not PYTHON, reason="needs timm: SYNLEARN_TIMM names an interpreter that has it"
)
CLASSES = ("a", "b", "c", "d")
MAKE = """
import sys, numpy as np, torch
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import timm_conversion
timm, torch = timm_conversion._imported()
from safetensors.torch import save_file
torch.manual_seed(0)
model = timm.create_model("resnet10t", pretrained=False, num_classes=4).eval()
folder = sys.argv[1]
save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder + "/r.safetensors")
images = torch.from_numpy(np.load(folder + "/images.npy"))
mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
with torch.inference_mode():
    said = model((images - mean[:, None, None]) / std[:, None, None])
np.save(folder + "/expected.npy", said.numpy())
"""


def test_an_environment_without_timm_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(to_bytes(classifier()))
    here = Addition(tmp_path / "m.safetensors", CLASSES, timm="resnet10t")
    try:
        import timm  # noqa: F401, PLC0415
    except ImportError:
        with pytest.raises(InputError, match=r"is missing in .*synlearn\[timm\]"):
            add_to_zoo(tmp_path / "zoo", here)


@needs_timm
def test_a_zoo_computes_what_timm_computed(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((3, 3, 64, 64), np.float32)
    np.save(tmp_path / "images.npy", images)
    scripts = Path(__file__).parents[3] / "synlearn" / "zoo"
    command = [PYTHON, "-c", MAKE, str(tmp_path), str(scripts)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    addition = Addition(
        tmp_path / "r.safetensors", CLASSES, timm="resnet10t", size=(64, 64), python=Path(PYTHON)
    )
    card = add_to_zoo(tmp_path / "zoo", addition)
    assert (card.library_name, card.base_model) == ("timm", "timm/resnet10t")
    assert card.input.mean == (0.485, 0.456, 0.406)
    assert card.graph is not None
    assert card.graph.width == 512
    file = Zoo.open(tmp_path / "zoo").read(card.id)
    assert isinstance(file, OnnxFile)
    expected = np.load(tmp_path / "expected.npy")
    np.testing.assert_allclose(file.run(images)[0], expected, rtol=1e-3, atol=1e-4)
    other = Addition(addition.file, CLASSES[:3], timm="resnet10t", python=Path(PYTHON))
    with pytest.raises(InputError, match="its tensors are not those of timm's resnet10t with 3"):
        add_to_zoo(tmp_path / "other", other)
    unknown = Addition(addition.file, CLASSES, timm="no-such-model", python=Path(PYTHON))
    with pytest.raises(InputError, match="has no model 'no-such-model'"):
        add_to_zoo(tmp_path / "other", unknown)
