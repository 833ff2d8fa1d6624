# SPDX-License-Identifier: Apache-2.0
"""Which triangle owns each pixel, and with what barycentric weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.compile import SOURCES, kernel
from adaseg_fast.backends.numba.lattice import Grid, area2, corners, point
from adaseg_fast.backends.numba.scan import fill, scan, weights_at


@kernel
def paint_faces(
    grid: Grid, begin: int, end: int, faces: NDArray[np.int32], sources: int = SOURCES
) -> None:
    """Owner of each pixel of the image rows [begin, end); -1 where there is none.

    The highest triangle number wins where a folded grid covers a pixel twice.
    """
    if not grid.covers:
        faces[begin:end] = -1
    points, main, touched = grid.points, grid.main, grid.touched
    rows, cols = main.shape
    shares = np.empty((end - begin, 2), np.int32)
    for i in range(rows):
        if touched[i, 1] <= begin or touched[i, 0] >= end:
            continue
        for j in range(cols):
            for second in range(2):
                a, b, c = corners(main, i, j, second)
                p, q, s = point(points, a), point(points, b), point(points, c)
                first, last = scan(p, q, s, grid.lattice, begin, end, shares)
                number = np.int32(2 * (i * cols + j) + second)
                for row in range(first, last):
                    fill(faces, row, shares[row - first, 0], shares[row - first, 1], number)


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
    points, main, bits = grid.points, grid.main, grid.lattice.bits
    cols, width = main.shape[1], faces.shape[1]
    for row in range(begin, end):
        first = 0
        while first < width:
            number, last = faces[row, first], first + 1
            while last < width and faces[row, last] == number:
                last += 1
            if number < 0:
                for k in range(3):
                    fill(weights[k], row, first, last, 0)
            else:
                i, j = number // 2 // cols, number // 2 % cols
                a, b, c = corners(main, i, j, number % 2)
                p, q, s = point(points, a), point(points, b), point(points, c)
                scale = 1.0 / float(area2(p, q, s))
                for col in range(first, last):
                    weight = weights_at(p, q, s, row, col, bits, scale)
                    for k in range(3):
                        weights[k, row, np.uint64(col)] = weight[k]
            first = last
