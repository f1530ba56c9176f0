import subprocess
import sys

import numpy as np
import pytest

from synlearn.errors import InputError
from synlearn.fennec.archi2vec import Archi2Vec, clusters, cosine, distinct_graphs
from synlearn.fennec.reference.registry import REFERENCES

pytest.importorskip("gensim", reason="needs gensim")

SMALL = ("alexnet", "vgg11", "vgg13", "resnet10", "resnet18", "resnet34")


@pytest.fixture(scope="module")
def found() -> Archi2Vec:
    return Archi2Vec.fit({name: REFERENCES[name].graph() for name in SMALL})


def test_kin_lie_closer_than_strangers(found: Archi2Vec) -> None:
    """The paper: 0.97 for ResNet-18 and ResNet-10, 0.47 for ResNet-18 and AlexNet."""
    near = cosine(found.vector("resnet18"), found.vector("resnet10"))
    far = cosine(found.vector("resnet18"), found.vector("alexnet"))
    assert near > 0.9
    assert far < 0.7


def test_families_cluster(found: Archi2Vec) -> None:
    labels = clusters(found.vectors[1:], 2)
    assert len(set(labels[:2])) == 1
    assert len(set(labels[2:])) == 1
    assert labels[0] != labels[2]


def test_a_new_architecture_lies_with_its_kin_and_moves_nobody(found: Archi2Vec) -> None:
    before = found.vectors.copy()
    graph = REFERENCES["resnet14"].graph()
    one, again = found.embed(graph), found.embed(graph)
    assert np.array_equal(one, again)
    assert cosine(one, found.vector("resnet18")) > cosine(one, found.vector("vgg11"))
    assert np.array_equal(before, found.vectors)


def test_vectors_do_not_depend_on_the_process() -> None:
    """Python's hash of a text, which gensim would take, differs between processes."""
    code = (
        "from torch import nn; from synlearn.fennec.archi2vec import Archi2Vec;"
        "from synlearn.fennec.runtime_graph import runtime_graph;"
        "g = runtime_graph(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), (2,));"
        "a = Archi2Vec.fit({'m': g}); print(a.vectors.tobytes().hex(), a.embed(g).tobytes().hex())"
    )
    outputs = {
        subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1


def test_equal_graphs_share_a_name() -> None:
    graphs = [REFERENCES[name].graph() for name in ("mobilenet_0.25", "alexnet", "mobilenet_1.0")]
    kept, names = distinct_graphs(graphs)
    assert names[0] == names[2] != names[1]
    assert len(kept) == 2


def test_nothing_to_embed_is_refused() -> None:
    with pytest.raises(InputError, match="at least one architecture"):
        Archi2Vec.fit({})
