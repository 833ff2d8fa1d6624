# SPDX-License-Identifier: Apache-2.0
"""Gradients of interpolation to the scores and to the sampling tensor.

Each pixel gives weight * gradient to its triangle's corners, and a corner that moves takes the
triangle's affine function with it. Sums are taken per triangle, then per vertex, always in the same
order, so that they do not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends._numba_compile import SOURCES, inlined, kernel
from adaseg_fast.backends._numba_lattice import Grid, Lattice, Point, area2, corners, point
from adaseg_fast.backends._numba_scan import scan, weight_steps, weights_at


@inlined
def _add_run(
    elements: NDArray[Any],
    start: int,
    steps: tuple[int, int],
    faces: NDArray[np.int32],
    number: int,
    row: int,
    first: int,
    last: int,
    at: tuple[float, float, float],
    by: tuple[float, float, float],
    sums: NDArray[np.float64],
) -> None:
    """Add a run's gradient times the weights of the three corners to ``sums`` (C, 3)."""
    folded = faces.shape[0] > 0
    for channel in range(sums.shape[0]):
        total = moment = 0.0
        offset = start + channel * steps[0]
        for col in range(first, last):
            if not folded or faces[row, col] == number:
                value = float(elements[np.uint64(offset + col * steps[1])])
                total += value
                moment += value * float(col - first)
        for k in range(3):
            sums[channel, k] += at[k] * total + by[k] * moment


@inlined
def _motion(
    p: Point,
    q: Point,
    s: Point,
    lattice: Lattice,
    a: int,
    b: int,
    c: int,
    scores: NDArray[np.float64],
    sums: NDArray[np.float64],
    corner: int,
) -> tuple[float, float]:
    """-weight * gradient of the triangle's affine function, per unit of phi, for one corner."""
    scale = float(1 << lattice.bits) / float(area2(p, q, s))
    row_q, row_s = float(p[1] - s[1]) * scale, float(q[1] - p[1]) * scale
    col_q, col_s = float(s[0] - p[0]) * scale, float(p[0] - q[0]) * scale
    down = right = 0.0
    for channel in range(sums.shape[0]):
        x = scores[a, channel]
        y, z = scores[b, channel] - x, scores[c, channel] - x
        down -= sums[channel, corner] * (y * row_q + z * row_s)
        right -= sums[channel, corner] * (y * col_q + z * col_s)
    return down * float(lattice.row_extent), right * float(lattice.col_extent)


@kernel
def collect_gradients(
    grid: Grid,
    faces: NDArray[np.int32],
    scores: NDArray[np.float64],
    elements: NDArray[Any],
    offset: int,
    strides: tuple[int, ...],
    i: int,
    owed: NDArray[np.float64],
    sources: int = SOURCES,
) -> None:
    """What row ``i`` of cells owes to the vertices above and below it.

    Args:
        faces: (H, W), the owner of each pixel, or (0, 0) if every pixel has one triangle only.
        scores: (V, C).
        elements: those of the gradient (C, H, W), with the first one's place and the strides.
        owed: (h - 1, 2, w, C + 2), to the scores and to the row and column of each vertex; zero
            at first.
    """
    points, main, lattice = grid.points, grid.main, grid.lattice
    cols, channels = main.shape[1], scores.shape[1]
    sums = np.empty((channels, 3), np.float64)
    shares = np.empty((lattice.height, 2), np.int32)
    for j in range(cols):
        for second in range(2):
            a, b, c = corners(main[i, j], second, i, j, cols + 1)
            p, q, s = point(points, a), point(points, b), point(points, c)
            first, last = scan(p, q, s, lattice, 0, lattice.height, shares)
            area = area2(p, q, s)
            if first == last or area == 0:
                continue  # owns no pixel
            number = 2 * (i * cols + j) + second
            scale = 1.0 / float(area)
            by = weight_steps(p, q, s, lattice.bits, scale)
            sums[:] = 0.0
            for row in range(first, last):
                left, right = shares[row - first, 0], shares[row - first, 1]
                if left < right:
                    at = weights_at(p, q, s, row, left, lattice.bits, scale)
                    start = offset + row * strides[1]
                    steps = (strides[0], strides[2])
                    _add_run(elements, start, steps, faces, number, row, left, right, at, by, sums)
            for k in range(3):
                vertex = (a, b, c)[k] - i * (cols + 1)
                side, along = vertex // (cols + 1), vertex % (cols + 1)
                for channel in range(channels):
                    owed[i, side, along, channel] += sums[channel, k]
                down, right_by = _motion(p, q, s, lattice, a, b, c, scores, sums, k)
                owed[i, side, along, channels] += down
                owed[i, side, along, channels + 1] += right_by
