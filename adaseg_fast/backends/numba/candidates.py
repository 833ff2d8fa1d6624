# SPDX-License-Identifier: Apache-2.0
"""The classes that may win somewhere in a triangle, and who wins along a row of it.

Scores are affine in a triangle: a class beaten at all three corners by another one, or by the mean
of the winners there, is out. Of the others the planes are held, relative to a corner and in double,
so that thin triangles lose no precision. Ties go to the lowest class.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.compile import inlined
from adaseg_fast.backends.numba.lanes import LANES, find_unbeaten
from adaseg_fast.backends.numba.lattice import Point, area2

STEEPEST = 1e6  # columns a row, of a line that still has a well-defined place on each row


class Parting(NamedTuple):
    """Where two classes part: the line's column at the origin's row, and its change to the next.

    Attributes:
        left: which of the two wins to the left of the line.
        level: the line runs along the rows; then ``col`` is positive where the left one wins, as
            does the upper one.
        steep: it crosses every row at a well-defined place.
    """

    left: int
    level: bool
    steep: bool
    col: float
    by_row: float


@inlined
def make_room(classes: int, dtype: Any) -> tuple[NDArray[Any], ...]:
    """For the classes that may win in the triangle in hand, ascending.

    Returns:
        Their numbers, (C,) int32; their planes, (3, C): score at the origin, and its changes to the
        next row and column; their lines along the row in hand, (2, C) in the type of the scores:
        score at its first pixel, and change from a pixel to its right neighbour; (12,), the scores
        at the corners of each corner's winner and of their mean.
    """
    padded = (classes + LANES - 1) // LANES * LANES
    return (
        np.empty(padded, np.int32),
        np.empty((3, padded), np.float64),
        np.empty((2, padded), dtype),
        np.empty(12, dtype),
    )


# All arrays of each of these functions are used up to its last loop: where some were done with
# earlier, references to them would be counted for every triangle.


@inlined
def set_leads(
    values: NDArray[Any], at: NDArray[np.int64], best: tuple[int, int, int], leads: NDArray[Any]
) -> None:
    """The corners' scores begin at ``at`` (3,) in ``values``; ``best`` are their best classes."""
    three = leads.dtype.type(3)
    for k in range(3):
        x, y, z = values[at[k] + best[0]], values[at[k] + best[1]], values[at[k] + best[2]]
        leads[k], leads[3 + k], leads[6 + k], leads[9 + k] = x, y, z, (x + y + z) / three


@inlined
def list_unbeaten(
    values: NDArray[Any],
    at: NDArray[np.int64],
    classes: int,
    leads: NDArray[Any],
    number: NDArray[np.int32],
) -> int:
    """Fill in the classes that no lead is above at all corners, and count them."""
    count = 0
    for begin in range(0, classes, LANES):
        unbeaten = find_unbeaten(values, at[0] + begin, at[1] + begin, at[2] + begin, leads)
        for k in range(min(LANES, classes - begin)):
            number[count] = begin + k
            count += (unbeaten >> k) & 1
    return count


@inlined
def set_planes(
    values: NDArray[Any],
    at: NDArray[np.int64],
    number: NDArray[np.int32],
    count: int,
    corners: tuple[Point, Point, Point],
    bits: int,
    planes: NDArray[np.float64],
    lines: NDArray[Any],
) -> None:
    """The planes of the classes listed, in a triangle of non-zero area."""
    p, q, s = corners
    scale = float(1 << bits) / float(area2(p, q, s))
    row_q, row_s = float(p[1] - s[1]) * scale, float(q[1] - p[1]) * scale
    col_q, col_s = float(s[0] - p[0]) * scale, float(p[0] - q[0]) * scale
    for k in range(count):
        c = number[k]
        base = float(values[at[0] + c])
        to_q, to_s = float(values[at[1] + c]) - base, float(values[at[2] + c]) - base
        planes[0, k] = base
        planes[1, k] = to_q * row_q + to_s * row_s
        planes[2, k] = to_q * col_q + to_s * col_s
        lines[1, k] = planes[2, k]


@inlined
def part(planes: NDArray[np.float64], origin_col: float) -> Parting:
    """Of two classes."""
    base = planes[0, 1] - planes[0, 0]
    by_row, by_col = planes[1, 1] - planes[1, 0], planes[2, 1] - planes[2, 0]
    left = 0 if by_col > 0.0 else 1
    if by_col == 0.0:
        return Parting(left, True, False, base, by_row)
    col, slope = origin_col - base / by_col, -by_row / by_col
    return Parting(left, False, bool(np.isfinite(col) and abs(slope) <= STEEPEST), col, slope)


@inlined
def first_right(parting: Parting, down: float, first: int, last: int) -> int:
    """The first pixel of [first, last) that is the right class's, ``last`` if none is.

    ``down`` is the number of rows below the origin. A pixel on the line is the lower class's.
    """
    at = parting.col + down * parting.by_row
    if parting.level:
        return last if at > 0.0 else first
    inside = min(max(at, float(first) - 1.0), float(last))
    whole = int(np.floor(inside))
    cut = whole + (float(whole) < inside) if parting.left else whole + 1
    return min(max(cut, first), last)


@inlined
def start_lines(
    planes: NDArray[np.float64], lines: NDArray[Any], count: int, down: float, right: float
) -> None:
    """Lines along a row from the pixel that lies so many rows and columns from the origin."""
    for k in range(count):
        lines[0, k] = planes[0, k] + down * planes[1, k] + right * planes[2, k]
