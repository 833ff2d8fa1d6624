# SPDX-License-Identifier: Apache-2.0
"""Labels triangle by triangle: for scores that change everywhere, and grids that are folded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.candidates import (
    first_right,
    list_unbeaten,
    make_room,
    part,
    set_leads,
    set_planes,
    start_lines,
)
from adaseg_fast.backends.numba.compile import SOURCES, inlined, kernel
from adaseg_fast.backends.numba.lanes import LANES, write_winners
from adaseg_fast.backends.numba.lattice import Grid, Point, area2, corners, point
from adaseg_fast.backends.numba.scan import fill, scan
from adaseg_fast.backends.numba.vertices import Scores, make_slots, place_of


@inlined
def _paint_shares(
    shares: NDArray[np.int32],
    first: int,
    last: int,
    origin: Point,
    bits: int,
    number: NDArray[np.int32],
    planes: NDArray[np.float64],
    lines: NDArray[Any],
    classes: int,
    winner: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Label a triangle's ``shares`` of the image rows [first, last)."""
    kind, pixel = lines.dtype.type, 1.0 / float(1 << bits)
    origin_row, origin_col = float(origin[0]) * pixel, float(origin[1]) * pixel
    parting = part(planes, origin_col)
    for row in range(first, last):
        left, right, down = shares[row - first, 0], shares[row - first, 1], float(row) - origin_row
        if left >= right:
            continue
        if classes == 2:
            cut = first_right(parting, down, left, right)
            fill(out, row, left, cut, number[parting.left])
            fill(out, row, cut, right, number[1 - parting.left])
            continue
        start_lines(planes, lines, classes, down, float(left) - origin_col)
        for begin in range(left, right, LANES):
            write_winners(lines, number, classes, kind(np.int32(begin - left)), winner)
            for col in range(begin, min(begin + LANES, right)):
                out[row, np.uint64(col)] = winner[np.uint64(col - begin)]


@kernel
def paint_labels(
    grid: Grid, scores: Scores, begin: int, end: int, out: NDArray[Any], sources: int = SOURCES
) -> None:
    """Label the image rows [begin, end) of ``out`` (H, W).

    The highest triangle number wins where a folded grid covers a pixel twice; where there is no
    triangle, -1, which is 255 where labels are bytes.
    """
    if not grid.covers:
        out[begin:end] = -1
    points, main, touched, lattice = grid.points, grid.main, grid.touched, grid.lattice
    elements, layout, best = scores.elements, scores.layout, scores.best
    (rows, cols), bits = main.shape, lattice.bits
    holds, values = make_slots(layout, elements.dtype)
    number, planes, lines, leads = make_room(layout.classes, elements.dtype)
    shares, winner = np.empty((end - begin, 2), np.int32), np.empty(LANES, out.dtype)
    at = np.empty(3, np.int64)
    for i in range(rows):
        if touched[i, 1] <= begin or touched[i, 0] >= end:
            continue
        for j in range(cols):
            for second in range(2):
                a, b, c = corners(main, i, j, second)
                p, q, s = point(points, a), point(points, b), point(points, c)
                first, last = scan(p, q, s, lattice, begin, end, shares)
                if best[a] == best[b] == best[c]:
                    for row in range(first, last):
                        fill(out, row, shares[row - first, 0], shares[row - first, 1], best[a])
                elif first < last and area2(p, q, s) != 0:
                    vertices = a, b, c
                    for k in range(3):
                        at[k] = place_of(elements, layout, holds, values, vertices[k])
                    bests, triangle = (best[a], best[b], best[c]), (p, q, s)
                    set_leads(values, at, bests, leads)
                    classes = list_unbeaten(values, at, layout.classes, leads, number)
                    if classes == 0:  # where scores are NaN or infinite
                        number[0], classes = bests[0], 1
                    set_planes(values, at, number, classes, triangle, bits, planes, lines)
                    _paint_shares(
                        shares, first, last, p, bits, number, planes, lines, classes, winner, out
                    )
