# SPDX-License-Identifier: Apache-2.0
"""Labels of one triangle's pixels from the scores at its corners.

Scores are affine in a triangle, so a class that stays below another one, or below the mean of
others, at all three corners is out. Along a row each class that is left is a line, computed as in
interpolation, and the lines are compared at every pixel. Ties go to the lowest class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends._numba_compile import inlined
from adaseg_fast.backends._numba_lanes import LANES, write_winners
from adaseg_fast.backends._numba_lattice import Point, area2
from adaseg_fast.backends._numba_scan import weight_steps, weights_at


@inlined
def make_room(scores: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """For the classes that may win in the triangle in hand, ascending; for all of them at most.

    Returns:
        Their numbers, (C,) int32; their scores at the corners, (C, 3); their lines along the run
        in hand, (2, C), score at the first pixel and change from a pixel to its right neighbour;
        the labels of a few pixels, (LANES,).
    """
    classes = scores.shape[1]
    return (
        np.empty(classes, np.int32),
        np.empty((classes, 3), scores.dtype),
        np.empty((2, classes), scores.dtype),
        np.empty(LANES, labels.dtype),
    )


@inlined
def _never_passes(k: int, x: Any, y: Any, z: Any, winner: int, u: Any, v: Any, w: Any) -> Any:
    """Whether class k with the corner scores x, y, z is nowhere chosen, ``winner`` has u, v, w."""
    lead = max(max(x - u, y - v), z - w)
    return (lead < 0) | ((lead <= 0) & (k > winner))


@inlined
def choose(
    scores: NDArray[Any],
    best: NDArray[np.int32],
    a: int,
    b: int,
    c: int,
    number: NDArray[np.int32],
    corner: NDArray[Any],
) -> int:
    """Fill in the classes that may win somewhere in the triangle, and count them."""
    p, q, s = best[a], best[b], best[c]
    pa, pb, pc = scores[a, p], scores[b, p], scores[c, p]
    qa, qb, qc = scores[a, q], scores[b, q], scores[c, q]
    sa, sb, sc = scores[a, s], scores[b, s], scores[c, s]
    # Were a class below the mean of the three winners everywhere, one of them would be ahead of it.
    three = scores.dtype.type(3)
    sum_a, sum_b, sum_c = pa + qa + sa, pb + qb + sb, pc + qc + sc
    count = 0
    for k in range(scores.shape[1]):
        x, y, z = scores[a, k], scores[b, k], scores[c, k]
        out = max(max(three * x - sum_a, three * y - sum_b), three * z - sum_c) < 0
        out |= _never_passes(k, x, y, z, p, pa, pb, pc)
        out |= _never_passes(k, x, y, z, q, qa, qb, qc)
        out |= _never_passes(k, x, y, z, s, sa, sb, sc)
        number[count] = k
        corner[count, 0], corner[count, 1], corner[count, 2] = x, y, z
        count += not out
    return count


@inlined
def _paint_two(
    number: NDArray[np.int32],
    line: NDArray[Any],
    row: int,
    first: int,
    last: int,
    out: NDArray[Any],
) -> None:
    kind, label = line.dtype.type, out.dtype.type
    low, high = label(number[0]), label(number[1])
    value0, value1, change0, change1 = line[0, 0], line[0, 1], line[1, 0], line[1, 1]
    for col in range(last - first):
        step = kind(np.int32(col))
        ahead = value1 + step * change1 > value0 + step * change0
        out[row, np.uint64(first) + np.uint64(col)] = high if ahead else low


@inlined
def _paint_many(
    count: int,
    number: NDArray[np.int32],
    line: NDArray[Any],
    winner: NDArray[Any],
    row: int,
    first: int,
    last: int,
    out: NDArray[Any],
) -> None:
    for begin in range(first, last, LANES):
        at = line.dtype.type(np.int32(begin - first))
        write_winners(line, number, count, at, winner)
        for col in range(begin, min(begin + LANES, last)):
            out[row, np.uint64(col)] = winner[np.uint64(col - begin)]


@inlined
def paint_triangle(
    p: Point,
    q: Point,
    s: Point,
    bits: int,
    begin: int,
    end: int,
    shares: NDArray[np.int32],
    count: int,
    number: NDArray[np.int32],
    corner: NDArray[Any],
    line: NDArray[Any],
    winner: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Write the labels of a triangle's ``shares`` of the image rows [begin, end)."""
    scale, kind = 1.0 / float(area2(p, q, s)), corner.dtype.type
    _, step_q, step_s = weight_steps(p, q, s, bits, scale)
    by_q, by_s = kind(step_q), kind(step_s)
    for k in range(count):
        x, y, z = corner[k, 0], corner[k, 1], corner[k, 2]
        # The weights' changes add up to zero: differences keep a constant constant.
        line[1, k] = (y - x) * by_q + (z - x) * by_s
    for row in range(begin, end):
        first, last = shares[row - begin, 0], shares[row - begin, 1]
        if first >= last:
            continue
        weights = weights_at(p, q, s, row, first, bits, scale)
        of_p, of_q, of_s = kind(weights[0]), kind(weights[1]), kind(weights[2])
        for k in range(count):
            line[0, k] = corner[k, 0] * of_p + corner[k, 1] * of_q + corner[k, 2] * of_s
        if count == 2:
            _paint_two(number, line, row, first, last, out)
        else:
            _paint_many(count, number, line, winner, row, first, last, out)
