"""Makes a model for a task of a zoo's model and a few examples, and says how right it is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.reuse.fine_tuning import FineTuning, fine_tuned_model
from synlearn.reuse.folds import CrossValidated, check_labels, cross_validated, folds_of, left_out
from synlearn.reuse.head import LinearHead, train_head
from synlearn.threads import one_thread
from synlearn.zoo.addition import Addition
from synlearn.zoo.architectures import architecture
from synlearn.zoo.card import ADDED_FORMAT, ModelCard, ModelId, Origin, TrainingRun
from synlearn.zoo.catalog import Zoo, digest_of
from synlearn.zoo.features import zoo_features
from synlearn.zoo.formats.onnx import OnnxFile
from synlearn.zoo.formats.onnx_ends import Layout
from synlearn.zoo.formats.onnx_export import with_head
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.graph_card import describe_graph
from synlearn.zoo.model_folder import logits_of

_TUNING_FOLDS: Final = 5

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reused:
    """A model for a task.

    Attributes:
        card, data: Its card and its file.
        accuracy: By cross-validation; None where a class has a single example.
    """

    card: ModelCard
    data: bytes
    accuracy: CrossValidated | None


def reuse_model(
    zoo: Zoo,
    model: ModelId,
    images: Float32,
    labels: Int64 | None,
    classes: tuple[str, ...],
    *,
    fine_tune: bool = False,
    seed: int = 0,
) -> Reused:
    """Re-train a model's head for a task, or all its weights.

    Args:
        zoo: Where the model is.
        model: Its id.
        images: (n, channels, height, width) in [0, 1], of the shape that its card names.
        labels: (n,) numbers of classes.
        classes: Their names, in the order of their numbers.
        fine_tune: Train all weights, for models in safetensors.
        seed: Of folds and of the order of images.

    Raises:
        InputError: The model cannot be used so, or the labels are of fewer than two classes.
    """
    numbers = check_labels(labels, len(images))
    if len(classes) != numbers.max() + 1:
        raise InputError(
            f"There are {len(classes)} names for {numbers.max() + 1} classes; give one for each."
        )
    with one_thread():
        file = zoo.read(model)
        if fine_tune:
            return _fine_tuned(zoo, model, images, numbers, classes=classes, seed=seed)
        features = zoo_features(zoo, images, [model])[0]
    head, accuracy = train_head(features, numbers, seed=seed)
    base = zoo.card(model)
    run = TrainingRun(
        optimiser="least squares with a penalty, on frozen features",
        epochs=1,
        batch_size=len(images),
        learning_rate=0.0,
        seed=seed,
        loss_function="mean squared error of one-hot classes",
        loss=head.error,
    )
    if isinstance(file, OnnxFile):
        made, data = _graph_with(file, head, base, classes)
    else:
        made, data = _ours_with(file, head, base)
    return Reused(_card(made, base, data, classes, run), data, accuracy)


def _ours_with(file: ModelFile, head: LinearHead, base: ModelCard) -> tuple[ModelCard, bytes]:
    network = file.architecture
    if "classes" not in network.hyperparameters:
        raise InputError(
            f"Model {base.id} is of architecture {network.name}, which does not classify; choose "
            "a model that does."
        )
    own = architecture(network.name, {**network.hyperparameters, "classes": len(head.biases)})
    name, _ = own.layers[-1]
    tensors = {
        **file.tensors,
        f"{name}.weight": torch.from_numpy(head.weights),
        f"{name}.bias": torch.from_numpy(head.biases),
    }
    described = replace(
        base, hyperparameters=dict(own.hyperparameters), parameters=own.parameter_count()
    )
    return described, to_bytes(ModelFile(own, tensors))


def _graph_with(
    file: OnnxFile, head: LinearHead, base: ModelCard, classes: tuple[str, ...]
) -> tuple[ModelCard, bytes]:
    form = file.header.input
    addition = Addition(
        file=Path(f"model {base.id} with its new head"),
        classes=classes,
        model=base.id,
        size=form.shape[1:],
        layout=Layout(file.header.layout),
        features=file.header.features,
    )
    graph = with_head(file, head.weights, head.biases)
    return describe_graph(addition, graph, base, form, file.header.width)


def _fine_tuned(
    zoo: Zoo, model: ModelId, images: Float32, labels: Int64, *, classes: tuple[str, ...], seed: int
) -> Reused:
    file, base, settings = zoo.read(model), zoo.card(model), FineTuning()
    if not isinstance(file, ModelFile) or "classes" not in file.architecture.hyperparameters:
        raise InputError(
            f"Model {model} cannot be fine-tuned here: only classifiers in safetensors can, whose "
            "architecture is ours; leave --fine-tune out, and its head is re-trained."
        )
    pictures = np.clip(np.rint(255 * images.transpose(0, 2, 3, 1)), 0, 255).astype(np.uint8)

    def tuned(rows: Int64) -> ModelFile:
        return fine_tuned_model(file, pictures[rows], labels[rows], settings, seed)

    accuracy = _tuning_accuracy(tuned, images, labels, seed)
    made = tuned(np.arange(len(labels)))
    data = to_bytes(made)
    logits = torch.from_numpy(logits_of(made, images))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))
    run = TrainingRun(
        optimiser="Adam, cosine learning rate, from a head of least squares",
        epochs=max(1, settings.steps * min(settings.batch, len(labels)) // len(labels)),
        batch_size=min(settings.batch, len(labels)),
        learning_rate=max(settings.rates),
        seed=seed,
        loss_function="cross-entropy",
        loss=float(loss),
    )
    described = replace(
        base,
        hyperparameters=dict(made.architecture.hyperparameters),
        parameters=made.architecture.parameter_count(),
    )
    return Reused(_card(described, base, data, classes, run), data, accuracy)


def _tuning_accuracy(
    tuned: Callable[[Int64], ModelFile], images: Float32, labels: Int64, seed: int
) -> CrossValidated | None:
    folds = folds_of(labels, _TUNING_FOLDS, seed)
    if not len(folds):
        return None
    right = np.empty(len(labels), bool)
    for learned, tested in left_out(folds):
        said = logits_of(tuned(learned), images[tested])
        right[tested] = said.argmax(axis=1) == labels[tested]
    return cross_validated(right, int(folds.max()) + 1)


def _card(
    made: ModelCard, base: ModelCard, data: bytes, classes: tuple[str, ...], run: TrainingRun
) -> ModelCard:
    """The card of a model that was made of another one."""
    return replace(
        made,
        format=ADDED_FORMAT,
        id=ModelId(f"{base.id[:93]}-reused"),
        tags=("image-classification", "reused", "synlearn"),
        datasets=(),
        metrics=("accuracy",),
        outputs=classes,
        sha256=digest_of(data),
        file_size=len(data),
        training_data=None,
        training=run,
        versions={name: version(name) for name in ("numpy", "synlearn", "torch")},
        created=None,
        base_model=base.id,
        origin=Origin(f"{base.id}.{base.file_format}", base.sha256, "synlearn reuse"),
    )
