"""Choices inside the MRE model's building blocks in which the paper and its code differ.

`TEXT` is what the paper says (SynLearn, section 4.2), `RELEASED` what the authors' released code
computes; each choice is an option of its own, so that a benchmark can tell which of them matter.
"""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Blocks:
    """How the building blocks compute.

    Attributes:
        projections: "separate" matrices for queries, keys and values, or one "shared" by all.
        softmax: "exact", or "released": logits clipped to [-20, 20], 1e-5 added to the sum.
        layer_norm: Divide by the "deviation", or by the "variance" (+ 1e-5), as released.
        logits: Of the ensembler: "inner_product" / sqrt(width), or "cosine" * sqrt(width).
        none_of_them: The class that the ensembler adds to every model: a "learned" key and value,
            or "zero", as released: logit and value are 0.
        normalisation: Of the ensembled classes: "none", or "batch" over (task, class, model).
        pooling: Means over the classes that are "present", or over "all", padding included.
        supervised: What the attention supervision looks at: the softmax "weights" as
            probabilities, or the raw "logits" through a logistic function.
        balanced: Whether labels 0 and labels 1 weigh the same in total, whatever their number.
    """

    projections: Literal["separate", "shared"] = "separate"
    softmax: Literal["exact", "released"] = "exact"
    layer_norm: Literal["deviation", "variance"] = "deviation"
    logits: Literal["inner_product", "cosine"] = "inner_product"
    none_of_them: Literal["learned", "zero"] = "learned"
    normalisation: Literal["none", "batch"] = "none"
    pooling: Literal["present", "all"] = "present"
    supervised: Literal["weights", "logits"] = "weights"
    balanced: bool = False


TEXT: Final = Blocks()

RELEASED: Final = Blocks(
    projections="shared",
    softmax="released",
    layer_norm="variance",
    logits="cosine",
    none_of_them="zero",
    normalisation="batch",
    pooling="all",
    supervised="logits",
    balanced=True,
)
