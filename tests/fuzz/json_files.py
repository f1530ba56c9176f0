"""JSON that others hand over: model cards, a zoo's index, a split, results, stored metrics."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.untrained_mre import made_up_accuracy, made_up_fusion
from synlearn.datasets.dsprites import Domain
from synlearn.datasets.mixed_split import read_split
from synlearn.evaluation.measurements import Measurement, Method, Metric, Role, Split
from synlearn.evaluation.provenance import MachineFacts
from synlearn.evaluation.results import Results
from synlearn.evaluation.results_file import read_results, results_from_json, results_to_json
from synlearn.fusion.accuracy import UNREST, TaskView
from synlearn.fusion.accuracy_storage import load_accuracy, save_accuracy
from synlearn.fusion.fused import FittedFusion
from synlearn.fusion.regression import Weights
from synlearn.fusion.storage import load_fusion, save_fusion
from synlearn.fusion.task_traits import TRAITS
from synlearn.mre.isolated_model import IsolatedMRE
from synlearn.mre.storage import load_mre, save_mre
from synlearn.zoo.card import ADDED_FORMAT, GraphFacts, ModelCard, Origin
from synlearn.zoo.catalog import Zoo
from tests.fuzz.mutation import json_document
from tests.fuzz.parsers import folder, parsed, written
from tests.fuzz.target import Target
from tests.mixed import split
from tests.mre_models import classification_mre, mre_model
from tests.synlearn.zoo.small_zoo import small_card, small_zoo


def json_target(
    name: str, run: Callable[[bytes], None], seeds: Callable[[], Sequence[bytes]]
) -> Target:
    """A target of JSON, mutated value by value."""
    return Target(name, run, seeds, json_document, examples=300, largest=2**18)


def run_card(data: bytes) -> None:
    """A card that was read can be written, and is the same then."""
    card = parsed(lambda: ModelCard.from_json(data, "the card"))
    if card is not None:
        assert ModelCard.from_json(card.to_json(), "the card") == card


def run_zoo(data: bytes) -> None:
    """An index names models; what it says of them is checked before it is believed."""
    root = written("zoo/zoo.json", data).parent
    zoo = parsed(lambda: Zoo.open(root))
    if zoo is None:
        return
    for model in zoo:
        assert "/" not in model
        parsed(partial(zoo.card, model))


def _zoo_seed() -> list[bytes]:
    return [(small_zoo(folder() / "zoo").root / "zoo.json").read_bytes()]


def run_split(data: bytes) -> None:
    """A manifest that was read can be written, and is the same then."""
    found = parsed(lambda: read_split(written("split.json", data)))
    if found is not None:
        assert read_split(written("again.json", found.to_json())) == found


def run_results(data: bytes) -> None:
    """Results that were read can be written, and are the same then."""
    results = parsed(lambda: read_results(written("results.json", data)))
    if results is not None:
        assert results_from_json(results_to_json(results)) == results


def _results_seed() -> list[bytes]:
    results = Results(
        experiment="fuzz",
        summary="Nothing was learned.",
        seeds=(0, 1),
        methods=(Method("metric", "the metric", Role.METHOD),),
        metrics=(Metric("tau", "Kendall's tau"),),
        splits=(Split("test", "unseen tasks"),),
        measurements=(Measurement("tau", "metric", "test", 1, {0: 0.5, 1: 0.25}),),
        machine=MachineFacts(2, 2**33, "cpu", "Linux x86_64", "3.11"),
    )
    return [results_to_json(results).encode()]


@cache
def _models() -> tuple[Path, Path]:
    """Folders of an MRE model of each kind, the second with a fusion."""
    isolated, grouped = folder() / "isolated", folder() / "grouped"
    save_mre(mre_model(), isolated)
    save_mre(classification_mre(), grouped)
    goes = np.array([1.0, 0.5])
    weights = {
        1: Weights(np.array([0.5, 0.5]), 0.1, goes),
        5: Weights(np.array([0.2, 0.8]), 0.05, goes),
    }
    save_fusion(FittedFusion(("metric", "knn"), weights, {"job": "job-1"}), grouped)
    return isolated, grouped


def run_mre(data: bytes) -> None:
    """An index, beside the two files of a model of its kind."""
    for source in _models():
        place = folder() / "mre"
        shutil.copytree(source, place, dirs_exist_ok=True)
        (place / "mre.json").write_bytes(data)
        model = parsed(partial(load_mre, place))
        if isinstance(model, IsolatedMRE):
            spec = model.metric.spec
            sizes = torch.zeros(2, spec.task_features), torch.zeros(3, spec.model_features)
            assert model.member_scores(*sizes).shape == (spec.members, 2, 3)


def _mre_seeds() -> list[bytes]:
    return [(source / "mre.json").read_bytes() for source in _models()]


@cache
def _accurate() -> Path:
    """Folder of a model with a fusion and a map to accuracies."""
    place = folder() / "accurate"
    shutil.copytree(_models()[1], place)
    save_fusion(made_up_fusion(5), place)
    save_accuracy(made_up_accuracy(5, 5, len(classification_mre().learned.means)), place)
    return place


def run_accuracy(data: bytes) -> None:
    """A map to accuracies beside its model and fusion."""
    place = _accurate()
    (place / "accuracy.json").write_bytes(data)
    fitted = parsed(lambda: load_accuracy(place))
    if fitted is not None:
        view = TaskView(np.zeros(len(TRAITS)), np.zeros(len(UNREST)))
        found = fitted.beliefs(view, np.linspace(-1.0, 1.0, 5), np.zeros(5, np.bool_), 3)
        low, high = found.interval()
        assert (low <= high).all()


def _accuracy_seeds() -> list[bytes]:
    return [(_accurate() / "accuracy.json").read_bytes()]


def run_fusion(data: bytes) -> None:
    """A fusion beside its model."""
    place = _models()[1]
    (place / "fusion.json").write_bytes(data)
    fitted = parsed(lambda: load_fusion(place))
    for own in fitted.by_k.values() if fitted else ():
        assert np.isfinite(own.weights).all()


def _fusion_seed() -> list[bytes]:
    return [(_models()[1] / "fusion.json").read_bytes()]


def _card_seed() -> list[bytes]:
    card = small_card(Domain(612))
    graph = GraphFacts("NCHW", "classes", "features", 5, True, 1000, 3)
    added = replace(
        card,
        format=ADDED_FORMAT,
        architecture="onnx",
        file_format="onnx",
        graph=graph,
        origin=Origin("m.onnx", "0" * 64, "somebody"),
        training=None,
        training_data=None,
    )
    return [card.to_json(), added.to_json()]


CARDS = json_target("cards", run_card, _card_seed)
ZOOS = json_target("zoos", run_zoo, _zoo_seed)
SPLITS = json_target("splits", run_split, lambda: [split().to_json()])
RESULTS = json_target("results", run_results, _results_seed)
MRE_MODELS = Target("mre-models", run_mre, _mre_seeds, json_document, examples=40, largest=2**18)
FUSIONS = json_target("fusions", run_fusion, _fusion_seed)
ACCURACIES = json_target("accuracies", run_accuracy, _accuracy_seeds)
