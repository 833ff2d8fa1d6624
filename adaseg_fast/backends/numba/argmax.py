# SPDX-License-Identifier: Apache-2.0
"""Labels at every pixel from the places where they change.

A class that wins at all three corners of a triangle wins everywhere in it: only the other, mixed
triangles are looked at. Every edge is given a label on each row it crosses, the same seen from both
of its triangles, and a triangle adds the changes from the label of its left edge to that of its
right one. That needs every pixel to have exactly one triangle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.candidates import (
    Parting,
    first_right,
    list_unbeaten,
    make_room,
    part,
    set_leads,
    set_planes,
    start_lines,
)
from adaseg_fast.backends.numba.changes import add, moved, write_rows
from adaseg_fast.backends.numba.compile import SOURCES, inlined, kernel
from adaseg_fast.backends.numba.lanes import LANES, write_winners
from adaseg_fast.backends.numba.lattice import (
    Grid,
    Lattice,
    Point,
    area2,
    corners,
    first_row,
    point,
)
from adaseg_fast.backends.numba.scan import cross_all, sorted_by_row
from adaseg_fast.backends.numba.vertices import Scores, make_slots, place_of

CLEAR = 1e-5  # a line so far from a pixel, in pixels, is on the right side of it despite rounding


@inlined
def _first_lower(row: int, end: int, ahead: float, behind: float, lattice: Lattice) -> int:
    """First image row on which an edge has its lower end's label, not its upper end's one.

    They part where their scores cross. ``row`` and ``end`` are the ends' lattice rows; the upper
    end's class is ``ahead`` at the upper end and ``behind`` at the lower one.
    """
    share = ahead / (ahead + behind)
    if not (share >= 0.0 and share <= 1.0):  # scores may be infinite
        share = 0.5
    return first_row(row + int(np.ceil(share * float(end - row))), lattice)


@inlined
def _add_line(
    changes: NDArray[np.int64],
    count: int,
    corners: tuple[Point, Point, Point],
    lattice: Lattice,
    long_side: int,
    parting: Parting,
    value: int,
    turns: NDArray[np.int64],
    first: int,
    last: int,
    shares: NDArray[np.int32],
) -> int:
    """Of a triangle of two classes: on each row one change, where their line crosses it.

    The line ends on the edges on which the class changes; the third one has no turn, or row 0.
    """
    top, mid, low = corners
    origin = float(top[0]) / float(1 << lattice.bits)
    to = max(turns[0], turns[1], turns[2])
    since = turns[0] + turns[1] + turns[2] - to
    for row in range(max(first, since), min(last, to)):
        down = float(row) - origin
        line = parting.col + down * parting.by_row
        col = int(line)
        if CLEAR < line - float(col) < 1.0 - CLEAR:
            col += 1
        else:  # the change must not leave the triangle, or neighbours' would be out of order
            cross_all(top, mid, low, lattice, row, row + 1, long_side, shares)
            col = first_right(parting, down, int(shares[0, 0]), int(shares[0, 1]))
        count = add(changes, count, row, col, value)
    return count


@inlined
def _add_rows(
    changes: NDArray[np.int64],
    count: int,
    corners: tuple[Point, Point, Point],
    lattice: Lattice,
    number: NDArray[np.int32],
    planes: NDArray[np.float64],
    lines: NDArray[Any],
    classes: int,
    parting: Parting,
    best: tuple[int, int, int],
    turns: NDArray[np.int64],
    long_side: int,
    first: int,
    last: int,
    shares: NDArray[np.int32],
    winner: NDArray[np.int32],
) -> int:
    """What leads on each row from the label of the left edge to that of the right one.

    ``turns`` are those of the long edge, the upper and the lower one.
    """
    top, mid, low = corners
    pixel, kind = 1.0 / float(1 << lattice.bits), lines.dtype.type
    middle = first_row(mid[0], lattice)
    cross_all(top, mid, low, lattice, first, last, long_side, shares)
    for row in range(first, last):
        on_long = best[0] if row < turns[0] else best[2]
        on_short = best[0] if row < turns[1] else best[1]
        if row >= middle:
            on_short = best[1] if row < turns[2] else best[2]
        label, after = (on_short, on_long) if long_side == 1 else (on_long, on_short)
        left, right = int(shares[row - first, 0]), int(shares[row - first, 1])
        down = float(row) - float(top[0]) * pixel
        if left < right and classes == 2:
            cut = first_right(parting, down, left, right)
            for of in range(2):
                begin, end = (cut, right) if of else (left, cut)
                next_label = number[1 - parting.left if of else parting.left]
                if begin < end and next_label != label:
                    count = add(changes, count, row, begin, next_label - label)
                    label = next_label
        elif left < right:
            start_lines(planes, lines, classes, down, float(left) - float(top[1]) * pixel)
            for begin in range(left, right, LANES):
                at = kind(np.int32(begin - left))
                write_winners(lines, number, classes, at, winner)
                for k in range(min(LANES, right - begin)):
                    if winner[k] != label:
                        count = add(changes, count, row, begin + k, winner[k] - label)
                        label = winner[k]
        if label != after:
            count = add(changes, count, row, right, after - label)
    return count


@kernel
def label_changes(
    grid: Grid, scores: Scores, begin: int, end: int, out: NDArray[Any], sources: int = SOURCES
) -> None:
    """Label the image rows [begin, end) of ``out`` (H, W); every pixel has one triangle."""
    points, main, touched, lattice = grid.points, grid.main, grid.touched, grid.lattice
    elements, layout, best = scores.elements, scores.layout, scores.best
    (rows, cols), bits = main.shape, lattice.bits
    holds, values = make_slots(layout, elements.dtype)
    number, planes, lines, leads = make_room(layout.classes, elements.dtype)
    shares, winner = np.empty((end - begin, 2), np.int32), np.empty(LANES, np.int32)
    at, turns = np.empty(3, np.int64), np.empty(3, np.int64)
    changes = np.empty((0, 2), np.int64)
    count = len(changes)
    for i in range(rows):
        reached = min(touched[i, 1], end) - max(touched[i, 0], begin)
        if reached <= 0:
            continue
        # A row has a change a pixel at most, and three more a triangle.
        most = count + reached * (lattice.width + 6 * cols + 1)
        if most > len(changes):
            changes = moved(changes, count, len(changes) + most)
        for cell in range(-1, 2 * cols):
            # Number -1 is the left border, where regions begin; where it runs back, they end.
            if cell < 0:
                x, y, z = i * (cols + 1), (i + 1) * (cols + 1), (i + 1) * (cols + 1)
            else:
                x, y, z = corners(main, i, cell >> 1, cell & 1)
                if best[x] == best[y] and best[x] == best[z]:
                    continue
            p, q, s = (*point(points, x), x), (*point(points, y), y), (*point(points, z), z)
            top, mid, low, turned = sorted_by_row(p, q, s)
            first = max(begin, first_row(top[0], lattice))
            last = min(end, first_row(low[0], lattice))
            if first >= last:
                continue
            triangle, bests = (top, mid, low), (best[top[2]], best[mid[2]], best[low[2]])
            for k in range(3):
                at[k] = place_of(elements, layout, holds, values, triangle[k][2])
            for k in range(3):
                u, v = 1 if k == 2 else 0, 1 if k == 1 else 2
                above, below = bests[u], bests[v]
                turns[k] = 0
                if above != below:
                    ahead = float(values[at[u] + above]) - float(values[at[u] + below])
                    behind = float(values[at[v] + below]) - float(values[at[v] + above])
                    turns[k] = _first_lower(triangle[u][0], triangle[v][0], ahead, behind, lattice)
            if cell < 0:
                sign = 1 if top[2] == x else -1
                for row in range(first, last):
                    label = bests[0] if row < turns[0] else bests[2]
                    count = add(changes, count, row, 0, sign * label)
                continue
            classes = 0
            if area2(top, mid, low) != 0:
                set_leads(values, at, bests, leads)
                classes = list_unbeaten(values, at, layout.classes, leads, number)
                if classes == 0:  # where scores are NaN or infinite
                    number[0], classes = bests[0], 1
                set_planes(values, at, number, classes, triangle, bits, planes, lines)
            parting = part(planes, float(top[1]) / float(1 << bits))
            straight = classes == 2 and parting.steep
            for k in range(3):  # no winner has been lost to rounding
                straight = straight and (bests[k] == number[0] or bests[k] == number[1])
            if straight:
                value = number[1 - parting.left] - number[parting.left]
                count = _add_line(
                    changes,
                    count,
                    triangle,
                    lattice,
                    int(turned),
                    parting,
                    value,
                    turns,
                    first,
                    last,
                    shares,
                )
            else:
                count = _add_rows(
                    changes,
                    count,
                    triangle,
                    lattice,
                    number,
                    planes,
                    lines,
                    classes,
                    parting,
                    bests,
                    turns,
                    int(turned),
                    first,
                    last,
                    shares,
                    winner,
                )
    write_rows(changes, count, begin, end, out)
