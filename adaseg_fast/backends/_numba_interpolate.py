# SPDX-License-Identifier: Apache-2.0
"""Scores at the grid's vertices -> scores at every pixel, affine in each triangle (sec. 3.3).

Weights are exact at the first pixel of a triangle's share of a row, its run, and the values advance
by a constant from there. A band of image rows is listed run by run first; then each row is written
channel by channel, from left to right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends._numba_compile import SOURCES, inlined, kernel
from adaseg_fast.backends._numba_lattice import Grid, Lattice, area2, corners, first_row, point
from adaseg_fast.backends._numba_scan import fill, scan, weight_steps, weights_at

LANES = 16  # pixels written at once


@inlined
def _count_runs(
    points: NDArray[np.int64],
    main: NDArray[np.bool_],
    touched: NDArray[np.int64],
    lattice: Lattice,
    begin: int,
    end: int,
) -> NDArray[np.int64]:
    """Number of the first run of each image row of [begin, end), and of all runs."""
    start = np.zeros(end - begin + 1, np.int64)
    rows, cols = main.shape
    for i in range(rows):
        if touched[i, 1] <= begin or touched[i, 0] >= end:
            continue
        for j in range(cols):
            for second in range(2):
                a, b, c = corners(main[i, j], second, i, j, cols + 1)
                p, q, s = points[a, 0], points[b, 0], points[c, 0]
                first = first_row(min(p, q, s), lattice)
                last = first_row(max(p, q, s), lattice)
                for row in range(max(first, begin), min(last, end)):
                    start[row - begin + 1] += 1
    for row in range(end - begin):
        start[row + 1] += start[row]
    return start


@inlined
def _list_runs(
    points: NDArray[np.int64],
    main: NDArray[np.bool_],
    touched: NDArray[np.int64],
    lattice: Lattice,
    begin: int,
    end: int,
    start: NDArray[np.int64],
    bounds: NDArray[np.int32],
    vertices: NDArray[np.int32],
    weights: NDArray[Any],
) -> None:
    """Fill in the runs of each row in the order of triangles.

    Per run: first column and the one after the last, three corners, their weights at the first
    pixel, and the change of the second and third to the right neighbour.
    """
    rows, cols = main.shape
    kind = weights.dtype.type
    shares = np.empty((end - begin, 2), np.int32)
    free = start.copy()
    for i in range(rows):
        if touched[i, 1] <= begin or touched[i, 0] >= end:
            continue
        for j in range(cols):
            for second in range(2):
                a, b, c = corners(main[i, j], second, i, j, cols + 1)
                p, q, s = point(points, a), point(points, b), point(points, c)
                first, last = scan(p, q, s, lattice, begin, end, shares)
                scale = 1.0 / float(area2(p, q, s))
                _, by_q, by_s = weight_steps(p, q, s, lattice.bits, scale)
                for row in range(first, last):
                    k = free[row - begin]
                    free[row - begin] += 1
                    bounds[k, 0], bounds[k, 1] = shares[row - first, 0], shares[row - first, 1]
                    vertices[k, 0], vertices[k, 1], vertices[k, 2] = a, b, c
                    at = weights_at(p, q, s, row, shares[row - first, 0], lattice.bits, scale)
                    weights[k, 0], weights[k, 1], weights[k, 2] = kind(at[0]), kind(at[1]), kind(at[2])
                    weights[k, 3], weights[k, 4] = kind(by_q), kind(by_s)


@inlined
def _follow(
    bounds: NDArray[np.int32],
    first: int,
    last: int,
    width: int,
    at: NDArray[np.int64],
    order: NDArray[np.int64],
) -> int:
    """Number of a row's runs from left to right, or -1 if they overlap or leave pixels out."""
    for k in range(first, last):
        if bounds[k, 0] < bounds[k, 1]:
            at[bounds[k, 0]] = k
    count = col = 0
    while col < width:
        k = at[col]
        if k < first or k >= last or bounds[k, 0] != col:
            return -1
        order[count] = k
        count += 1
        col = bounds[k, 1]
    return count


@inlined
def _start_runs(
    scores: NDArray[Any],
    vertices: NDArray[np.int32],
    weights: NDArray[Any],
    order: NDArray[np.int64],
    count: int,
    value: NDArray[Any],
    change: NDArray[Any],
) -> None:
    """Each channel's value at the first pixel of a run, and its change to the right neighbour."""
    for k in range(count):
        run = order[k]
        a, b, c = vertices[run, 0], vertices[run, 1], vertices[run, 2]
        of_a, of_b, of_c = weights[run, 0], weights[run, 1], weights[run, 2]
        by_b, by_c = weights[run, 3], weights[run, 4]
        for channel in range(scores.shape[1]):
            x, y, z = scores[a, channel], scores[b, channel], scores[c, channel]
            value[k, channel] = x * of_a + y * of_b + z * of_c
            # The weights' changes add up to zero: differences keep a constant constant.
            change[k, channel] = (y - x) * by_b + (z - x) * by_c


@inlined
def _write_run(
    value: Any, change: Any, channel: int, row: int, first: int, last: int, whole: bool,
    out: NDArray[Any],
) -> None:
    kind = out.dtype.type
    length = last - first
    if whole and first + (length + LANES - 1) // LANES * LANES <= out.shape[2]:
        # What is written beyond the run is overwritten by the next one.
        for begin in range(0, length, LANES):
            for lane in range(LANES):
                step = kind(np.int32(begin + lane))
                out[channel, row, np.uint64(first + begin) + np.uint64(lane)] = value + step * change
    else:
        for col in range(length):
            out[channel, row, np.uint64(first + col)] = value + kind(np.int32(col)) * change


@kernel
def interpolate_band(
    grid: Grid,
    scores: NDArray[Any],
    begin: int,
    end: int,
    top: int,
    out: NDArray[Any],
    sources: int = SOURCES,
) -> None:
    """Fill the image rows [begin, end) of ``out`` (C, rows, W), whose first row is image row ``top``.

    Args:
        scores: (V, C), a vertex's side by side, of the type of ``out``.
    """
    points, main, touched = grid.points, grid.main, grid.touched
    lattice, width, channels = grid.lattice, grid.lattice.width, scores.shape[1]
    start = _count_runs(points, main, touched, lattice, begin, end)
    total = start[end - begin]
    bounds, vertices = np.empty((total, 2), np.int32), np.empty((total, 3), np.int32)
    weights = np.empty((total, 5), out.dtype)
    _list_runs(
        points, main, touched, lattice, begin, end, start, bounds, vertices, weights
    )
    most = 0
    for row in range(end - begin):
        most = max(most, start[row + 1] - start[row])
    at, order = np.zeros(width, np.int64), np.empty(most, np.int64)
    value, change = np.empty((most, channels), out.dtype), np.empty((most, channels), out.dtype)
    for row in range(begin, end):
        first, last = start[row - begin], start[row - begin + 1]
        count = _follow(bounds, first, last, width, at, order)
        whole = count >= 0
        if not whole:
            count = last - first
            for k in range(count):
                order[k] = first + k
            for channel in range(channels):
                fill(out[channel], row - top, 0, width, 0)
        _start_runs(scores, vertices, weights, order, count, value, change)
        for channel in range(channels):
            for k in range(count):
                run = order[k]
                _write_run(
                    value[k, channel], change[k, channel], channel, row - top,
                    bounds[run, 0], bounds[run, 1], whole, out,
                )
