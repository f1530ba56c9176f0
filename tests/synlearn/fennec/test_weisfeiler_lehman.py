import numpy as np

from synlearn.fennec.architecture_graph import ArchitectureGraph
from synlearn.fennec.weisfeiler_lehman import subtree_words

CHAIN = ArchitectureGraph(("a", "b", "c"), ((0, 1), (1, 2)))


def test_words_do_not_depend_on_how_nodes_are_numbered() -> None:
    graph = ArchitectureGraph(("a", "b", "a", "c", "b"), ((0, 1), (1, 3), (2, 3), (3, 4)))
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(5)
        place = np.argsort(order)
        turned = ArchitectureGraph(
            tuple(graph.types[own] for own in order),
            tuple((int(place[a]), int(place[b])) for a, b in reversed(graph.edges)),
        )
        assert sorted(subtree_words(turned)) == sorted(subtree_words(graph))


def test_a_word_for_each_node_and_depth() -> None:
    assert len(subtree_words(CHAIN, 0)) == 3
    assert len(subtree_words(CHAIN, 2)) == 9
    twins = ArchitectureGraph(("a", "a"), ())
    assert len(set(subtree_words(twins, 2))) == 3  # one of each depth


def test_direction_and_type_count() -> None:
    back = ArchitectureGraph(("a", "b", "c"), ((1, 0), (2, 1)))
    other = ArchitectureGraph(("a", "b", "d"), ((0, 1), (1, 2)))
    for graph in (back, other):
        assert set(subtree_words(graph)) != set(subtree_words(CHAIN))


def test_deeper_words_see_farther() -> None:
    """Two chains that differ three steps from a node share its words of depth 2, not of depth 3."""
    one = ArchitectureGraph(tuple("aaaab"), tuple((i, i + 1) for i in range(4)))
    other = ArchitectureGraph(tuple("aaaac"), tuple((i, i + 1) for i in range(4)))
    assert subtree_words(one, 2)[10] == subtree_words(other, 2)[10]  # node 0, depth 2
    assert subtree_words(one, 4)[20] != subtree_words(other, 4)[20]  # node 0, depth 4
