"""FDA, the Fisher discriminant posterior of Fennec."""

from numpy.typing import ArrayLike

from synlearn.scorers.classes import ClassRows, class_rows
from synlearn.scorers.discriminant import discriminant, mean_true_class, posteriors
from synlearn.scorers.principal import principal_components


def fda(features: ArrayLike, labels: ArrayLike, *, components: int | None = None) -> float:
    """Mean true-class posterior of linear discriminant analysis; higher is better.

    With class means mu_c and within-class scatter S_w = sum (x - mu_y)(x - mu_y)' / n:

        FDA = mean over i of softmax over c of
              (x_i' S_w^-1 mu_c - mu_c' S_w^-1 mu_c / 2 + log(n_c / n))  at c = y_i.

    The paper's equation 3 is the sum over i; the mean, as its authors compute it, does not grow
    with n. Invariant under every invertible affine map of the features.

    Args:
        features: (n, d) floats.
        labels: (n,) whole numbers; gaps in the numbering and classes that never occur change
            nothing. One sample in a class is allowed.
        components: Reduce the features to this many principal components first (the authors take
            32); None keeps them all. At most as many as the features have rank are kept.

    Returns:
        A number in [0, 1]; 1 for a single class.

    Raises:
        ScoreInputError: S_w is singular, so that the score is not defined: n - c < d (which
            includes n < d), one sample in every class, or a feature that is constant or a
            combination of others within the classes. Reduce with `components`, or use `sfda`,
            which regularises.

    Source: Bai et al., "Pre-trained Model Recommendation for Downstream Fine-tuning" (Fennec),
    2024, equations 2-3.
    """
    data = class_rows(features, labels, "fda")
    if components is not None:
        reduced = principal_components(data.x, components, "fda").scores
        data = ClassRows(reduced, data.y, data.counts)
    return mean_true_class(posteriors(discriminant(data), 0.0, "fda"), data)
