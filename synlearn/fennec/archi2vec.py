"""archi2vec: an architecture as a vector, learned from graphs alone (graph2vec's method).

Each graph is a document of subtree words, and doc2vec (distributed bag of words) learns a vector
for it that the words can be told from. Architectures that share many subtrees lie together.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.extras import optional
from synlearn.fennec.architecture_graph import ArchitectureGraph
from synlearn.fennec.weisfeiler_lehman import DEPTH, subtree_words

Float64 = NDArray[np.float64]

_RESTARTS: Final = 10
"""Of k-means."""


@dataclass(frozen=True, slots=True)
class Archi2VecSettings:
    """How vectors are learned; the defaults are those of graph2vec.

    Attributes:
        size: Numbers of a vector.
        depth: Of subtrees.
        epochs: Passes over all documents.
        learning_rate: Of the first pass; falls to a hundredth.
        negative: Words that are not there, for each that is.
        least_count: Words that occur less often are left out.
    """

    size: int = 128
    depth: int = DEPTH
    epochs: int = 10
    learning_rate: float = 0.025
    negative: int = 5
    least_count: int = 1


@dataclass(frozen=True, slots=True)
class Archi2Vec:
    """Vectors of known architectures, and a way to embed further ones.

    Attributes:
        names: Of the architectures.
        vectors: (a, size), in that order.
        settings: How they were learned.
    """

    names: tuple[str, ...]
    vectors: Float64
    settings: Archi2VecSettings
    _model: Any

    @classmethod
    def fit(
        cls,
        graphs: Mapping[str, ArchitectureGraph],
        settings: Archi2VecSettings = Archi2VecSettings(),  # frozen
        seed: int = 0,
    ) -> Self:
        """Learn vectors; the same graphs and seed give the same vectors, in any process.

        Raises:
            InputError: There is no graph, or the package gensim is missing.
        """
        if not graphs:
            raise InputError("archi2vec needs at least one architecture; give its graph.")
        doc2vec = optional("gensim.models.doc2vec")
        documents = [
            doc2vec.TaggedDocument(subtree_words(graph, settings.depth), [name])
            for name, graph in graphs.items()
        ]
        model = doc2vec.Doc2Vec(
            documents,
            vector_size=settings.size,
            dm=0,
            window=0,
            min_count=settings.least_count,
            negative=settings.negative,
            alpha=settings.learning_rate,
            min_alpha=settings.learning_rate / 100,
            epochs=settings.epochs,
            sample=0,
            workers=1,  # more would race each other
            seed=seed,
            hashfxn=_stable_hash,
        )
        vectors = np.stack([model.dv[name] for name in graphs]).astype(np.float64)
        return cls(tuple(graphs), vectors, settings, model)

    def embed(self, graph: ArchitectureGraph) -> Float64:
        """Return the vector of a further architecture, (size,); the known ones stay as they are."""
        settings, model = self.settings, self._model
        words = subtree_words(graph, settings.depth)
        seed = zlib.crc32(" ".join(sorted(words)).encode())
        # gensim's own `infer_vector`, but for the first vector, which it draws from Python's hash
        # of a text: another one in each process.
        train = optional("gensim.models.doc2vec").train_document_dbow
        start = np.random.default_rng(seed).random((1, settings.size), np.float32)
        vector = (start - np.float32(0.5)) / np.float32(settings.size)
        model.random.seed(seed)
        work, free = np.zeros(settings.size, np.float32), np.ones(1, np.float32)
        least = settings.learning_rate / 100
        for rate in np.linspace(settings.learning_rate, least, settings.epochs):
            train(
                model, words, [0], float(rate), work, learn_words=False, learn_hidden=False,
                doctag_vectors=vector, doctags_lockf=free,
            )  # fmt: skip
        found: Float64 = vector[0].astype(np.float64)
        return found

    def vector(self, name: str) -> Float64:
        """Return the vector of a known architecture, (size,)."""
        found: Float64 = self.vectors[self.names.index(name)]
        return found


def cosine(one: Float64, other: Float64) -> float:
    """Cosine of two vectors' angle, in [-1, 1]."""
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def clusters(vectors: Float64, count: int, seed: int = 0) -> NDArray[np.int64]:
    """Cluster (a, size) vectors by direction with k-means; (a,) numbers below `count`.

    Fewer clusters are made where there are not as many different vectors.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415  # takes a second

    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distinct = len(np.unique(directions.round(9), axis=0))
    k_means = KMeans(min(count, distinct), n_init=_RESTARTS, random_state=seed)
    found: NDArray[np.int64] = k_means.fit_predict(directions).astype(np.int64)
    return found


def distinct_graphs(
    graphs: Sequence[ArchitectureGraph], depth: int = DEPTH
) -> tuple[dict[str, ArchitectureGraph], tuple[str, ...]]:
    """Name graphs that archi2vec can tell apart: the graphs by name, and the name of each.

    Models of one architecture share a graph, and learn one vector.
    """
    found: dict[tuple[str, ...], str] = {}
    kept: dict[str, ArchitectureGraph] = {}
    names = []
    for graph in graphs:
        key = tuple(sorted(subtree_words(graph, depth)))
        if key not in found:
            found[key] = f"architecture-{len(found):03d}"
            kept[found[key]] = graph
        names.append(found[key])
    return kept, tuple(names)


def _stable_hash(text: str) -> int:
    """Python's own hash of a text differs from process to process."""
    return zlib.crc32(text.encode())
