"""Reference architectures against the numbers of parameters that their publications state."""

import pytest

from synlearn.fennec.reference.registry import REFERENCES

# From the papers, or the tables of torchvision and imgclsmob, which agree with them.
PUBLISHED = {
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg19": 143_667_240,
    "vgg16_bn": 138_365_992,
    "squeezenet1.0": 1_248_424,
    "squeezenet1.1": 1_235_496,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet152": 60_192_808,
    "preresnet18": 11_687_848,
    "densenet121": 7_978_856,
    "densenet201": 20_013_928,
    "googlenet": 6_624_904,
    "inception_v3": 23_834_568,
    "mobilenet_1.0": 4_231_976,
    "mobilenet_v2_1.0": 3_504_872,
    "mnasnet_1.0": 4_383_312,
    "efficientnet_b0": 5_288_548,
    "shufflenet_x1_0": 2_278_604,
    "regnetx_200mf": 2_684_792,
    "regnety_400mf": 4_344_144,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_it_has_as_many_parameters_as_was_published(name: str) -> None:
    module = REFERENCES[name].on_meta()
    assert sum(own.numel() for own in module.parameters()) == PUBLISHED[name]


def test_the_registry_is_large_enough_to_judge_clusters_by() -> None:
    assert len(REFERENCES) >= 40
    assert len({own.family for own in REFERENCES.values()}) >= 10
