from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.fennec.architecture_graph import ArchitectureGraph
from synlearn.fennec.fisher import fisher_score, measured_performance
from synlearn.fennec.proxy import BackboneProxy
from synlearn.fennec.recommender import Recommender, described
from synlearn.mre.backbone import Backbone, BackboneSpec
from synlearn.scorers import fda
from tests.synlearn.fennec.test_model import H

pytest.importorskip("gensim", reason="needs gensim")


@dataclass(frozen=True)
class Own:
    model: str
    parameters: int
    layers: int


class Fixed:
    """A proxy that says the same of all images."""

    name = "proxy"

    def features(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        del images
        return np.zeros(8)


KNOWN = [Own(name, 1000 + int(name), 5) for name in H.performance.models]
IMAGES = np.zeros((4, 3, 8, 8), np.float32)
GRAPHS = [ArchitectureGraph(("a",) if n % 2 else ("a", "b"), ()) for n in range(len(KNOWN) + 1)]


def test_a_model_without_a_history_is_placed_by_its_meta_features() -> None:
    new = Own("new", 2000, 5)
    features = described([*KNOWN, new], GRAPHS)
    found = Recommender.fit(H, features, Fixed())
    scores = found.scores([new, KNOWN[0]], IMAGES, 5)
    assert np.isfinite(scores).all()
    assert scores[1] == found.scores(KNOWN, IMAGES, 5)[0]
    with pytest.raises(InputError, match="candidate z"):
        found.scores([Own("z", 1, 1)], IMAGES, 5)


def test_proxies_of_another_network_are_refused() -> None:
    class Other(Fixed):
        name = "other"

    with pytest.raises(InputError, match="made with the proxy proxy"):
        Recommender.fit(H, described(KNOWN, None), Other())
    with pytest.raises(InputError, match="which the zoo lacks"):
        Recommender.fit(H, described(KNOWN[1:], None), Fixed())


def test_a_backbone_is_a_proxy_by_its_weights() -> None:
    torch.manual_seed(0)
    one, other = (BackboneProxy(Backbone(BackboneSpec("conv4", 3, 4, 6)).eval()) for _ in range(2))
    assert one.name != other.name
    images = np.random.default_rng(0).random((70, 3, 16, 16), np.float32)
    parts = [one.features(images[start : start + 10]) for start in range(0, 70, 10)]
    assert one.features(images) == pytest.approx(np.mean(parts, axis=0), abs=1e-6)


def test_fisher_scores_make_a_matrix_and_what_is_undefined_is_unknown() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    good = 3 * np.eye(3)[labels] + random.standard_normal((60, 3))
    features = {"good": good, "noise": random.standard_normal((60, 3)), "dead": np.zeros((60, 3))}
    tasks = {"all": (np.arange(60), labels), "two": (np.arange(40), labels[:40])}
    with pytest.raises(InputError, match="Nothing is known of model dead"):
        measured_performance(features, tasks)
    del features["dead"]
    found = measured_performance(features, tasks)
    assert found.values[0, 0] == pytest.approx(fda(good, labels, components=3))
    assert (found.values[0] > found.values[1]).all()
    assert fisher_score(random.standard_normal((60, 50)), labels) <= 1
