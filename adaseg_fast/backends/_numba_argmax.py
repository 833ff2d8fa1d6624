# SPDX-License-Identifier: Apache-2.0
"""Labels at every pixel straight from the scores at the grid's vertices.

A class that is best at all three corners of a triangle is best everywhere in it, and two such
triangles side by side share two vertices, hence the class. So along an image row the label changes
in the other triangles only: these are painted, and between two of them the row is filled with the
class on their common side, at a cost that does not depend on the number of triangles in between.
That needs every pixel of the row to have exactly one triangle; rows that a turned-over triangle
touches, and images that the grid does not cover, are painted triangle by triangle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends._numba_compile import SOURCES, inlined, kernel
from adaseg_fast.backends._numba_lattice import Grid, area2, corners, first_row, point
from adaseg_fast.backends._numba_paint import Workspace, make_workspace, paint_triangle
from adaseg_fast.backends._numba_scan import scan, sorted_by_row


@kernel
def best_classes(scores: NDArray[Any], sources: int = SOURCES) -> NDArray[np.int32]:
    """Class with the highest of each vertex's scores (V, C), the lowest class on a tie."""
    vertices, classes = scores.shape
    best = np.empty(vertices, np.int32)
    for v in range(vertices):
        of_vertex = scores[v]
        winner, most = 0, of_vertex[0]
        for c in range(1, classes):
            if of_vertex[c] > most:
                winner, most = c, of_vertex[c]
        best[v] = winner
    return best


@inlined
def _rows_of(grid: Grid, a: int, b: int, c: int, begin: int, end: int) -> tuple[int, int]:
    """Image rows of [begin, end) that a triangle reaches."""
    p, q, s = point(grid.points, a), point(grid.points, b), point(grid.points, c)
    top, _, low = sorted_by_row(p, q, s)
    first = max(begin, first_row(top[0], grid.lattice))
    return first, max(first, min(end, first_row(low[0], grid.lattice)))


@inlined
def _sort_out(
    grid: Grid,
    best: NDArray[np.int32],
    begin: int,
    end: int,
    mixed: NDArray[np.int32],
    plain: NDArray[np.bool_],
) -> tuple[int, int]:
    """List the triangles whose corners differ in their best class: three vertices, first row, last.

    Sets ``plain`` for the rows on which triangles may overlap or the label may change elsewhere.
    Returns the number of triangles, and of image rows they reach in all.
    """
    rows, cols = grid.main.shape
    count = reached = 0
    for i in range(rows):
        if grid.touched[i, 1] <= begin or grid.touched[i, 0] >= end:
            continue
        for j in range(cols):
            for second in range(2):
                a, b, c = corners(grid.main[i, j], second, i, j, cols + 1)
                area = area2(
                    point(grid.points, a), point(grid.points, b), point(grid.points, c)
                )
                uniform = best[a] == best[b] and best[b] == best[c]
                if uniform and area >= 0:
                    continue
                first, last = _rows_of(grid, a, b, c, begin, end)
                if area <= 0:
                    plain[first - begin : last - begin] = True
                elif first < last:
                    mixed[count, 0], mixed[count, 1], mixed[count, 2] = a, b, c
                    mixed[count, 3], mixed[count, 4] = first, last
                    count += 1
                    reached += last - first
    return count, reached


@inlined
def _mark(
    row: int, col: int, label: int, marks: NDArray[np.uint8], out: NDArray[Any]
) -> bool:
    """Have a row filled with a label from a column on; false if another label stands there."""
    if col >= out.shape[1]:
        return True
    agrees = not marks[row, col] or out[row, col] == label
    marks[row, col] = 1
    out[row, col] = label
    return agrees


@inlined
def _mark_left_border(
    grid: Grid,
    best: NDArray[np.int32],
    begin: int,
    end: int,
    marks: NDArray[np.uint8],
    plain: NDArray[np.bool_],
    out: NDArray[Any],
) -> None:
    w = grid.main.shape[1] + 1
    for i in range(grid.main.shape[0]):
        a, d = i * w, (i + 1) * w
        if best[a] == best[d]:
            first, last = _rows_of(grid, a, d, d, begin, end)
            for row in range(first - begin, last - begin):
                plain[row] |= not _mark(row, 0, best[a], marks, out)


@inlined
def _mark_right_edges(
    grid: Grid,
    best: NDArray[np.int32],
    triangle: tuple[int, int, int],
    begin: int,
    end: int,
    shares: NDArray[np.int32],
    marks: NDArray[np.uint8],
    plain: NDArray[np.bool_],
    out: NDArray[Any],
) -> None:
    """Scan a triangle; to the right of an edge between vertices of one class, that class follows."""
    a, b, c = triangle
    p, q, s = point(grid.points, a), point(grid.points, b), point(grid.points, c)
    found = scan(p, q, s, grid.lattice, begin, end, shares)
    top, mid, low = sorted_by_row(
        (p[0], p[1], best[a]), (q[0], q[1], best[b]), (s[0], s[1], best[c])
    )
    for row in range(found.begin, found.end):
        upper, lower = top, low
        if found.to_right:
            upper, lower = (top, mid) if row < found.middle else (mid, low)
        if upper[2] == lower[2]:
            col = shares[row - found.begin, 1]
            plain[row - begin] |= not _mark(row - begin, col, upper[2], marks, out)


