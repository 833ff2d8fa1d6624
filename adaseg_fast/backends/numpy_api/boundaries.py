# SPDX-License-Identifier: Apache-2.0
"""Semantic boundaries and the sampling tensors that follow them (sec. 3.1), on NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence

from adaseg_fast.backends import energy, specs
from adaseg_fast.backends.numpy_api.arrays import Array, at_most, new, plain
from adaseg_fast.backends.select import kernels


def boundary_mask(
    labels: Array,
    *,
    classes: Sequence[int] | None = None,
    ignore_index: int = 255,
    threads: int | None = None,
) -> Array:
    """Mark the pixels on a semantic boundary (sec. 3.1).

    A pixel with a 4-neighbour of another label is on a boundary, and so is that neighbour, unless
    either label is ``ignore_index``. With ``classes`` one of the two labels must be among them.

    Args:
        labels: (N, H, W) integers, at least one pixel.
        classes: The target classes; None for all.
        ignore_index: The label of pixels without a class.
        threads: The most threads to use, 1 to 1024; all processors by default.

    Returns:
        (N, H, W) bool.

    Raises:
        ValueError: ``labels`` has a wrong shape.
        TypeError: ``labels`` does not hold integers.

    Example:
        >>> import numpy as np
        >>> boundary_mask(np.array([[[1, 1, 2, 2]]]))
        array([[[False,  True,  True, False]]])
    """
    out = new(specs.boundary_mask(labels), labels)
    kernels().boundary_mask(plain(labels), out, classes, ignore_index, at_most(threads))
    return out


def nearest_boundary(
    labels: Array,
    size: Sequence[int],
    *,
    classes: Sequence[int] | None = None,
    ignore_index: int = 255,
    threads: int | None = None,
) -> Array:
    """Find the boundary pixel nearest to each point of the uniform grid: b(u) of eq. (2).

    Each point is rounded to its pixel (ties to even). The distance is Euclidean, in pixels; the
    smallest row and then the smallest column wins a tie. Without any boundary the result is the
    uniform grid itself. The search is exact, and does not read rows that it need not reach.

    Args:
        labels: (N, H, W) integers, at least one pixel.
        size: (h, w) of the grid, each at least 2.
        classes: The target classes; None for all.
        ignore_index: The label of pixels without a class.
        threads: The most threads to use, 1 to 1024; all processors by default.

    Returns:
        (N, 2, h, w) float32, relative (row, column).

    Raises:
        ValueError: ``labels`` or ``size`` has a wrong shape, or ``size`` is below 2 x 2.
        TypeError: ``labels`` does not hold integers.

    Example:
        >>> import numpy as np
        >>> labels = np.zeros((1, 5, 5), np.uint8)
        >>> labels[:, :, 3:] = 1  # the boundary: columns 2 and 3
        >>> nearest_boundary(labels, (2, 2))[0, 1]
        array([[0.5 , 0.75],
               [0.5 , 0.75]], dtype=float32)
    """
    out = new(specs.nearest_boundary(labels, size), labels)
    kernels().nearest_boundary(plain(labels), out, classes, ignore_index, at_most(threads))
    return out


def solve_sampling(targets: Array, lam: float = 1.0, *, threads: int | None = None) -> Array:
    """Find the sampling tensor that minimises eq. (2) subject to eq. (3).

    Each unordered pair of grid neighbours counts once. Where the boundary points lie in [0, 1] so
    does the solution.

    Args:
        targets: (N, 2, h, w) floating point: the boundary points b(u), relative (row, column), as
            ``nearest_boundary`` gives them.
        lam: lambda of eq. (2), finite and at least 0. 0 follows the boundaries, a large value the
            uniform grid.
        threads: The most threads to use, 1 to 1024; all processors by default.

    Returns:
        (N, 2, h, w) of the dtype of ``targets`` (float16 is computed in float32).

    Raises:
        ValueError: ``targets`` has a wrong shape, or ``lam`` is out of range.
        TypeError: ``targets`` is not floating point.

    Example:
        >>> import numpy as np
        >>> solve_sampling(np.full((1, 2, 3, 3), 0.2))[0, 0]
        array([[0. , 0. , 0. ],
               [0.4, 0.4, 0.4],
               [1. , 1. , 1. ]])
    """
    out = new(specs.solve_sampling(targets, lam), targets)
    kernels().solve_sampling(plain(targets), out, lam, False, at_most(threads))
    return out


def sampling_energy(phi: Array, targets: Array, lam: float = 1.0) -> Array:
    """Compute the energy of eq. (2) per item.

    Args:
        phi: (N, 2, h, w) floating point, relative (row, column), h and w at least 2.
        targets: (N, 2, h, w) floating point: the boundary points b(u).
        lam: lambda of eq. (2), finite and at least 0; each pair of neighbours counts once.

    Returns:
        (N,) of the common dtype of ``phi`` and ``targets``, summed in float64.

    Raises:
        ValueError: The shapes are wrong or differ, or ``lam`` is out of range.
        TypeError: ``phi`` or ``targets`` is not floating point.

    Example:
        >>> import numpy as np
        >>> from adaseg_fast.backends import uniform_sampling_tensor
        >>> phi = uniform_sampling_tensor((2, 2), dtype=np.float64)
        >>> sampling_energy(phi, phi, lam=0.5)  # four pairs of neighbours are 1 apart
        array([2.])
    """
    specs.sampling_energy(phi, targets, lam)
    return energy.sampling_energy(phi, targets, lam)
