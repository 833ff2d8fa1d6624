# SPDX-License-Identifier: Apache-2.0
"""The sampling grid's triangles as vertex numbers."""

from __future__ import annotations

from adaseg_fast.backends.numba.common.grid import Grid, make_grids, triangle_of
from adaseg_fast.backends.numba.runtime import SOURCES, Array, Ints, kernel


def triangles(phi: Array, out: Array, height: int, width: int, diagonal: int, threads: int) -> None:
    """List the vertex numbers of every triangle, cell by cell."""
    for grid, item in zip(make_grids(phi, (height, width), diagonal), out, strict=True):
        list_triangles(grid, item)


@kernel
def list_triangles(grid: Grid, out: Ints, sources: int = SOURCES) -> None:
    """Fill ``out`` (T, 3) with vertex numbers."""
    rows, cols = grid.main.shape
    for i in range(rows):
        for k in range(2 * cols):
            t = triangle_of(grid.points, grid.main, i, k)
            to = out[2 * i * cols + k]
            to[0], to[1], to[2] = t.a, t.b, t.c
