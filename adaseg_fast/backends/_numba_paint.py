# SPDX-License-Identifier: Apache-2.0
"""Labels of one triangle's pixels from the scores at its corners.

Scores are affine in a triangle, so a class that stays below another one, or below the mean of
others, at all three corners is out. Along a row each class that is left is a line, computed as in
interpolation: short runs compare the lines pixel by pixel, long ones go from crossing to crossing.
Ties go to the lowest class.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends._numba_compile import inlined
from adaseg_fast.backends._numba_lattice import Grid, area2, point
from adaseg_fast.backends._numba_scan import weight_steps, weights_at

LANES = 16  # pixels compared at once
LONG = 96  # pixels from which on looking for crossings pays


class Workspace(NamedTuple):
    """The classes that may win in the triangle in hand, ascending, and room for their comparison.

    Attributes:
        number: (C,) int32, their numbers.
        corner: (3, C), scores at the corners.
        value: (C,), score at the first pixel of the run in hand.
        change: (C,), from a pixel to its right neighbour.
        keeps: (C,) bool, whether a class is left.
        ahead: (LANES,), best score at each pixel in hand.
        winner: (LANES,) int32, its class.
        steps: (LONG,), 0, 1, 2 ... in the type of the scores.
    """

    number: NDArray[np.int32]
    corner: NDArray[Any]
    value: NDArray[Any]
    change: NDArray[Any]
    keeps: NDArray[np.bool_]
    ahead: NDArray[Any]
    winner: NDArray[np.int32]
    steps: NDArray[Any]


@inlined
def make_workspace(scores: NDArray[Any]) -> Workspace:
    classes = scores.shape[1]
    steps = np.empty(LONG + LANES, scores.dtype)
    for k in range(len(steps)):
        steps[k] = k
    return Workspace(
        np.empty(classes, np.int32),
        np.empty((3, classes), scores.dtype),
        np.empty(classes, scores.dtype),
        np.empty(classes, scores.dtype),
        np.empty(classes, np.bool_),
        np.empty(LANES, scores.dtype),
        np.empty(LANES, np.int32),
        steps,
    )


@inlined
def _drop(
    winner: int,
    at_a: NDArray[Any],
    at_b: NDArray[Any],
    at_c: NDArray[Any],
    keeps: NDArray[np.bool_],
) -> None:
    """Leave out the classes that never get past ``winner``."""
    a, b, c = at_a[winner], at_b[winner], at_c[winner]
    for k in range(winner):
        keeps[k] &= not ((at_a[k] < a) & (at_b[k] < b) & (at_c[k] < c))
    for k in range(winner + 1, len(keeps)):
        keeps[k] &= not ((at_a[k] <= a) & (at_b[k] <= b) & (at_c[k] <= c))


@inlined
def _choose(
    scores: NDArray[Any], best: NDArray[np.int32], a: int, b: int, c: int, work: Workspace
) -> int:
    """Fill in the classes that may win somewhere in the triangle, and count them."""
    at_a, at_b, at_c, keeps = scores[a], scores[b], scores[c], work.keeps
    u, v, w = best[a], best[b], best[c]
    # Were a class below the mean of the three winners everywhere, one of them would be ahead of it.
    three = work.steps[3]
    sum_a, sum_b = at_a[u] + at_a[v] + at_a[w], at_b[u] + at_b[v] + at_b[w]
    sum_c = at_c[u] + at_c[v] + at_c[w]
    for k in range(len(keeps)):
        below = (three * at_a[k] < sum_a) & (three * at_b[k] < sum_b) & (three * at_c[k] < sum_c)
        keeps[k] = not below
    _drop(u, at_a, at_b, at_c, keeps)
    if v != u:
        _drop(v, at_a, at_b, at_c, keeps)
    if w != u and w != v:
        _drop(w, at_a, at_b, at_c, keeps)
    count = 0
    for k in range(len(keeps)):
        if keeps[k]:
            work.number[count] = k
            work.corner[0, count], work.corner[1, count] = at_a[k], at_b[k]
            work.corner[2, count] = at_c[k]
            count += 1
    return count


@inlined
def _line(work: Workspace, k: int, col: int) -> Any:
    return work.value[k] + work.steps.dtype.type(col) * work.change[k]


@inlined
def _winner_at(work: Workspace, count: int, col: int) -> int:
    winner, most = 0, _line(work, 0, col)
    for k in range(1, count):
        other = _line(work, k, col)
        if other > most:
            winner, most = k, other
    return winner


@inlined
def _next_change(work: Workspace, count: int, winner: int, col: int, end: int) -> int:
    """First column after ``col``, at most ``end``, where a class draws level with the winner there.

    Rounding may put it one column off where two classes nearly tie.
    """
    lead = _line(work, winner, col)
    nearest = work.steps.dtype.type(end - col)
    for k in range(count):
        gain = work.change[k] - work.change[winner]
        if gain > 0:
            wait = (lead - _line(work, k, col)) / gain
            if wait < nearest:
                nearest = wait
    return min(end, col + max(1, int(np.ceil(nearest))))


@inlined
def _paint_by_crossings(work: Workspace, count: int, line: NDArray[Any]) -> None:
    """The winner's score is convex along the row: the same winner at both ends wins in between."""
    col, end = 0, len(line) - 1
    winner, last = _winner_at(work, count, 0), _winner_at(work, count, end)
    while winner != last and col < end:
        change = _next_change(work, count, winner, col, end)
        line[col:change] = work.number[winner]
        col = change
        winner = _winner_at(work, count, col)
    line[col:] = work.number[last]


