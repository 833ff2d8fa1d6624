# SPDX-License-Identifier: Apache-2.0
"""The integer lattice on which ownership is decided, and how cells are split (csrc/core).

Points are (row, column) in multiples of 2^-bits pixel, below 2^31; everything here is exact in
64-bit integers, so that ties fall as in every other backend.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.compile import SOURCES, inlined, kernel

Point = tuple[int, ...]  # row, column, and what else belongs to the vertex


class Lattice(NamedTuple):
    """Image size in pixels, last row and column (1 where the size is 1), digits below the pixel."""

    height: int
    width: int
    row_extent: int
    col_extent: int
    bits: int


class Grid(NamedTuple):
    """A sampling grid ready for scan conversion.

    Attributes:
        lattice: that of the image.
        points: (h * w, 2) int64, the vertices on the lattice.
        main: (h - 1, w - 1) bool, whether a cell is split from its upper left corner.
        touched: (h - 1, 2) int64, image rows [begin, end) that a row of cells may reach.
        covers: eq. (3) holds: no pixel is left without a triangle.
        folded: some triangle is turned over: pixels may have several.
    """

    lattice: Lattice
    points: NDArray[np.int64]
    main: NDArray[np.bool_]
    touched: NDArray[np.int64]
    covers: bool
    folded: bool


@inlined
def make_lattice(height: int, width: int) -> Lattice:
    row_extent, col_extent = max(height - 1, 1), max(width - 1, 1)
    bits = 31
    span = max(row_extent, col_extent)
    while span > 0:
        span >>= 1
        bits -= 1
    return Lattice(height, width, row_extent, col_extent, bits)


@inlined
def _snap(relative: float, top: int) -> int:
    """Nearest lattice coordinate, ties to even, clamped to the domain."""
    scaled = relative * float(top)
    if not scaled > 0.0:
        return 0
    return int(np.rint(min(scaled, float(top))))


@inlined
def area2(p: Point, q: Point, s: Point) -> int:
    """Twice the signed area; positive for the order (A, right of A, below it)."""
    return (q[1] - p[1]) * (s[0] - p[0]) - (q[0] - p[0]) * (s[1] - p[1])


@inlined
def _dot(apex: Point, p: Point, q: Point) -> int:
    return (p[0] - apex[0]) * (q[0] - apex[0]) + (p[1] - apex[1]) * (q[1] - apex[1])


@inlined
def _wide_product(a: int, b: int) -> tuple[Any, Any]:
    """The 128 bits of a product of two numbers that are not negative: upper and lower half."""
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    x, y = np.uint64(a), np.uint64(b)
    low = (x & mask) * (y & mask)
    mid1 = (x >> half) * (y & mask) + (low >> half)
    mid2 = (x & mask) * (y >> half) + (mid1 & mask)
    high = (x >> half) * (y >> half) + (mid1 >> half) + (mid2 >> half)
    return high, (mid2 << half) | (low & mask)


@inlined
def _sum_is_not_negative(p: int, q: int, s: int, t: int) -> bool:
    """Whether p * q + s * t >= 0, exactly, for p, s >= 0."""
    first_negative, second_negative = p != 0 and q < 0, s != 0 and t < 0
    if first_negative == second_negative:
        return not first_negative
    first, second = _wide_product(p, abs(q)), _wide_product(s, abs(t))
    negative, positive = (first, second) if first_negative else (second, first)
    if positive[0] != negative[0]:
        return bool(positive[0] > negative[0])
    return bool(positive[1] >= negative[1])


@inlined
def _split(rule: int, a: Point, b: Point, c: Point, d: Point) -> tuple[bool, bool]:
    """Whether the cell a, b, c, d (clockwise from its upper left) is split along a-c.

    And whether a triangle is turned over then. Rules: 0 Delaunay, 1 main, 2 anti. Delaunay takes
    the only diagonal that turns no triangle over where just one does not, else the one whose
    opposite angles add up to 180 degrees at most.
    """
    abc, acd = area2(a, b, c), area2(a, c, d)
    main_fits = abc >= 0 and acd >= 0
    anti_fits = area2(a, b, d) >= 0 and area2(b, c, d) >= 0
    if rule != 0:
        return rule == 1, not (main_fits if rule == 1 else anti_fits)
    if not (main_fits and anti_fits):
        return main_fits or not anti_fits, not (main_fits or anti_fits)
    # sin(B + D) >= 0, each sine an area and each cosine a dot product of the same lengths.
    return _sum_is_not_negative(abc, _dot(d, a, c), acd, _dot(b, a, c)), False


@inlined
def corners(main: NDArray[np.bool_], i: int, j: int, second: int) -> tuple[int, int, int]:
    """Vertex numbers of a cell's first triangle, which has the upper edge, or of its second one."""
    w = main.shape[1] + 1
    a = i * w + j
    b, c, d = a + 1, a + w + 1, a + w
    if main[i, j]:
        return (a, c, d) if second else (a, b, c)
    return (b, c, d) if second else (a, b, d)


