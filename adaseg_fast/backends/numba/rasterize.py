# SPDX-License-Identifier: Apache-2.0
"""The sampling grid's triangles, and which of them owns each pixel with what weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba import geometry, runtime
from adaseg_fast.backends.numba.grid import Grid, make_grids, may_touch, scan, triangle_of
from adaseg_fast.backends.numba.runtime import SOURCES, Array, Ints, kernel


def triangles(phi: Array, out: Array, height: int, width: int, diagonal: int, threads: int) -> None:
    """Vertex numbers of every triangle, cell by cell."""
    for grid, item in zip(make_grids(phi, (height, width), diagonal), out, strict=True):
        list_triangles(grid, item)


def rasterize(phi: Array, faces: Array, weights: Array, diagonal: int, threads: int) -> None:
    """Owner and barycentric weights of every pixel; -1 and 0 where there is no triangle."""
    grids = make_grids(phi, faces.shape[1:], diagonal)
    wide = runtime.widened(weights)

    def fill(n: int, begin: int, end: int) -> None:
        paint_band(grids[n], begin, end, faces[n], wide[n])

    runtime.run_bands(fill, faces, threads)
    runtime.store(wide, weights)


@kernel
def list_triangles(grid: Grid, out: Ints, sources: int = SOURCES) -> None:
    """Vertex numbers (T, 3)."""
    rows, cols = grid.main.shape
    for i in range(rows):
        for k in range(2 * cols):
            t = triangle_of(grid.points, grid.main, i, k)
            to = out[2 * i * cols + k]
            to[0], to[1], to[2] = t.a, t.b, t.c


@kernel
def paint_band(
    grid: Grid,
    begin: int,
    end: int,
    faces: NDArray[np.int32],
    weights: NDArray[Any],
    sources: int = SOURCES,
) -> None:
    """Fill the image rows [begin, end) of ``faces`` (H, W) and ``weights`` (3, H, W).

    Later triangles overwrite earlier ones, so that the highest number wins where a folded grid
    covers a pixel twice.
    """
    lattice, points, main = grid.lattice, grid.points, grid.main
    rows, cols = main.shape
    shares = np.empty((end - begin, 2), np.int64)
    if not grid.covers:
        faces[begin:end] = -1
        weights[:, begin:end] = 0
    for i in range(rows):
        if not may_touch(grid.image_rows, i, begin, end):
            continue
        for k in range(2 * cols):
            t = triangle_of(points, main, i, k)
            first, last = scan(t, lattice, begin, end, shares)
            for row in range(first, last):
                for col in range(shares[row - first, 0], shares[row - first, 1]):
                    w = geometry.weights_at(t, row, col, lattice.bits)
                    faces[row, col] = 2 * i * cols + k
                    for corner in range(3):
                        weights[corner, row, col] = w.at[corner]
