# SPDX-License-Identifier: Apache-2.0
"""Labels at every pixel straight from the scores at the grid's vertices.

A class that is best at all three corners of a triangle is best everywhere in it, and two such
triangles side by side share two vertices, hence the class. So along an image row the label changes
in the other, the mixed triangles only: these are painted, and between two of them the row is filled
with the class on their common side, at a cost that does not depend on how many triangles there are
in between. That needs every pixel of the row to have exactly one triangle; rows that a turned-over
triangle touches, and images that the grid does not cover, are painted triangle by triangle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends._numba_compile import SOURCES, inlined, kernel
from adaseg_fast.backends._numba_lattice import (
    Grid,
    Lattice,
    Point,
    area2,
    corners,
    first_row,
    point,
)
from adaseg_fast.backends._numba_paint import choose, make_room, paint_triangle
from adaseg_fast.backends._numba_scan import cross, fill, scan, sorted_by_row


@kernel
def best_classes(scores: NDArray[Any], sources: int = SOURCES) -> NDArray[np.int32]:
    """Class with the highest of each vertex's scores (V, C), the lowest class on a tie."""
    vertices, classes = scores.shape
    best = np.empty(vertices, np.int32)
    for v in range(vertices):
        winner, most = 0, scores[v, 0]
        for c in range(1, classes):
            if scores[v, c] > most:
                winner, most = c, scores[v, c]
        best[v] = winner
    return best


@inlined
def _right_edge(p: Point, q: Point, s: Point) -> tuple[Point, Point]:
    """The edge on a mixed triangle's right that joins vertices of one class: upper and lower end.

    There is one at most; if there is none, another edge. Points are row, column and class.
    """
    top, mid, low = sorted_by_row(p, q, s)
    if area2(top, mid, low) <= 0:
        return top, low
    return (top, mid) if top[2] == mid[2] else (mid, low)


@inlined
def _add_edge(
    upper: Point,
    lower: Point,
    lattice: Lattice,
    begin: int,
    end: int,
    edges: NDArray[np.int64],
    count: int,
) -> int:
    """Add to a list of ``count`` an edge between vertices of one class, if any row crosses it."""
    first = max(begin, first_row(upper[0], lattice))
    last = min(end, first_row(lower[0], lattice))
    edges[count, 0], edges[count, 1] = first, last
    edges[count, 2], edges[count, 3] = upper[0], upper[1]
    edges[count, 4], edges[count, 5] = lower[0], lower[1]
    edges[count, 6] = upper[2]
    return count + (first < last and upper[2] == lower[2])


@inlined
def _list_edges(
    points: NDArray[np.int64],
    main: NDArray[np.bool_],
    upright: NDArray[np.bool_],
    touched: NDArray[np.int64],
    lattice: Lattice,
    best: NDArray[np.int32],
    begin: int,
    end: int,
    plain: NDArray[np.bool_],
    edges: NDArray[np.int64],
) -> int:
    """List the edges to the right of which the class follows that both their ends have.

    They are those on the right of mixed triangles, and those of the left border. Per edge: first
    image row and the one after the last, row and column of the upper end and of the lower end, the
    class. Sets ``plain`` for the rows that turned-over or flat triangles touch.
    """
    rows, cols = main.shape
    count = 0
    for i in range(rows):
        if touched[i, 1] <= begin or touched[i, 0] >= end:
            continue
        a, d = i * (cols + 1), (i + 1) * (cols + 1)
        upper, lower = min(points[a, 0], points[d, 0]), max(points[a, 0], points[d, 0])
        count = _add_edge(
            (upper, 0, best[a]), (lower, 0, best[d]), lattice, begin, end, edges, count
        )
        for j in range(cols):
            v = a + j
            same = best[v] == best[v + 1] == best[v + cols + 1] == best[v + cols + 2]
            if same and upright[i, j]:
                continue
            for second in range(2):
                x, y, z = corners(main, i, j, second)
                p = (points[x, 0], points[x, 1], best[x])
                q = (points[y, 0], points[y, 1], best[y])
                s = (points[z, 0], points[z, 1], best[z])
                area, uniform = area2(p, q, s), p[2] == q[2] == s[2]
                if area < 0 or (area == 0 and not uniform):
                    first = max(begin, first_row(min(p[0], q[0], s[0]), lattice))
                    last = min(end, first_row(max(p[0], q[0], s[0]), lattice))
                    for row in range(first, last):
                        plain[row - begin] = True
                elif not uniform:
                    upper_end, lower_end = _right_edge(p, q, s)
                    count = _add_edge(upper_end, lower_end, lattice, begin, end, edges, count)
    return count


