from pathlib import Path

import numpy as np
import pytest
import torch

from synlearn.errors import InputError
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.feature_cache import FeatureCache, compute_responses, planes
from tests import mixed
from tests.synlearn.zoo.mixed_zoo import mixed_zoo
from tests.synlearn.zoo.small_zoo import small_zoo

PICTURES = mixed.pool().pictures[::97]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return mixed_zoo(tmp_path_factory.mktemp("zoo"))


def test_responses_are_what_each_model_says_alone(zoo: Zoo) -> None:
    found = dict(compute_responses(zoo, zoo.ids, PICTURES))
    assert set(found) == set(zoo.ids)
    images = torch.from_numpy(planes(PICTURES))
    for model, own in found.items():
        network = zoo.load(model)
        with torch.inference_mode():
            features = network[:-1](images)
            probabilities = network(images).softmax(dim=1)
        np.testing.assert_allclose(own.features, features, rtol=2e-3, atol=1e-4)
        np.testing.assert_allclose(own.probabilities, probabilities, rtol=2e-3, atol=1e-4)
        assert own.features.dtype == np.float16


def test_what_is_kept_is_not_computed_again(zoo: Zoo, tmp_path: Path) -> None:
    cache = FeatureCache.of(tmp_path, PICTURES)
    counts: list[int] = []
    first = cache.responses(zoo, zoo.ids, counts.append)
    assert (counts[0], sum(counts)) == (0, len(zoo))
    counts.clear()
    again = cache.responses(zoo, zoo.ids[::-1], counts.append)
    assert counts == [len(zoo)]
    assert tuple(again) == zoo.ids[::-1]
    for model in zoo.ids:
        assert np.array_equal(first[model].features, again[model].features)
        assert np.array_equal(first[model].probabilities, again[model].probabilities)


def test_other_pictures_are_other_files_and_damage_is_mended(zoo: Zoo, tmp_path: Path) -> None:
    model = zoo.ids[0]
    FeatureCache.of(tmp_path, PICTURES).responses(zoo, [model])
    FeatureCache.of(tmp_path, PICTURES[1:]).responses(zoo, [model])
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    before = [file.read_bytes() for file in files]
    for file in files:
        file.write_bytes(b"x")
    FeatureCache.of(tmp_path, PICTURES).responses(zoo, [model])
    FeatureCache.of(tmp_path, PICTURES[1:]).responses(zoo, [model])
    assert [file.read_bytes() for file in files] == before


def test_models_of_other_images_are_refused(tmp_path: Path) -> None:
    sprites = small_zoo(tmp_path)
    with pytest.raises(InputError, match="take images of 64 x 64"):
        list(compute_responses(sprites, sprites.ids, PICTURES))
