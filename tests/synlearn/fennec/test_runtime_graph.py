from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from synlearn.errors import InputError
from synlearn.fennec.architecture_graph import PAPER_TYPES, ArchitectureGraph
from synlearn.fennec.runtime_graph import runtime_graph
from synlearn.fennec.weisfeiler_lehman import subtree_words


class Skip(nn.Module):
    """x -> relu(conv(x)) + x', with a shortcut around the convolution where asked for."""

    def __init__(self, *, shortcut: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 1)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        before = self.first(x)
        after: Tensor = self.second(before)
        return (after + before if self.shortcut else after).relu()


def test_the_graph_of_a_small_network_is_what_it_computes() -> None:
    graph = runtime_graph(Skip(shortcut=True), (1, 4, 4))
    assert Counter(graph.types) == {
        "ReluBackward0": 1,
        "AddBackward0": 1,
        "ConvolutionBackward0": 2,
        "Variable": 4,
    }
    first = [
        place
        for place, kind in enumerate(graph.types)
        if kind == "ConvolutionBackward0" and [a for a, _ in graph.edges].count(place) == 2
    ]
    assert len(first) == 1  # the first convolution feeds the second one, and the sum
    assert len(graph.edges) == 8


def test_a_shortcut_is_seen() -> None:
    one, other = (runtime_graph(Skip(shortcut=own), (1, 4, 4)) for own in (True, False))
    assert set(subtree_words(one)) != set(subtree_words(other))


def test_the_meta_device_gives_the_same_graph_and_training_mode_is_put_back() -> None:
    def build() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(36, 2),
        )  # fmt: skip

    real = build().train()
    with torch.device("meta"):
        meta = build()
    found = runtime_graph(real, (3, 8, 8))
    assert sorted(subtree_words(found)) == sorted(subtree_words(runtime_graph(meta, (3, 8, 8))))
    assert real.training
    assert set(found.types) <= set(PAPER_TYPES)


@pytest.mark.parametrize(
    "model", [nn.ReLU(), nn.Conv2d(1, 1, 1).requires_grad_(requires_grad=False)]
)
def test_what_has_no_graph_is_refused(model: nn.Module) -> None:
    with pytest.raises(InputError, match="no run-time graph"):
        runtime_graph(model, (1, 4, 4))


def test_an_edge_to_nowhere_is_refused() -> None:
    with pytest.raises(InputError, match="an edge to none"):
        ArchitectureGraph(("a",), ((0, 1),))
    with pytest.raises(InputError, match="has no node"):
        ArchitectureGraph((), ())
