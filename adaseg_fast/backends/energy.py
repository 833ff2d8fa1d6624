# SPDX-License-Identifier: Apache-2.0
"""The energy of eq. (2), its minimiser under eq. (3) and the factors for it, in NumPy.

The energy of a sampling tensor ``phi`` for boundary points ``b`` is

    |phi - b|^2 + lam * (sum over pairs of grid neighbours of |phi_i - phi_j|^2).

Its minimiser solves one linear system per coordinate. For the row coordinates the first and last
grid row are fixed at 0 and 1; on the interior rows

    (1 + lam (D + L)) x = b + lam * (fixed neighbours),

with D the path Laplacian between fixed ends (down the rows) and L the one with free ends (along
the columns). Both are diagonal in fixed orthonormal bases, so a solution takes two small matrix
products per side (``FixedRows``). Alternatively L alone is made diagonal, which leaves one
tridiagonal system per column, eliminated in one sweep down and one up (``Sweep``). Column
coordinates are the transposed problem.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class FixedRows(NamedTuple):
    """The problem with the first and last of ``h`` rows fixed, in float64.

    Attributes:
        down: (h-2, h-2), columns are the eigenvectors of D.
        along: (w, w), columns are the eigenvectors of L.
        inverse: (h-2, w), one over the eigenvalues of the system.
        pull: (h-2, w), what the fixed last row adds to the right-hand side.
    """

    down: NDArray[np.float64]
    along: NDArray[np.float64]
    inverse: NDArray[np.float64]
    pull: NDArray[np.float64]


def _path_laplacian(size: int, fixed_ends: bool) -> NDArray[np.float64]:
    matrix = 2.0 * np.eye(size) - np.eye(size, k=1) - np.eye(size, k=-1)
    if not fixed_ends:
        matrix[0, 0] -= 1.0
        matrix[-1, -1] -= 1.0
    return matrix


@lru_cache(maxsize=64)
def fixed_rows(h: int, w: int, lam: float) -> FixedRows:
    """Factors of the h x w problem for the weight ``lam``; cached, so never write to them."""
    values_down, down = np.linalg.eigh(_path_laplacian(h - 2, fixed_ends=True))
    values_along, along = np.linalg.eigh(_path_laplacian(w, fixed_ends=False))
    inverse = 1.0 / (1.0 + lam * (values_down[:, None] + values_along[None, :]))
    pull = np.zeros((h - 2, w))
    pull[-1:] = lam
    return FixedRows(down, along, inverse, pull)


class Sweep(NamedTuple):
    """The same problem with its columns uncoupled and its rows still coupled, in float64.

    Attributes:
        basis: (w, w), columns are the eigenvectors of L.
        ratio: (h-2, w), the multiple of a row that is added to the next one on the way down
            (right-hand sides) and to the previous one on the way up (solutions).
        inverse: (h-2, w), one over the pivots.
        ones: (1, w), a row of ones in the basis.
    """

    basis: NDArray[np.float64]
    ratio: NDArray[np.float64]
    inverse: NDArray[np.float64]
    ones: NDArray[np.float64]


def sweep(h: int, w: int, lam: float) -> Sweep:
    """Factors of the h x w problem with the first and last row fixed."""
    values, basis = np.linalg.eigh(_path_laplacian(w, fixed_ends=False))
    diagonal = 1.0 + lam * (2.0 + values)
    ratio, inverse = np.zeros((2, h - 2, w))
    before: Any = 0.0
    for i in range(h - 2):
        inverse[i] = 1.0 / (diagonal - lam * before)
        before = ratio[i] = lam * inverse[i]
    return Sweep(basis, ratio, inverse, basis.sum(0, keepdims=True))


def solve_sampling(
    targets: NDArray[Any], lam: float, homogeneous: bool = False
) -> NDArray[np.float64]:
    """Minimiser of eq. (2) subject to eq. (3) for boundary points ``targets``, both (N, 2, h, w).

    With ``homogeneous`` the fixed borders are all 0: the linear part of the solution. Without it
    no coordinate leaves the range of its targets and the borders, 0 and 1: it is a mean of them.
    """
    _, _, h, w = targets.shape
    solution = np.empty(targets.shape, np.float64)
    wanted = targets.astype(np.float64)
    last = 0.0 if homogeneous else 1.0
    solution[:, 0] = _solve_rows(wanted[:, 0], fixed_rows(h, w, lam), last)
    across = wanted[:, 1].swapaxes(1, 2)
    solution[:, 1] = _solve_rows(across, fixed_rows(w, h, lam), last).swapaxes(1, 2)
    if not homogeneous:
        keep_in_range(solution, wanted)
    return solution


def keep_in_range(solution: NDArray[Any], targets: NDArray[Any]) -> None:
    """Move coordinates, in place, that rounding has moved beyond the targets and the borders.

    A solution is a mean of its targets and of the borders, 0 and 1. Both arguments are (..., h, w),
    a plane for each coordinate.
    """
    least = np.minimum(targets.min((-2, -1), keepdims=True), 0)
    most = np.maximum(targets.max((-2, -1), keepdims=True), 1)
    np.clip(solution, least, most, out=solution)


def _solve_rows(wanted: NDArray[np.float64], system: FixedRows, last: float) -> NDArray[np.float64]:
    solution = np.empty_like(wanted)
    solution[:, 0], solution[:, -1] = 0.0, last
    spectrum = system.down.T @ (wanted[:, 1:-1] + last * system.pull) @ system.along
    solution[:, 1:-1] = system.down @ (spectrum * system.inverse) @ system.along.T
    return solution


def sampling_energy(phi: NDArray[Any], targets: NDArray[Any], lam: float) -> NDArray[Any]:
    """Eq. (2) per item, (N,), for boundary points ``targets``; summed in float64."""
    wide = phi.astype(np.float64)
    data = ((wide - targets) ** 2).sum((1, 2, 3))
    down = (np.diff(wide, axis=2) ** 2).sum((1, 2, 3))
    along = (np.diff(wide, axis=3) ** 2).sum((1, 2, 3))
    energy: NDArray[Any] = data + lam * (down + along)
    return energy.astype(np.result_type(phi, targets))
