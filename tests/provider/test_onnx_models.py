"""A provider answers for an ONNX model what it answers for the same weights in safetensors."""

from collections.abc import Mapping

import numpy as np
import pytest

from protocols.ids import digest_of
from protocols.queries import Answer, ClassOutputs, HeadCorrect
from provider.answers import Context, answer
from provider.model_api import Models
from provider.models import ModelCache
from provider.rows import RowSplit
from provider.sandbox.models import SandboxedModels
from provider.sandbox.process import ModelWorker
from synlearn.zoo.formats.torch import to_bytes
from tests.labelled import provider_with
from tests.onnx_models import classifier, kept

MODEL = classifier("c", classes=3, hidden=6)
GRAPH, OURS = kept(MODEL), to_bytes(MODEL)
CLASSES = ("ant", "bee")


def asked(models: Models, *files: bytes) -> tuple[Mapping[str, np.ndarray], Answer]:
    """What is answered to two kinds of question about these models."""
    digests = tuple(digest_of(file) for file in files)
    context = Context(
        dataset=provider_with({"ant": 9, "bee": 7}, side=32, channels=3),
        files=dict(zip(digests, files, strict=True)),
        models=models,
        random=np.random.default_rng(0),
        split=RowSplit(bytes(32)),
        random_about=lambda _: np.random.default_rng(0),
    )
    weights = np.random.default_rng(1).normal(size=(len(files), 1, 2, 6)).astype(np.float32)
    weights[:] = weights[0]
    heads = HeadCorrect(
        digests, CLASSES, False, np.array([[0, 1]], np.int32), weights, weights[..., 0]
    )
    return answer(ClassOutputs(digests, CLASSES, 3), context), answer(heads, context)


@pytest.mark.parametrize("sandboxed", [False, True])
def test_both_formats_of_one_model_get_the_same_answers(sandboxed: bool) -> None:
    worker = ModelWorker() if sandboxed else None
    try:
        models: Models = SandboxedModels(worker) if worker else ModelCache()
        for found in asked(models, GRAPH, OURS):
            for name, values in found.items():
                if name != "rows":  # of each class; all others have an entry for each model
                    np.testing.assert_allclose(values[0], values[1], rtol=1e-4, err_msg=name)
    finally:
        if worker is not None:
            worker.close()
