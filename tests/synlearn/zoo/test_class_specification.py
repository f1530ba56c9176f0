from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from synlearn.zoo import class_specification
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.class_specification import (
    CLASS_SPECIFICATIONS,
    Generator,
    class_specifications_of,
    class_vectors,
)
from synlearn.zoo.feature_cache import compute_responses
from synlearn.zoo.feature_profile import feature_profile
from synlearn.zoo.feature_similarity import feature_similarity
from synlearn.zoo.few_shot_profile import anchor_tasks, few_shot_profile
from synlearn.zoo.picture_anchors import anchor_set
from tests import mixed
from tests.synlearn.zoo.mixed_zoo import mixed_zoo

ANCHORS = anchor_set(
    {f"set/{name}": mixed.pool().pictures[3 * row : 3 * row + 3] for row, name in enumerate("ab")}
)
PROFILE = np.arange(8, dtype=np.float32)


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    return mixed_zoo(tmp_path / "zoo", 3, 2)


def test_vectors_are_what_the_text_says() -> None:
    probabilities = np.array(
        [[0.9, 0.9, 0.9, 0.1, 0.2, 0.3], [0.1, 0.1, 0.1, 0.9, 0.8, 0.7]], np.float32
    )
    soft = class_vectors(probabilities, PROFILE, ANCHORS, Generator.SOFT)
    np.testing.assert_allclose(soft, [[0.9, 0.2], [0.1, 0.8]], rtol=1e-6)
    # Below 0.2 and above 0.8, as the released code has it: neither holds at the threshold.
    wide = probabilities + np.float32(0.01)
    ternary = class_vectors(wide, PROFILE, ANCHORS, Generator.TERNARY)
    assert ternary.tolist() == [[1, 0], [-1, 1]]
    responses = class_vectors(probabilities, PROFILE, ANCHORS, Generator.RESPONSES)
    assert responses.shape == (2, 6)
    np.testing.assert_allclose(responses, np.log((probabilities + 0.001) / 0.501), rtol=1e-5)
    profiled = class_vectors(probabilities, PROFILE, ANCHORS, Generator.PROFILED)
    np.testing.assert_allclose(profiled[:, :2], np.log((soft + 0.001) / 0.501), rtol=1e-5)
    assert profiled[:, 2:].tolist() == [PROFILE.tolist()] * 2


def test_an_undecided_model_has_a_zero_response_whatever_its_number_of_classes() -> None:
    for classes in (2, 20):
        even = np.full((classes, 6), 1 / classes, np.float32)
        assert np.abs(class_vectors(even, PROFILE, ANCHORS, Generator.RESPONSES)).max() < 1e-6


def test_each_model_has_a_row_for_each_class(zoo: Zoo) -> None:
    found = class_specifications_of(zoo, ANCHORS)
    assert found.ids == zoo.ids
    direct = dict(compute_responses(zoo, zoo.ids, ANCHORS.pictures))
    for model, own in zip(found.ids, found.probabilities, strict=True):
        assert own.shape == (len(zoo.card(model).outputs), 6)
        assert np.array_equal(own, direct[model].probabilities.T.astype(np.float32))
        row = found.ids.index(model)
        features = direct[model].features
        parts = (
            feature_profile(features, ANCHORS),
            few_shot_profile(features, anchor_tasks(ANCHORS)),
            feature_similarity(features, ANCHORS),
        )
        assert np.array_equal(found.profiles[row], np.concatenate(parts))
        assert found.blocks(Generator.PROFILED) == (2, *map(len, parts))
    widths = {generator: found.vectors(generator)[0].shape[1] for generator in Generator}
    assert widths == {
        Generator.PROFILED: 2 + found.profiles.shape[1],
        Generator.RESPONSES: 6,
        Generator.SOFT: 2,
        Generator.TERNARY: 2,
    }
    assert {own: sum(found.blocks(own)) for own in Generator} == widths
    assert len({found.source(generator) for generator in Generator}) == 4
    some = found.select(zoo.ids[::-2])
    assert some.ids == zoo.ids[::-2]
    assert np.array_equal(some.probabilities[0], found.probabilities[-1])


def test_they_are_stored_and_computed_for_new_models_alone(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = class_specifications_of(zoo, ANCHORS)
    asked: list[int] = []

    def counted(*arguments: object) -> object:
        asked.append(len(arguments[1]))  # type: ignore[arg-type]  # the second are the models
        return compute_responses(*arguments)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(class_specification, "compute_responses", counted)
    again = class_specifications_of(zoo, ANCHORS)
    larger = mixed_zoo(zoo.root, 5, 2)
    more = class_specifications_of(larger, ANCHORS)
    assert asked == [0, 2]
    for model, own in zip(first.ids, first.probabilities, strict=True):
        assert np.array_equal(own, again.probabilities[again.ids.index(model)])
        assert np.array_equal(own, more.probabilities[more.ids.index(model)])
    other = anchor_set({"set/c": mixed.pool().pictures[5:7], "set/d": mixed.pool().pictures[7:9]})
    assert class_specifications_of(larger, other).probabilities[0].shape[1] == 4
    (zoo.root / CLASS_SPECIFICATIONS).write_bytes(b"damaged")
    assert np.array_equal(
        class_specifications_of(larger, ANCHORS).probabilities[0], more.probabilities[0]
    )


def test_what_was_changed_where_it_is_stored_is_computed_again(zoo: Zoo) -> None:
    first = class_specifications_of(zoo, ANCHORS)
    path = zoo.root / CLASS_SPECIFICATIONS
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    for row, (suffix, value) in enumerate((("", np.nan), ("", 2.0), (".profile", np.inf))):
        stored = load_file(path)
        stored[zoo.model_digest(zoo.ids[row % len(zoo)]) + suffix].flat[0] = value
        save_file(stored, path, metadata)
        again = class_specifications_of(zoo, ANCHORS)
        for own, other in zip(first.probabilities, again.probabilities, strict=True):
            np.testing.assert_allclose(own, other, atol=1e-3)
        np.testing.assert_allclose(first.profiles, again.profiles, atol=1e-3)
