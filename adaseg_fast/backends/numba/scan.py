# SPDX-License-Identifier: Apache-2.0
"""Scan conversion: which pixels of each image row a triangle owns, and with what weights.

A pixel is thought to be moved by an infinitesimal amount towards larger columns and, by a smaller
one still, larger rows (towards smaller ones on the last column and row). Then no pixel lies on an
edge, and a triangle's share of a row is a half-open range between two of its edges.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.compile import inlined
from adaseg_fast.backends.numba.lattice import Lattice, Point, area2, first_row


class Edge(NamedTuple):
    """First columns to the right of an edge on successive rows, exactly: a start and a step."""

    column: int
    remainder: int
    denominator: int
    column_step: int
    remainder_step: int


@inlined
def _divide_down(dividend: int, divisor: int) -> tuple[int, int]:
    """Quotient and remainder, for a positive divisor and a quotient below 2^32 in magnitude.

    The estimate is off by one at most, and cheaper than a division of 64-bit integers.
    """
    quotient = int(float(dividend) / float(divisor))
    remainder = dividend - quotient * divisor
    if remainder < 0:
        return quotient - 1, remainder + divisor
    if remainder >= divisor:
        return quotient + 1, remainder - divisor
    return quotient, remainder


@inlined
def _edge(upper: Point, lower: Point, row: int, bits: int) -> Edge:
    """Starts at ``row``, which has to be one that the edge crosses; upper[0] < lower[0]."""
    rows, cols = lower[0] - upper[0], lower[1] - upper[1]
    denominator = rows << bits
    numerator = upper[1] * rows + ((row << bits) - upper[0]) * cols + denominator - 1
    column, remainder = _divide_down(numerator, denominator)
    step, rest = _divide_down(cols, rows)
    return Edge(column, remainder, denominator, step, rest << bits)


@inlined
def _cross(
    upper: Point,
    lower: Point,
    lattice: Lattice,
    row: int,
    shares: NDArray[np.int32],
    begin: int,
    end: int,
    side: int,
) -> None:
    """Write an edge's first columns, on image rows from ``row`` on, to shares[begin:end, side]."""
    edge = _edge(upper, lower, row, lattice.bits)
    column, remainder = edge.column, edge.remainder
    for k in range(begin, end):
        # The far border's pixels are moved inwards, so that an edge there is beyond them.
        beyond = column == lattice.col_extent and remainder == edge.denominator - 1
        shares[k, side] = min(column + beyond, lattice.width)
        column += edge.column_step
        remainder += edge.remainder_step
        if remainder >= edge.denominator:
            remainder -= edge.denominator
            column += 1


@inlined
def sorted_by_row(p: Point, q: Point, s: Point) -> tuple[Point, Point, Point, bool]:
    """Top, middle and low corner, and whether that order turns the other way."""
    turned = False
    if p[0] > q[0]:
        p, q, turned = q, p, not turned
    if q[0] > s[0]:
        q, s, turned = s, q, not turned
    if p[0] > q[0]:
        p, q, turned = q, p, not turned
    return p, q, s, turned


@inlined
def cross_all(
    top: Point,
    mid: Point,
    low: Point,
    lattice: Lattice,
    first: int,
    last: int,
    long_side: int,
    shares: NDArray[np.int32],
) -> None:
    """Both edges' first columns on the image rows [first, last), which a triangle crosses.

    Those of the edge from top to low go to shares[:, long_side].
    """
    middle = min(max(first_row(mid[0], lattice), first), last)
    for edge in range(3):  # one place of the code, for it is compiled as often as it is written
        upper, lower = mid if edge == 2 else top, mid if edge == 1 else low
        begin, end = middle if edge == 2 else first, middle if edge == 1 else last
        if begin < end:
            side = long_side if edge == 0 else 1 - long_side
            _cross(upper, lower, lattice, begin, shares, begin - first, end - first, side)


@inlined
def scan(
    p: Point, q: Point, s: Point, lattice: Lattice, begin: int, end: int, shares: NDArray[np.int32]
) -> tuple[int, int]:
    """A triangle's pixels on the image rows [begin, end).

    Returns the first and, not included, the last of its rows. On the k-th of them it owns the
    columns shares[k, 0] up to, not including, shares[k, 1]; there may be none.
    """
    top, mid, low, _ = sorted_by_row(p, q, s)
    first = max(begin, first_row(top[0], lattice))
    last = min(end, first_row(low[0], lattice))
    if first >= last:
        return first, first
    cross_all(top, mid, low, lattice, first, last, int(area2(top, mid, low) <= 0), shares)
    return first, last


@inlined
def weights_at(
    p: Point, q: Point, s: Point, row: int, col: int, bits: int, scale: float
) -> tuple[float, float, float]:
    """Barycentric weights of a pixel, from exact edge functions; ``scale`` is 1 / area2(p, q, s).

    An owned pixel lies in its closed triangle, so that no weight leaves [0, 1].
    """
    at = (row << bits, col << bits)
    return (
        float(area2(q, s, at)) * scale,
        float(area2(s, p, at)) * scale,
        float(area2(p, q, at)) * scale,
    )


@inlined
def weight_steps(
    p: Point, q: Point, s: Point, bits: int, scale: float
) -> tuple[float, float, float]:
    """Change of the weights from a pixel to its right neighbour."""
    pixel = float(1 << bits)
    return (
        float(q[0] - s[0]) * pixel * scale,
        float(s[0] - p[0]) * pixel * scale,
        float(p[0] - q[0]) * pixel * scale,
    )


@inlined
def fill(out: NDArray[Any], row: int, first: int, last: int, value: Any) -> None:
    """Write a value to the columns [first, last) of a row."""
    for col in range(first, last):
        out[row, np.uint64(col)] = value
