# SPDX-License-Identifier: Apache-2.0
"""Eq. (2) subject to eq. (3): in a cosine basis along the rows, each column is a system of its own.

Such a system is tridiagonal; one sweep down and one up solve it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends import energy
from adaseg_fast.backends.numba import runtime
from adaseg_fast.backends.numba.runtime import SOURCES, Array, kernel


class Factors(NamedTuple):
    """The factors of ``energy.Sweep``, and the transpose of the basis."""

    to_basis: Array
    from_basis: Array
    ratio: Array
    inverse: Array
    ones: Array


@lru_cache(maxsize=64)
def factors_of(h: int, w: int, lam: float, dtype: np.dtype[Any]) -> Factors:
    """The factors for planes (h, w) with the first and last row fixed; they are kept."""
    found = energy.sweep(h, w, lam)
    arrays = found.basis, found.basis.T, found.ratio, found.inverse, found.ones[0]
    return Factors(*(runtime.contiguous(array, dtype) for array in arrays))


def solve_sampling(targets: Array, out: Array, lam: float, homogeneous: bool, threads: int) -> None:
    """Minimise eq. (2); with ``homogeneous`` the borders are 0: what the targets contribute."""
    items, _, h, w = targets.shape
    kind = np.dtype(runtime.compute_type(targets.dtype))
    count = max(min(items, 4 * threads), 1)
    factors = factors_of(h, w, lam, kind), factors_of(w, h, lam, kind)
    last = kind.type(0 if homogeneous else 1)

    def fill(piece: int) -> None:
        part = slice(items * piece // count, items * (piece + 1) // count)
        wanted, to = targets[part], out[part]
        across = wanted[:, 1].swapaxes(1, 2)  # the transposed problem
        for plane, factor, place in (
            (wanted[:, 0], factors[0], to[:, 0]),
            (across, factors[1], to[:, 1].swapaxes(1, 2)),
        ):
            given = runtime.contiguous(plane, kind)
            found = solve_planes(given, factor, last)
            if not homogeneous:
                energy.keep_in_range(found, given)
            runtime.store(found, place)

    runtime.run(fill, range(count), threads, targets.size)


@kernel
def solve_planes(
    targets: NDArray[Any], factors: Factors, last: Any, sources: int = SOURCES
) -> NDArray[Any]:
    """Row coordinates (N, h, w); the first row of each plane is 0 and the last one is ``last``."""
    to_basis, from_basis, ratio, inverse, ones = factors
    items, h, w = targets.shape
    out, spectrum = np.zeros((items, h, w), targets.dtype), np.empty((h - 1, w), targets.dtype)
    for n in range(items):
        for j in range(w):
            spectrum[h - 2, j] = last * ones[j]
            out[n, h - 1, j] = last
        for i in range(h - 2):
            spectrum[i] = 0
            for k in range(w):
                for j in range(w):
                    spectrum[i, j] += targets[n, i + 1, k] * to_basis[k, j]
            if i > 0:
                for j in range(w):
                    spectrum[i, j] += ratio[i - 1, j] * spectrum[i - 1, j]
        for i in range(h - 3, -1, -1):
            for j in range(w):
                spectrum[i, j] = spectrum[i, j] * inverse[i, j] + ratio[i, j] * spectrum[i + 1, j]
            for k in range(w):
                for j in range(w):
                    out[n, i + 1, j] += spectrum[i, k] * from_basis[k, j]
    return out