@inlined
def _paint_two(work: Workspace, line: NDArray[Any]) -> None:
    kind = work.steps.dtype.type
    low, high = line.dtype.type(work.number[0]), line.dtype.type(work.number[1])
    value0, change0 = work.value[0], work.change[0]
    value1, change1 = work.value[1], work.change[1]
    for col in range(len(line)):
        step = kind(np.int32(col))
        line[col] = high if value1 + step * change1 > value0 + step * change0 else low


@inlined
def _paint_by_pixels(work: Workspace, count: int, line: NDArray[Any]) -> None:
    ahead, winner = work.ahead, work.winner
    for begin in range(0, len(line), LANES):
        steps = work.steps[begin : begin + LANES]
        value, change, number = work.value[0], work.change[0], work.number[0]
        for lane in range(LANES):
            ahead[lane], winner[lane] = value + steps[lane] * change, number
        for k in range(1, count):
            value, change, number = work.value[k], work.change[k], work.number[k]
            for lane in range(LANES):
                other = value + steps[lane] * change
                better = other > ahead[lane]
                ahead[lane] = other if better else ahead[lane]
                winner[lane] = number if better else winner[lane]
        part = line[begin : begin + LANES]
        for lane in range(len(part)):
            part[lane] = winner[lane]


@inlined
def paint_triangle(
    grid: Grid,
    scores: NDArray[Any],
    best: NDArray[np.int32],
    triangle: tuple[int, int, int],
    begin: int,
    shares: NDArray[np.int32],
    work: Workspace,
    out: NDArray[Any],
) -> None:
    """Write the labels of a triangle's ``shares`` to ``out``, the image rows from ``begin`` on."""
    a, b, c = triangle
    count = _choose(scores, best, a, b, c, work)
    p, q, s = point(grid.points, a), point(grid.points, b), point(grid.points, c)
    scale, bits = 1.0 / float(area2(p, q, s)), grid.lattice.bits
    kind = work.steps.dtype.type
    _, step_b, step_c = weight_steps(p, q, s, bits, scale)
    by_b, by_c = kind(step_b), kind(step_c)
    at_a, at_b, at_c = work.corner[0], work.corner[1], work.corner[2]
    for k in range(count):
        # The weights' changes add up to zero: differences keep a constant constant.
        work.change[k] = (at_b[k] - at_a[k]) * by_b + (at_c[k] - at_a[k]) * by_c
    for row in range(len(shares)):
        first, last = shares[row]
        if first >= last:
            continue
        line = out[row, first:last]
        if count == 1:
            line[:] = work.number[0]
            continue
        weights = weights_at(p, q, s, begin + row, first, bits, scale)
        of_a, of_b, of_c = kind(weights[0]), kind(weights[1]), kind(weights[2])
        for k in range(count):
            work.value[k] = at_a[k] * of_a + at_b[k] * of_b + at_c[k] * of_c
        if count == 2:
            _paint_two(work, line)
        elif last - first < LONG:
            _paint_by_pixels(work, count, line)
        else:
            _paint_by_crossings(work, count, line)
