# SPDX-License-Identifier: Apache-2.0
"""Labels at every pixel straight from the scores at the grid's vertices.

A class that wins at all three corners of a triangle wins everywhere in it. In other triangles, a
class that another one, or the mean of the corners' winners, beats at all three corners is left out.
The lowest class wins a tie.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba import geometry, runtime
from adaseg_fast.backends.numba.geometry import Triangle, Weights
from adaseg_fast.backends.numba.grid import Grid, make_grids, may_touch, scan, triangle_of
from adaseg_fast.backends.numba.runtime import SOURCES, Array, Floats, helper, kernel

Labels = NDArray[np.int32]


def interpolate_argmax(scores: Array, phi: Array, out: Array, diagonal: int, threads: int) -> None:
    """The class with the highest interpolated score; 255, or -1 in int32, outside all triangles."""
    grids = make_grids(phi, out.shape[1:], diagonal)
    kind = runtime.compute_type(scores.dtype)
    by_class = [runtime.contiguous(item.reshape(len(item), -1), kind) for item in scores]
    best = [best_classes(item) for item in by_class]

    # Where each pixel has just one triangle, the most common label needs no triangles. Else every
    # triangle is painted, in order, on -1, which is 255 where labels are bytes.
    background = [
        int(np.bincount(item).argmax()) if grid.simple else -1
        for item, grid in zip(best, grids, strict=True)
    ]

    def fill(n: int, begin: int, end: int) -> None:
        label_band(grids[n], by_class[n], best[n], background[n], begin, end, out[n])

    runtime.run_bands(fill, out, threads)


@kernel
def best_classes(scores: NDArray[Any], sources: int = SOURCES) -> Labels:
    """Best class at each vertex of ``scores`` (C, V). NaN never wins; 0 where all are NaN."""
    best, most = np.zeros(scores.shape[1], np.int32), scores[0].copy()
    for c in range(1, scores.shape[0]):
        for v in range(scores.shape[1]):
            value = scores[c, v]
            better = geometry.beats(value, most[v])
            most[v] = value if better else most[v]
            best[v] = c if better else best[v]
    return best


@helper
def find_unbeaten(
    scores: NDArray[Any], t: Triangle, winners: tuple[int, int, int], number: Labels, at: Floats
) -> int:
    """List the classes that may win somewhere in a triangle, ascending, and count them.

    ``scores`` is (C, V); ``winners`` are the best classes of the corners. Fills ``number`` (C,)
    with the classes and ``at`` (C + 4, 3) with their scores at the corners; the last four rows of
    it are scratch space for those of the winners and of their mean. A mean counts only where it is
    finite: one of an infinite score says nothing about single classes.
    """
    classes = scores.shape[0]
    for k in range(3):
        c, lead = winners[k], at[classes + k]
        lead[0], lead[1], lead[2] = scores[c, t.a], scores[c, t.b], scores[c, t.c]
    for k in range(3):
        mean = (at[classes, k] + at[classes + 1, k] + at[classes + 2, k]) / 3.0
        at[classes + 3, k] = mean if np.isfinite(mean) else -np.inf
    count = 0
    for c in range(classes):
        x, y, z = float(scores[c, t.a]), float(scores[c, t.b]), float(scores[c, t.c])
        beaten = False
        for k in range(classes, classes + 4):
            beaten |= (x < at[k, 0]) & (y < at[k, 1]) & (z < at[k, 2])
        if not beaten:
            number[count] = c
            at[count, 0], at[count, 1], at[count, 2] = x, y, z
            count += 1
    if count == 0:  # rounding has put the mean of equal winners above them
        c, count = winners[0], 1
        number[0] = c
        at[0, 0], at[0, 1], at[0, 2] = scores[c, t.a], scores[c, t.b], scores[c, t.c]
    return count


@helper
def label_run(
    w: Weights, count: int, number: Labels, at: Floats, lines: Floats, run: NDArray[Any]
) -> None:
    """Label a triangle's pixels of an image row; ``w`` are the weights at the first of them."""
    for k in range(count):
        lines[k, 0], lines[k, 1] = geometry.line_of(at[k, 0], at[k, 1], at[k, 2], w)
        lines[k, 1] = lines[k, 1] if len(run) > 1 else 0.0  # it may be infinite
    for step in range(len(run)):
        winner, most = number[0], lines[0, 0] + step * lines[0, 1]
        for k in range(1, count):
            value = lines[k, 0] + step * lines[k, 1]
            better = value > most
            most = value if better else most
            winner = number[k] if better else winner
        run[step] = winner


@helper
def label_carefully(
    t: Triangle,
    row: int,
    left: int,
    bits: int,
    count: int,
    number: Labels,
    at: Floats,
    run: NDArray[Any],
) -> None:
    """The same as ``label_run`` for scores of any kind: each pixel has weights of its own."""
    for step in range(len(run)):
        w = geometry.weights_at(t, row, left + step, bits)
        winner, most = number[0], geometry.blend(at[0, 0], at[0, 1], at[0, 2], w)
        for k in range(1, count):
            value = geometry.blend(at[k, 0], at[k, 1], at[k, 2], w)
            better = geometry.beats(value, most)
            most = value if better else most
            winner = number[k] if better else winner
        run[step] = winner


@kernel
def label_band(
    grid: Grid,
    scores: NDArray[Any],
    best: Labels,
    background: int,
    begin: int,
    end: int,
    out: NDArray[Any],
    sources: int = SOURCES,
) -> None:
    """Label the image rows [begin, end) of ``out`` (H, W); later triangles overwrite earlier ones.

    ``scores`` is (C, V), ``best`` (V,) the best class at each vertex, ``background`` the label that
    the rows are filled with first: triangles where it wins at every corner are not visited.
    """
    lattice, points, main = grid.lattice, grid.points, grid.main
    classes, (rows, cols) = scores.shape[0], main.shape
    shares = np.empty((end - begin, 2), np.int64)
    number, at = np.empty(classes, np.int32), np.empty((classes + 4, 3))
    lines = np.empty((classes, 2))
    out[begin:end] = background
    for i in range(rows):
        if not may_touch(grid.image_rows, i, begin, end):
            continue
        for k in range(2 * cols):
            t = triangle_of(points, main, i, k)
            winners = best[t.a], best[t.b], best[t.c]
            constant = winners[0] == winners[1] == winners[2]
            if constant and winners[0] == background:
                continue
            first, last = scan(t, lattice, begin, end, shares)
            if constant:
                for row in range(first, last):
                    out[row, shares[row - first, 0] : shares[row - first, 1]] = winners[0]
                continue
            if first >= last:
                continue
            count = find_unbeaten(scores, t, winners, number, at)
            moderate = True
            for k in range(count):
                moderate &= geometry.are_moderate(at[k, 0], at[k, 1], at[k, 2])
            for row in range(first, last):
                left, right = shares[row - first, 0], shares[row - first, 1]
                if left >= right:
                    continue
                run = out[row, left:right]
                if moderate:
                    w = geometry.weights_at(t, row, left, lattice.bits)
                    label_run(w, count, number, at, lines, run)
                else:
                    label_carefully(t, row, left, lattice.bits, count, number, at, run)
