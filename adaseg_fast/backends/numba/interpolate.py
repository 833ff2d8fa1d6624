# SPDX-License-Identifier: Apache-2.0
"""Scores at the grid's vertices -> scores at every pixel, affine in each triangle (sec. 3.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba import geometry, runtime
from adaseg_fast.backends.numba.geometry import Weights
from adaseg_fast.backends.numba.grid import Grid, make_grids, may_touch, scan, triangle_of
from adaseg_fast.backends.numba.runtime import SOURCES, Array, helper, kernel


def interpolate(scores: Array, phi: Array, out: Array, diagonal: int, threads: int) -> None:
    """Barycentric interpolation in each triangle; 0 where there is no triangle."""
    grids = make_grids(phi, out.shape[2:], diagonal)
    wide = runtime.widened(out)
    items, channels, h, w = scores.shape
    by_vertex = scores.reshape(items, channels, h * w).swapaxes(1, 2)
    values = [runtime.contiguous(item, wide.dtype) for item in by_vertex]

    def fill(n: int, begin: int, end: int) -> None:
        fill_band(grids[n], values[n], begin, end, wide[n])

    runtime.run_bands(fill, wide, threads)
    runtime.store(wide, out)


@helper
def fill_run(x: float, y: float, z: float, w: Weights, run: NDArray[Any]) -> None:
    """Fill a triangle's pixels of an image row with values in the range of those at its corners.

    ``x``, ``y`` and ``z`` are finite, ``w`` the weights at the first pixel.
    """
    least, most = min(x, y, z), max(x, y, z)
    value, change = geometry.line_of(x, y, z, w)
    change = change if len(run) > 1 else 0.0  # it may be infinite
    for step in range(len(run)):
        run[step] = min(max(value + step * change, least), most)


@kernel
def fill_band(
    grid: Grid,
    values: NDArray[Any],
    begin: int,
    end: int,
    out: NDArray[Any],
    sources: int = SOURCES,
) -> None:
    """Fill the image rows [begin, end) of ``out`` (C, H, W) from ``values`` (V, C).

    Weights are exact at the first pixel of a triangle's share of a row; from there the values
    advance by a constant. Where a score is not finite, or so large that sums overflow, each pixel
    has weights of its own. Later triangles overwrite earlier ones.
    """
    lattice, points, main = grid.lattice, grid.points, grid.main
    rows, cols = main.shape
    shares = np.empty((end - begin, 2), np.int64)
    if not grid.covers:
        out[:, begin:end] = 0
    for i in range(rows):
        if not may_touch(grid.image_rows, i, begin, end):
            continue
        for k in range(2 * cols):
            t = triangle_of(points, main, i, k)
            first, last = scan(t, lattice, begin, end, shares)
            for row in range(first, last):
                left, right = shares[row - first, 0], shares[row - first, 1]
                if left >= right:
                    continue
                w = geometry.weights_at(t, row, left, lattice.bits)
                for c in range(values.shape[1]):
                    run = out[c, row, left:right]
                    # In double, as differences of float32 may overflow.
                    x = np.float64(values[t.a, c])
                    y = np.float64(values[t.b, c])
                    z = np.float64(values[t.c, c])
                    if geometry.are_moderate(x, y, z):
                        fill_run(x, y, z, w, run)
                        continue
                    for step in range(len(run)):
                        here = geometry.weights_at(t, row, left + step, lattice.bits)
                        run[step] = geometry.blend(x, y, z, here)
