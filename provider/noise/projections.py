"""The nearest allowed values to noisy ones. None of these has ever seen an exact one."""

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


def onto_simplex(values: Float64, mass: Float64) -> Float64:
    """The nearest vectors without negative entries that sum to `mass`.

    What is above a level, the same for a vector's entries, is kept: the level is that at which the
    kept parts sum to the mass.

    Args:
        values: (..., z).
        mass: (...), not below 0.
    """
    falling = -np.sort(-values, axis=-1)
    kept = np.arange(1, values.shape[-1] + 1)
    levels = (np.cumsum(falling, axis=-1) - mass[..., None]) / kept
    last = (falling > levels).sum(axis=-1).clip(min=1) - 1
    level = np.take_along_axis(levels, last[..., None], axis=-1)
    found = np.maximum(values - level, 0.0)
    total = found.sum(axis=-1, keepdims=True)
    scaled: Float64 = np.divide(
        found * mass[..., None], total, out=np.zeros_like(found), where=total > 0
    )
    return scaled


def onto_whole_simplex(values: Float64, mass: Int64) -> Int64:
    """As `onto_simplex`, in whole numbers: what rounding down leaves goes to the largest rests."""
    real = onto_simplex(values, mass.astype(np.float64))
    whole = np.floor(real).astype(np.int64)
    left = mass - whole.sum(axis=-1)
    order = np.argsort(-(real - whole), axis=-1, kind="stable")
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.broadcast_to(np.arange(order.shape[-1]), order.shape), -1)
    found: Int64 = whole + (place < left[..., None])
    return found


def onto_ball(values: Float64, radius: Float64 | float) -> Float64:
    """The nearest vectors, (..., d), no longer than a radius, (...)."""
    length = np.linalg.norm(values, axis=-1)
    scale = np.divide(radius, length, out=np.ones_like(length), where=length > radius)
    found: Float64 = values * scale[..., None]
    return found


def onto_moments(sums: Float64, packed: Float64, rows: Float64) -> tuple[Float64, Float64]:
    """Sums and products that so many vectors of length 1 at most could have.

    Sums become no longer than the number of rows; products become the sums' own part, s s' / n,
    and a spread around the mean that is positive semidefinite and no larger than length 1 allows.

    Args:
        sums: (..., d).
        packed: (..., d (d + 1) / 2) upper triangles of the products, row by row.
        rows: (...), n.

    Returns:
        Both, of the same shapes; zeros where there is no row.
    """
    width = sums.shape[-1]
    upper = np.triu_indices(width)
    held = np.maximum(rows, 1.0)[..., None]
    sums = onto_ball(sums, rows)
    full = np.empty((*sums.shape, width))
    full[..., upper[0], upper[1]] = packed
    full[..., upper[1], upper[0]] = packed
    own = sums[..., :, None] * sums[..., None, :] / held[..., None]
    sizes, axes = np.linalg.eigh(full - own)
    sizes = np.maximum(sizes, 0.0)
    room = np.maximum(rows - (sums**2).sum(axis=-1) / held[..., 0], 0.0)
    total = sizes.sum(axis=-1)
    sizes *= np.divide(room, total, out=np.ones_like(total), where=total > room)[..., None]
    spread = (axes * sizes[..., None, :]) @ np.swapaxes(axes, -1, -2)
    products = (own + spread)[..., upper[0], upper[1]]
    return sums, np.where(rows[..., None] > 0, products, 0.0)
