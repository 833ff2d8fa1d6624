# SPDX-License-Identifier: Apache-2.0
"""Which triangle owns each pixel, and with what barycentric weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends._numba_compile import SOURCES, inlined, kernel
from adaseg_fast.backends._numba_lattice import Grid, area2, corners, point
from adaseg_fast.backends._numba_scan import scan, weights_at


@kernel
def paint_faces(
    grid: Grid, begin: int, end: int, faces: NDArray[np.int32], sources: int = SOURCES
) -> None:
    """Owner of each pixel of the image rows [begin, end); -1 where there is none.

    The highest triangle number wins where a folded grid covers a pixel twice.
    """
    if not grid.covers:
        faces[begin:end] = -1
    rows, cols = grid.main.shape
    shares = np.empty((end - begin, 2), np.int32)
    for i in range(rows):
        if grid.touched[i, 1] <= begin or grid.touched[i, 0] >= end:
            continue
        for j in range(cols):
            for second in range(2):
                a, b, c = corners(grid.main[i, j], second, i, j, cols + 1)
                p, q, s = point(grid.points, a), point(grid.points, b), point(grid.points, c)
                found = scan(p, q, s, grid.lattice, begin, end, shares)
                number = np.int32(2 * (i * cols + j) + second)
                for row in range(found.begin, found.end):
                    first, last = shares[row - found.begin]
                    faces[row, first:last] = number


@inlined
def _weigh_run(
    grid: Grid, number: int, row: int, first: int, last: int, weights: NDArray[Any]
) -> None:
    cell = number // 2
    cols = grid.main.shape[1]
    i, j = cell // cols, cell % cols
    a, b, c = corners(grid.main[i, j], number % 2, i, j, cols + 1)
    p, q, s = point(grid.points, a), point(grid.points, b), point(grid.points, c)
    scale = 1.0 / float(area2(p, q, s))
    for col in range(first, last):
        weight = weights_at(p, q, s, row, col, grid.lattice.bits, scale)
        weights[0, row, col] = weight[0]
        weights[1, row, col] = weight[1]
        weights[2, row, col] = weight[2]


@kernel
def weigh(
    grid: Grid,
    faces: NDArray[np.int32],
    begin: int,
    end: int,
    weights: NDArray[Any],
    sources: int = SOURCES,
) -> None:
    """Weights (3, H, W) of the owners' corners on the rows [begin, end); 0 where there is none."""
    width = faces.shape[1]
    for row in range(begin, end):
        first = 0
        while first < width:
            number, last = faces[row, first], first + 1
            while last < width and faces[row, last] == number:
                last += 1
            if number >= 0:
                _weigh_run(grid, number, row, first, last, weights)
            else:
                weights[:, row, first:last] = 0
            first = last
