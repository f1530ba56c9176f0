import hashlib

import numpy as np

from synlearn.datasets.dsprites import DOMAINS, domain_images_packed
from synlearn.zoo.anchors import ANCHORS, sprite_anchors


def test_anchors_are_sprites() -> None:
    images = sprite_anchors().images
    assert images.shape == (ANCHORS, 64, 64)
    assert set(np.unique(images)) == {0, 1}
    assert images.sum(axis=(1, 2)).min() > 20
    assert len(np.unique(np.packbits(images.reshape(ANCHORS, -1), axis=1), axis=0)) == ANCHORS


def test_the_digest_is_of_their_pixels() -> None:
    """Part of every MRE model: a change of it makes all of them useless."""
    anchors = sprite_anchors()
    content = b"(256, 64, 64)" + np.packbits(anchors.images).tobytes()
    content += anchors.targets.tobytes()
    assert anchors.digest == hashlib.sha256(content).hexdigest()


def test_no_anchor_is_an_image_of_a_domain() -> None:
    """Of those domains whose latents come nearest: a sample, the whole set takes a minute."""
    packed = np.packbits(sprite_anchors().images.reshape(ANCHORS, -1), axis=1)
    anchors = {image.tobytes() for image in packed}
    for domain in DOMAINS[::48]:
        assert anchors.isdisjoint(image.tobytes() for image in domain_images_packed(domain))
