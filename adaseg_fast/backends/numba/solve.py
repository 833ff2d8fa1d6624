# SPDX-License-Identifier: Apache-2.0
"""Eq. (2) subject to eq. (3): a basis in which the columns part, then one sweep down and up.

Rows are padded to whole blocks of ``LANES`` columns; of a basis, each block of columns lies in one
piece.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends import energy
from adaseg_fast.backends.numba.compile import SOURCES, kernel
from adaseg_fast.backends.numba.lanes import LANES, add_product, write_product

Array = NDArray[Any]


class Factors(NamedTuple):
    """Those of ``energy.Sweep``, padded and flat, of one type."""

    to_basis: Array
    from_basis: Array
    ratio: Array
    inverse: Array
    last: Array


@lru_cache(maxsize=64)
def factors_of(h: int, w: int, lam: float, dtype: np.dtype[Any]) -> Factors:
    """For planes of h x w with the first and last row fixed; kept."""
    sweep = energy.sweep(h, w, lam)
    padding = -w % LANES

    def blocks(matrix: Array) -> Array:
        return matrix.reshape(w, -1, LANES).swapaxes(0, 1)

    padded = (np.pad(x, ((0, 0), (0, padding))) for x in (sweep.basis, sweep.basis.T, *sweep[1:]))
    to_basis, from_basis, *rest = padded
    all_of_them = (blocks(to_basis), blocks(from_basis), *rest)
    return Factors(*(np.ascontiguousarray(x, dtype).reshape(-1) for x in all_of_them))


def solve_planes(targets: Array, factors: Factors, last: float) -> Array:
    """The planes of one coordinate, (N, h, w) contiguous, whose last row is ``last``."""
    items, h, w = targets.shape
    dtype = targets.dtype
    out = np.empty(items * h * w + LANES, dtype)  # a row's last block may reach beyond its end
    if h > 2:
        _fill_free_rows(targets.reshape(-1), h, w, factors, dtype.type(last), out)
    planes = out[: items * h * w].reshape(items, h, w)
    planes[:, 0], planes[:, -1] = 0, last
    return planes


@kernel
def _fill_free_rows(
    targets: Array,
    h: int,
    w: int,
    factors: Factors,
    last: Any,
    out: Array,
    sources: int = SOURCES,
) -> None:
    """All rows but the first and last of planes one after the other; the others are spoilt."""
    to_basis, from_basis, ratio, inverse, ones = factors
    padded = len(ones)
    end = (h - 2) * padded
    spectrum = np.empty(end + padded, targets.dtype)
    for plane in range(0, targets.size, h * w):
        for i in range(h - 2):
            at = i * padded
            for k in range(0, padded, LANES):
                write_product(targets, plane + (i + 1) * w, to_basis, k * w, w, spectrum, at + k)
                if i > 0:
                    before = at - padded + k
                    add_product(spectrum, at + k, ratio, before, spectrum, before)
        for k in range(padded):
            spectrum[end + k] = last * ones[k]
        for k in range(end):
            spectrum[k] *= inverse[k]
        for at in range(end - LANES, -1, -LANES):
            add_product(spectrum, at, ratio, at, spectrum, at + padded)
        for i in range(h - 2):
            for k in range(0, w, LANES):
                to = plane + (i + 1) * w + k
                write_product(spectrum, i * padded, from_basis, k * w, w, out, to)
