# SPDX-License-Identifier: Apache-2.0
"""The linear system of eq. (2) subject to eq. (3), in a basis where it is diagonal.

For the row coordinates the first and last grid row are fixed at 0 and 1; on the interior rows

    (1 + lam (D + L)) x = b + lam * (fixed neighbours),

with D the path Laplacian between fixed ends (down the rows) and L the one with free ends (along
the columns). Both are diagonal in fixed orthonormal bases, so that a solution takes two small
matrix products a side. Column coordinates are the transposed problem.
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
    """Factors of the h x w problem for the weight ``lam``; kept, and not to be written to."""
    values_down, down = np.linalg.eigh(_path_laplacian(h - 2, fixed_ends=True))
    values_along, along = np.linalg.eigh(_path_laplacian(w, fixed_ends=False))
    inverse = 1.0 / (1.0 + lam * (values_down[:, None] + values_along[None, :]))
    pull = np.zeros((h - 2, w))
    pull[-1:] = lam
    return FixedRows(down, along, inverse, pull)


def solve_sampling(targets: NDArray[Any], lam: float) -> NDArray[Any]:
    """argmin of (2) subject to (3) for a batch, (N, 2, h, w); float64 inside."""
    _, _, h, w = targets.shape
    solution = np.empty(targets.shape, np.float64)
    wanted = targets.astype(np.float64)
    solution[:, 0] = _solve_rows(wanted[:, 0], fixed_rows(h, w, lam))
    solution[:, 1] = _solve_rows(wanted[:, 1].swapaxes(1, 2), fixed_rows(w, h, lam)).swapaxes(1, 2)
    return solution.astype(targets.dtype)


def _solve_rows(wanted: NDArray[np.float64], system: FixedRows) -> NDArray[np.float64]:
    solution = np.empty_like(wanted)
    solution[:, 0], solution[:, -1] = 0.0, 1.0
    spectrum = system.down.T @ (wanted[:, 1:-1] + system.pull) @ system.along
    solution[:, 1:-1] = system.down @ (spectrum * system.inverse) @ system.along.T
    return solution


def sampling_energy(phi: NDArray[Any], targets: NDArray[Any], lam: float) -> NDArray[Any]:
    """Eq. (2) per item, (N,); each pair of neighbours counts once."""
    data = ((phi - targets) ** 2).sum((1, 2, 3))
    down = (np.diff(phi, axis=2) ** 2).sum((1, 2, 3))
    along = (np.diff(phi, axis=3) ** 2).sum((1, 2, 3))
    energy: NDArray[Any] = data + lam * (down + along)
    return energy