@inlined
def _fill(line: NDArray[Any], first: int, last: int, label: int) -> None:
    part = line[first:last]
    for k in range(len(part)):
        part[k] = label


@inlined
def _fill_row(line: NDArray[Any], words: NDArray[np.uint64], marks: NDArray[np.uint8]) -> None:
    """From each mark to the next one, the label that stands at the first of them."""
    first = len(line)
    for word in range(len(words)):
        if words[word] == 0:
            continue
        for col in range(8 * word, 8 * word + 8):
            if marks[col]:
                if first < col:
                    _fill(line, first, col, line[first])
                first = col
    if first < len(line):
        _fill(line, first, len(line), line[first])


@inlined
def _label_flat(
    grid: Grid,
    scores: NDArray[Any],
    best: NDArray[np.int32],
    begin: int,
    end: int,
    work: Workspace,
    plain: NDArray[np.bool_],
    out: NDArray[Any],
) -> None:
    """Label the rows of ``out``, which are [begin, end) of the image, but for the ``plain`` ones."""
    cells = 0
    for i in range(grid.main.shape[0]):
        if grid.touched[i, 1] > begin and grid.touched[i, 0] < end:
            cells += grid.main.shape[1]
    mixed = np.empty((2 * cells, 5), np.int32)
    count, reached = _sort_out(grid, best, begin, end, mixed, plain)
    shares = np.empty((reached, 2), np.int32)
    words = np.zeros((end - begin, (out.shape[1] + 7) // 8), np.uint64)
    marks = words.view(np.uint8)
    _mark_left_border(grid, best, begin, end, marks, plain, out)
    at = 0
    for k in range(count):
        a, b, c, first, last = mixed[k]
        share = shares[at : at + last - first]
        _mark_right_edges(grid, best, (a, b, c), begin, end, share, marks, plain, out)
        at += last - first
    for row in range(end - begin):
        _fill_row(out[row], words[row], marks[row])
    at = 0
    for k in range(count):
        a, b, c, first, last = mixed[k]
        share = shares[at : at + last - first]
        paint_triangle(
            grid, scores, best, (a, b, c), first, share, work, out[first - begin : last - begin]
        )
        at += last - first


@inlined
def _label_plain(
    grid: Grid,
    scores: NDArray[Any],
    best: NDArray[np.int32],
    begin: int,
    end: int,
    work: Workspace,
    out: NDArray[Any],
) -> None:
    """Label the rows of ``out``, which are [begin, end) of the image, triangle by triangle.

    Pixels without a triangle get 255 where labels are bytes, -1 where 255 is a class.
    """
    if not grid.covers:
        out[:] = -1
    rows, cols = grid.main.shape
    shares = np.empty((end - begin, 2), np.int32)
    for i in range(rows):
        if grid.touched[i, 1] <= begin or grid.touched[i, 0] >= end:
            continue
        for j in range(cols):
            for second in range(2):
                a, b, c = corners(grid.main[i, j], second, i, j, cols + 1)
                p, q, s = point(grid.points, a), point(grid.points, b), point(grid.points, c)
                found = scan(p, q, s, grid.lattice, begin, end, shares)
                share = shares[: found.end - found.begin]
                lines = out[found.begin - begin : found.end - begin]
                if best[a] == best[b] and best[b] == best[c]:
                    for row in range(len(share)):
                        _fill(lines[row], share[row, 0], share[row, 1], best[a])
                elif len(share) > 0:
                    paint_triangle(grid, scores, best, (a, b, c), found.begin, share, work, lines)


@kernel
def label_band(
    grid: Grid,
    scores: NDArray[Any],
    best: NDArray[np.int32],
    begin: int,
    end: int,
    out: NDArray[Any],
    sources: int = SOURCES,
) -> None:
    """Label the image rows [begin, end) of ``out`` (H, W) from the vertices' scores (V, C)."""
    work = make_workspace(scores)
    # Slices of a few cells keep the lists short; thinner ones would list triangles twice.
    most = max(64, 8 * (grid.lattice.height // grid.main.shape[0]))
    for first in range(begin, end, most):
        last = min(first + most, end)
        lines = out[first:last]
        plain = np.full(last - first, not grid.covers)
        if grid.covers:
            _label_flat(grid, scores, best, first, last, work, plain, lines)
        row = 0
        while row < len(plain):
            until = row
            while until < len(plain) and plain[until]:
                until += 1
            if row < until:
                part = lines[row:until]
                _label_plain(grid, scores, best, first + row, first + until, work, part)
            row = until + 1
