# SPDX-License-Identifier: Apache-2.0
"""A sampling grid made ready for scan conversion, as in ``csrc/cpu/grid.h``.

Triangles are visited cell by cell, row by row, and each one's share of an image row is a half-open
range of columns. Later triangles overwrite earlier ones, so that the highest number wins where a
folded grid covers a pixel twice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.geometry import (
    Lattice,
    Point,
    Triangle,
    first_column,
    first_row,
    make_lattice,
    next_row,
    snap,
    split_cell,
    walk_edge,
)
from adaseg_fast.backends.numba.runtime import (
    SOURCES,
    Array,
    Floats,
    Ints,
    finite_grid,
    helper,
    kernel,
)


class Grid(NamedTuple):
    """A sampling grid ready for scan conversion.

    Attributes:
        lattice: that of the image.
        points: (h * w, 2), the vertices on the lattice.
        main: (h - 1, w - 1), whether a cell is split along its main diagonal.
        image_rows: (h - 1, 2), the image rows [begin, end) that a row of cells may touch.
        covers: whether eq. (3) holds, so that no pixel is left without a triangle.
        simple: whether it holds and nothing is folded, so that each pixel has just one triangle.
    """

    lattice: Lattice
    points: Ints
    main: NDArray[np.bool_]
    image_rows: Ints
    covers: bool
    simple: bool


@helper
def point_of(points: Ints, vertex: int) -> Point:
    """A vertex on the lattice."""
    return Point(points[vertex, 0], points[vertex, 1])


@helper
def triangle_of(points: Ints, main: NDArray[np.bool_], i: int, k: int) -> Triangle:
    """Triangle ``k`` of row ``i`` of cells: per cell, the one at its upper edge comes first."""
    w = main.shape[1] + 1
    a = i * w + k // 2
    b, c, d = a + 1, a + w + 1, a + w
    if main[i, k // 2]:
        x, y, z = (a, c, d) if k % 2 else (a, b, c)
    else:
        x, y, z = (b, c, d) if k % 2 else (a, b, d)
    return Triangle(x, y, z, point_of(points, x), point_of(points, y), point_of(points, z))


@helper
def may_touch(image_rows: Ints, i: int, begin: int, end: int) -> bool:
    """Whether row ``i`` of cells may touch the image rows [begin, end)."""
    return bool(image_rows[i, 0] < end and image_rows[i, 1] > begin)


@helper
def holds_covering(points: Ints, h: int, w: int, lattice: Lattice) -> bool:
    """Whether eq. (3) holds: the outer vertices lie on the border of the image."""
    bottom, right = lattice.row_extent << lattice.bits, lattice.col_extent << lattice.bits
    holds = True
    for j in range(w):
        holds &= points[j, 0] == 0 and points[(h - 1) * w + j, 0] == bottom
    for i in range(h):
        holds &= points[i * w, 1] == 0 and points[i * w + w - 1, 1] == right
    return holds


@kernel
def make_grid(phi: Floats, height: int, width: int, rule: int, sources: int = SOURCES) -> Grid:
    """Snap one item's finite sampling tensor (2, h, w) and split its cells."""
    lattice = make_lattice(height, width)
    _, h, w = phi.shape
    points = np.empty((h * w, 2), np.int64)
    for i in range(h):
        for j in range(w):
            points[i * w + j, 0] = snap(phi[0, i, j], lattice.row_extent, lattice.bits)
            points[i * w + j, 1] = snap(phi[1, i, j], lattice.col_extent, lattice.bits)
    main = np.empty((h - 1, w - 1), np.bool_)
    image_rows = np.empty((h - 1, 2), np.int64)
    folded = False
    for i in range(h - 1):
        least = most = points[i * w, 0]
        for k in range(i * w, (i + 2) * w):
            least, most = min(least, points[k, 0]), max(most, points[k, 0])
        image_rows[i, 0] = first_row(least, lattice)
        image_rows[i, 1] = first_row(most, lattice)
        for j in range(w - 1):
            k = i * w + j
            a, b = point_of(points, k), point_of(points, k + 1)
            c, d = point_of(points, k + w + 1), point_of(points, k + w)
            main[i, j], inverted = split_cell(rule, a, b, c, d)
            folded |= inverted
    covers = holds_covering(points, h, w, lattice)
    return Grid(lattice, points, main, image_rows, covers, covers and not folded)


def make_grids(phi: Array, size: tuple[int, ...], rule: int) -> list[Grid]:
    """One grid per item of a sampling tensor (N, 2, h, w); see ``finite_grid`` for errors."""
    height, width = size
    return [make_grid(item, height, width, rule) for item in finite_grid(phi)]


@helper
def scan(t: Triangle, lattice: Lattice, begin: int, end: int, shares: Ints) -> tuple[int, int]:
    """Find a triangle's pixels on the image rows [begin, end).

    Returns:
        The rows [first, last) that it crosses. On row first + k, its pixels are the columns
        [shares[k, 0], shares[k, 1]), of which there may be none.
    """
    top, mid, low = t.p, t.q, t.s
    if top.row > mid.row:
        top, mid = mid, top
    if mid.row > low.row:
        mid, low = low, mid
    if top.row > mid.row:
        top, mid = mid, top
    first = max(first_row(top.row, lattice), begin)
    last = min(first_row(low.row, lattice), end)
    if first >= last:
        return first, first
    middle = min(max(first_row(mid.row, lattice), first), last)
    across = walk_edge(top, low, first, lattice.bits)
    for half in range(2):
        upper, lower = (mid, low) if half else (top, mid)
        start, stop = (middle, last) if half else (first, middle)
        if start >= stop:
            continue
        side = walk_edge(upper, lower, start, lattice.bits)
        for k in range(start - first, stop - first):
            x = first_column(across, lattice.col_extent)
            y = first_column(side, lattice.col_extent)
            shares[k, 0], shares[k, 1] = min(x, y), min(max(x, y), lattice.width)
            across, side = next_row(across), next_row(side)
    return first, last
