import math

import pytest
import torch

from synlearn.mre.attention import (
    Projections,
    attention_weights,
    cosine_logits,
    inner_product_logits,
)
from synlearn.mre.blocks import RELEASED, TEXT, Blocks

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = 3 * torch.randn(2, 4, 5, generator=GENERATOR, dtype=torch.float64)
PRESENT = torch.tensor([[True, True, False, True, False]])


def test_weights_are_a_softmax_of_the_present() -> None:
    found = attention_weights(LOGITS, PRESENT, TEXT)
    torch.testing.assert_close(found[..., PRESENT[0]], LOGITS[..., PRESENT[0]].softmax(dim=-1))
    assert not found[..., ~PRESENT[0]].any()


def test_released_weights_sum_to_slightly_less_than_one() -> None:
    found = attention_weights(LOGITS, PRESENT, RELEASED)
    total = LOGITS[..., PRESENT[0]].exp().sum(dim=-1)
    torch.testing.assert_close(found.sum(dim=-1), total / (total + 1e-5))


def test_released_logits_are_clipped() -> None:
    logits = torch.tensor([[30.0, 20.0, -50.0]], dtype=torch.float64)
    found = attention_weights(logits, torch.ones(1, 3, dtype=torch.bool), RELEASED)
    torch.testing.assert_close(found[0, :2], torch.full((2,), 0.5, dtype=torch.float64))
    assert float(attention_weights(logits, torch.ones(1, 3, dtype=torch.bool), TEXT)[0, 0]) > 0.99


@pytest.mark.parametrize("blocks", [TEXT, RELEASED])
def test_large_logits_do_not_overflow(blocks: Blocks) -> None:
    logits = torch.tensor([[1e4, -1e4]], dtype=torch.float32, requires_grad=True)
    weights = attention_weights(logits, torch.ones(1, 2, dtype=torch.bool), blocks)
    weights[0, 0].backward()
    assert weights.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_logits_are_inner_products_and_cosines() -> None:
    queries, keys = torch.randn(3, 8, generator=GENERATOR), torch.randn(4, 8, generator=GENERATOR)
    root = math.sqrt(8)
    torch.testing.assert_close(inner_product_logits(queries, keys), queries @ keys.T / root)
    cosine = torch.nn.functional.cosine_similarity(queries[:, None], keys[None], dim=-1)
    torch.testing.assert_close(cosine_logits(queries, keys), root * cosine, atol=1e-4, rtol=1e-4)


def test_shared_projections_are_one_matrix() -> None:
    apart = Projections(4, 2, TEXT, torch.Generator().manual_seed(0))
    shared = Projections(4, 2, RELEASED, torch.Generator().manual_seed(0))
    assert len(list(apart.parameters())) == 3
    assert len(list(shared.parameters())) == 1
