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

from adaseg_fast.backends.numba.compile import SOURCES, inlined, kernel
from adaseg_fast.backends.numba.lanes import LANES, write_line
from adaseg_fast.backends.numba.lattice import Grid, Lattice, area2, corners, first_row, point
from adaseg_fast.backends.numba.scan import fill, scan, weight_steps, weights_at


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
                a, b, c = corners(main, i, j, second)
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
    shares = np.empty((end - begin, 2), np.int32)
    free = start.copy()
    for i in range(rows):
        if touched[i, 1] <= begin or touched[i, 0] >= end:
            continue
        for j in range(cols):
            for second in range(2):
                a, b, c = corners(main, i, j, second)
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
                    weights[k, 0], weights[k, 1], weights[k, 2] = at[0], at[1], at[2]
                    weights[k, 3], weights[k, 4] = by_q, by_s


@inlined
def _order_runs(
    bounds: NDArray[np.int32],
    first: int,
    last: int,
    width: int,
    at: NDArray[np.int64],
    order: NDArray[np.int64],
) -> tuple[int, bool]:
    """Order a row's runs from left to right; if some overlap or pixels are left out, as they come.

    Returns their number, and whether every pixel has exactly one.
    """
    count = pixels = 0
    for k in range(first, last):
        if bounds[k, 0] < bounds[k, 1]:
            at[bounds[k, 0]] = k
            order[count] = k
            count += 1
            pixels += bounds[k, 1] - bounds[k, 0]
    # As many pixels as the row has, and each run begins where another one ends: every pixel once.
    follows, col = pixels == width, 0
    while follows and col < width:
        k = at[col]
        follows = first <= k < last and bounds[k, 0] == col
        col = bounds[k, 1]
    if follows:
        col = 0
        for k in range(count):
            order[k] = at[col]
            col = bounds[at[col], 1]
    return count, follows


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
def _write_row(
    value: NDArray[Any],
    change: NDArray[Any],
    bounds: NDArray[np.int32],
    count: int,
    in_lanes: int,
    channel: int,
    row: int,
    out: NDArray[Any],
) -> None:
    """Write a channel's row; the first ``in_lanes`` runs beyond their end as well."""
    kind = out.dtype.type
    start = (channel * out.shape[1] + row) * out.shape[2]
    for k in range(in_lanes):
        at, length = start + bounds[k, 0], bounds[k, 1] - bounds[k, 0]
        write_line(value[k, channel], change[k, channel], kind(0), out, at)
        for col in range(LANES, length, LANES):
            write_line(value[k, channel], change[k, channel], kind(np.int32(col)), out, at + col)
    for k in range(in_lanes, count):
        first = bounds[k, 0]
        for col in range(first, bounds[k, 1]):
            step = kind(np.int32(col - first))
            out[channel, row, np.uint64(col)] = value[k, channel] + step * change[k, channel]


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
    """Fill the image rows [begin, end) of ``out``.

    Args:
        scores: (V, C), a vertex's side by side, of the type of ``out``.
        out: (C, rows, W), whose first row is image row ``top``.
    """
    points, main, touched = grid.points, grid.main, grid.touched
    lattice, width, channels = grid.lattice, grid.lattice.width, scores.shape[1]
    start = _count_runs(points, main, touched, lattice, begin, end)
    total = start[end - begin]
    bounds, vertices = np.empty((total, 2), np.int32), np.empty((total, 3), np.int32)
    weights = np.empty((total, 5), out.dtype)
    _list_runs(points, main, touched, lattice, begin, end, start, bounds, vertices, weights)
    most = 0
    for row in range(end - begin):
        most = max(most, start[row + 1] - start[row])
    at, order = np.zeros(width, np.int64), np.empty(most, np.int64)
    ends = np.empty((most, 2), np.int32)
    value, change = np.empty((most, channels), out.dtype), np.empty((most, channels), out.dtype)
    for row in range(begin, end):
        count, once = _order_runs(
            bounds, start[row - begin], start[row - begin + 1], width, at, order
        )
        _start_runs(scores, vertices, weights, order, count, value, change)
        in_lanes = 0
        for k in range(count):
            ends[k, 0], ends[k, 1] = bounds[order[k], 0], bounds[order[k], 1]
            # What is written beyond such a run is overwritten by the next ones.
            if once and in_lanes == k and ends[k, 1] + LANES <= width:
                in_lanes = k + 1
        for channel in range(channels):
            if not once:
                fill(out[channel], row - top, 0, width, 0)
            _write_row(value, change, ends, count, in_lanes, channel, row - top, out)