@inlined
def _fill_row(
    out: NDArray[Any], row: int, words: NDArray[np.uint64], marks: NDArray[np.uint8], of: int
) -> None:
    """From each mark to the next one, the label that stands at the first of them."""
    width = out.shape[1]
    first = width
    for word in range(words.shape[1]):
        if words[of, word] == 0:
            continue
        for col in range(8 * word, 8 * word + 8):
            if marks[of, col]:
                if first < col:
                    fill(out, row, first, col, out[row, first])
                first = col
    if first < width:
        fill(out, row, first, width, out[row, first])


@kernel
def fill_uniform(
    grid: Grid,
    best: NDArray[np.int32],
    begin: int,
    end: int,
    out: NDArray[Any],
    sources: int = SOURCES,
) -> NDArray[np.bool_]:
    """Label what no mixed triangle owns on the image rows [begin, end) of ``out`` (H, W).

    Pixels of mixed triangles are overwritten with anything. Returns, for each row, whether it is
    to be painted triangle by triangle instead.
    """
    plain = np.zeros(end - begin, np.bool_)
    if not grid.covers:
        out[begin:end] = -1  # 255 where labels are bytes
        plain[:] = True
        return plain
    points, main, lattice, width = grid.points, grid.main, grid.lattice, grid.lattice.width
    edges = np.empty((main.shape[0] * (2 * main.shape[1] + 1) + 1, 7), np.int64)
    count = _list_edges(
        points, main, grid.upright, grid.touched, lattice, best, begin, end, plain, edges
    )
    words = np.zeros((end - begin, (width + 7) // 8), np.uint64)
    marks = words.view(np.uint8)
    shares = np.empty((end - begin, 2), np.int32)
    for k in range(count):
        first, last, label = edges[k, 0], edges[k, 1], edges[k, 6]
        upper, lower = (edges[k, 2], edges[k, 3]), (edges[k, 4], edges[k, 5])
        cross(upper, lower, lattice, first, shares, 0, last - first, 0)
        for row in range(first, last):
            col = shares[row - first, 0]
            if col < width:
                # Which of two edges that meet in a pixel is further right is not known here.
                if marks[row - begin, col] and out[row, col] != label:
                    plain[row - begin] = True
                marks[row - begin, col] = 1
                out[row, col] = label
    for row in range(begin, end):
        _fill_row(out, row, words, marks, row - begin)
    return plain


@kernel
def paint_mixed(
    grid: Grid,
    scores: NDArray[Any],
    best: NDArray[np.int32],
    begin: int,
    end: int,
    plain: NDArray[np.bool_],
    out: NDArray[Any],
    sources: int = SOURCES,
) -> None:
    """Label the mixed triangles' pixels on the image rows [begin, end) of ``out`` (H, W).

    On ``plain`` rows all triangles are painted, so that the highest number wins a pixel.
    """
    points, main, touched = grid.points, grid.main, grid.touched
    lattice, (rows, cols) = grid.lattice, main.shape
    any_plain = plain.any()
    number, corner, line, winner = make_room(scores, out)
    shares = np.empty((end - begin, 2), np.int32)
    for i in range(rows):
        if touched[i, 1] <= begin or touched[i, 0] >= end:
            continue
        for j in range(cols):
            for second in range(2):
                a, b, c = corners(main, i, j, second)
                uniform = best[a] == best[b] == best[c]
                if uniform and not any_plain:
                    continue
                p, q, s = point(points, a), point(points, b), point(points, c)
                first, last = scan(p, q, s, lattice, begin, end, shares)
                if not uniform and first < last:
                    count = choose(scores, best, a, b, c, number, corner)
                    bits = lattice.bits
                    paint_triangle(
                        p, q, s, bits, first, last, shares, count, number, corner, line, winner, out
                    )
                if uniform:
                    for row in range(first, last):
                        if plain[row - begin]:
                            k = row - first
                            fill(out, row, shares[k, 0], shares[k, 1], best[a])