@inlined
def first_row(row: int, lattice: Lattice) -> int:
    """First image row at or below a lattice row; one further for the last image row itself, whose
    pixels are thought to be moved inwards."""
    line = (row + (1 << lattice.bits) - 1) >> lattice.bits
    if line == lattice.row_extent and row == lattice.row_extent << lattice.bits:
        line += 1
    return line


@inlined
def point(points: NDArray[np.int64], vertex: int) -> Point:
    return points[vertex, 0], points[vertex, 1]


@inlined
def _holds_covering(points: NDArray[np.int64], h: int, w: int, bottom: int, right: int) -> bool:
    holds = True
    for j in range(w):
        holds &= points[j, 0] == 0 and points[(h - 1) * w + j, 0] == bottom
    for i in range(h):
        holds &= points[i * w, 1] == 0 and points[i * w + w - 1, 1] == right
    return holds


@kernel
def make_grid(
    phi: NDArray[np.float64], height: int, width: int, rule: int, sources: int = SOURCES
) -> Grid:
    """Snap one item's finite sampling tensor (2, h, w) and split its cells."""
    lattice = make_lattice(height, width)
    _, h, w = phi.shape
    bottom, right = lattice.row_extent << lattice.bits, lattice.col_extent << lattice.bits
    points = np.empty((h * w, 2), np.int64)
    for i in range(h):
        for j in range(w):
            points[i * w + j, 0] = _snap(phi[0, i, j], bottom)
            points[i * w + j, 1] = _snap(phi[1, i, j], right)
    main = np.empty((h - 1, w - 1), np.bool_)
    touched = np.empty((h - 1, 2), np.int64)
    folded = False
    for i in range(h - 1):
        upper, lower = i * w, (i + 1) * w
        least = most = points[upper, 0]
        for k in range(upper, lower + w):
            least, most = min(least, points[k, 0]), max(most, points[k, 0])
        touched[i, 0], touched[i, 1] = first_row(least, lattice), first_row(most, lattice)
        for j in range(w - 1):
            a, b = point(points, upper + j), point(points, upper + j + 1)
            c, d = point(points, lower + j + 1), point(points, lower + j)
            main[i, j], turned_over = _split(rule, a, b, c, d)
            folded |= turned_over
    covers = _holds_covering(points, h, w, bottom, right)
    return Grid(lattice, points, main, touched, covers, folded)


@kernel
def list_triangles(grid: Grid, out: NDArray[np.int64], sources: int = SOURCES) -> None:
    """Vertex numbers (T, 3), cell by cell."""
    main = grid.main
    rows, cols = main.shape
    number = 0
    for i in range(rows):
        for j in range(cols):
            for second in range(2):
                v = corners(main, i, j, second)
                out[number, 0], out[number, 1], out[number, 2] = v
                number += 1
