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

from adaseg_fast.backends.numba.compile import SOURCES, inlined, kernel
from adaseg_fast.backends.numba.lattice import Grid, Lattice, Point, area2, corners, point
from adaseg_fast.backends.numba.scan import scan, weight_steps, weights_at


@inlined
def _list_runs(
    row: int,
    rows: NDArray[np.int64],
    shares: NDArray[np.int32],
    runs: NDArray[np.int64],
) -> int:
    """List an image row's runs: triangle, first column, the one after the last; and count them."""
    count = 0
    for triangle in range(rows.shape[0]):
        if rows[triangle, 0] <= row < rows[triangle, 1]:
            k = row - rows[triangle, 0]
            runs[count, 0] = triangle
            runs[count, 1], runs[count, 2] = shares[triangle, k, 0], shares[triangle, k, 1]
            count += runs[count, 1] < runs[count, 2]
    return count


@inlined
def _add_row(
    elements: NDArray[Any],
    start: int,
    step: int,
    faces: NDArray[np.int32],
    row: int,
    before: int,
    runs: NDArray[np.int64],
    count: int,
    at: NDArray[np.float64],
    by: NDArray[np.float64],
    channel: int,
    sums: NDArray[np.float64],
) -> None:
    """Add a row's gradient times the weights of the three corners to ``sums`` (T, C, 3).

    ``before``: number of triangles in the rows of cells above.
    """
    folded = faces.shape[0] > 0
    for k in range(count):
        triangle, first, last = runs[k, 0], runs[k, 1], runs[k, 2]
        total = moment = 0.0
        for col in range(first, last):
            if not folded or faces[row, col] == before + triangle:
                value = float(elements[np.uint64(start + col * step)])
                total += value
                moment += value * float(col - first)
        for corner in range(3):
            part = at[k, corner] * total + by[triangle, corner] * moment
            sums[triangle, channel, corner] += part


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
    begin = min(grid.touched[i, 0], lattice.height)
    end = min(grid.touched[i, 1], lattice.height)
    rows, shares = np.empty((2 * cols, 2), np.int64), np.empty((2 * cols, end - begin, 2), np.int32)
    by = np.empty((2 * cols, 3), np.float64)
    for triangle in range(2 * cols):
        a, b, c = corners(main, i, triangle // 2, triangle % 2)
        p, q, s = point(points, a), point(points, b), point(points, c)
        first, last = scan(p, q, s, lattice, begin, end, shares[triangle])
        rows[triangle, 0], rows[triangle, 1] = first, last
        scale = 1.0 / float(area2(p, q, s))
        steps = weight_steps(p, q, s, lattice.bits, scale)
        by[triangle, 0], by[triangle, 1], by[triangle, 2] = steps
    sums, at = np.zeros((2 * cols, channels, 3), np.float64), np.empty((2 * cols, 3), np.float64)
    runs = np.empty((2 * cols + 1, 3), np.int64)
    for row in range(begin, end):
        count = _list_runs(row, rows, shares, runs)
        for k in range(count):
            triangle = runs[k, 0]
            a, b, c = corners(main, i, triangle // 2, triangle % 2)
            p, q, s = point(points, a), point(points, b), point(points, c)
            scale = 1.0 / float(area2(p, q, s))
            weights = weights_at(p, q, s, row, runs[k, 1], lattice.bits, scale)
            at[k, 0], at[k, 1], at[k, 2] = weights
        for channel in range(channels):
            start = offset + channel * strides[0] + row * strides[1]
            step, before = strides[2], 2 * i * cols
            _add_row(elements, start, step, faces, row, before, runs, count, at, by, channel, sums)
    for triangle in range(2 * cols):
        a, b, c = corners(main, i, triangle // 2, triangle % 2)
        p, q, s = point(points, a), point(points, b), point(points, c)
        if area2(p, q, s) == 0:
            continue  # owns no pixel
        for k in range(3):
            vertex = (a, b, c)[k] - i * (cols + 1)
            side, along = vertex // (cols + 1), vertex % (cols + 1)
            for channel in range(channels):
                owed[i, side, along, channel] += sums[triangle, channel, k]
            down, right = _motion(p, q, s, lattice, a, b, c, scores, sums[triangle], k)
            owed[i, side, along, channels] += down
            owed[i, side, along, channels + 1] += right
