"""A graph as a document: its words are the rooted subtrees of Weisfeiler and Lehman.

As in graph2vec (Narayanan et al., 2017): a node's word of depth 0 is its type; its word of depth
d + 1 stands for its own of depth d and those of its neighbours, here told apart by whether data
comes from them or goes to them. Two nodes share a word exactly where these subtrees are the same.
"""

import hashlib
from typing import Final

from synlearn.fennec.architecture_graph import ArchitectureGraph

DEPTH: Final = 2


def subtree_words(graph: ArchitectureGraph, depth: int = DEPTH) -> list[str]:
    """Return the words of all depths from 0 to `depth`, one for each node and depth.

    They depend on nothing but the graph: not on the order of nodes, nor on the process.
    """
    before: list[list[int]] = [[] for _ in graph.types]
    after: list[list[int]] = [[] for _ in graph.types]
    for source, target in graph.edges:
        before[target].append(source)
        after[source].append(target)
    words = [_digest(kind) for kind in graph.types]
    found = list(words)
    for _ in range(depth):
        words = [
            _digest(
                words[node],
                *sorted(words[other] for other in before[node]),
                "|",
                *sorted(words[other] for other in after[node]),
            )
            for node in range(len(words))
        ]
        found += words
    return found


def _digest(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
