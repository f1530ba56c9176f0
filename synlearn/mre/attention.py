"""Attention over sets with absent classes."""

import math

import torch
from torch import Tensor, nn

from synlearn.mre.blocks import Blocks
from synlearn.mre.members import MemberLinear

RELEASED_CLIP = 20.0
RELEASED_FLOOR = 1e-5


class Projections(nn.Module):
    """The matrices that make queries, keys and values, without bias, each (width, width)."""

    def __init__(
        self, width: int, members: int, blocks: Blocks, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.width = width

        def matrix() -> MemberLinear:
            return MemberLinear(members, width, width, generator, bias=False)

        self.key = matrix()
        shared = blocks.projections == "shared"
        self.query, self.value = (self.key, self.key) if shared else (matrix(), matrix())


def inner_product_logits(queries: Tensor, keys: Tensor) -> Tensor:
    """<q, k> / sqrt(width): (..., a, width) and (..., b, width) to (..., a, b)."""
    logits: Tensor = queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])
    return logits


def cosine_logits(queries: Tensor, keys: Tensor) -> Tensor:
    """Cosine times sqrt(width), as released; shapes as in `inner_product_logits`."""
    root = math.sqrt(queries.shape[-1])
    lengths = queries.norm(dim=-1)[..., :, None] * keys.norm(dim=-1)[..., None, :]
    logits: Tensor = queries @ keys.transpose(-1, -2) / (RELEASED_FLOOR + lengths / root)
    return logits


def attention_weights(logits: Tensor, present: Tensor, blocks: Blocks) -> Tensor:
    """Softmax over the last dimension, 0 for absent keys.

    Args:
        logits: (..., b).
        present: Broadcasts to (..., b), bool; each row has a key.
        blocks: Where `softmax` is "released", the weights sum to slightly less than 1.
    """
    if blocks.softmax == "exact":
        return logits.masked_fill(~present, -math.inf).softmax(dim=-1)
    logits = logits.clamp(-RELEASED_CLIP, RELEASED_CLIP).masked_fill(~present, -math.inf)
    top = logits.amax(dim=-1, keepdim=True).detach()
    powers = (logits - top).exp()
    return powers / (powers.sum(dim=-1, keepdim=True) + RELEASED_FLOOR * (-top).exp())
