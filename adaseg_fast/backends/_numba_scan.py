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

from adaseg_fast.backends._numba_compile import inlined
from adaseg_fast.backends._numba_lattice import Lattice, Point, area2, first_row


class Edge(NamedTuple):
    """First columns to the right of an edge on successive rows, exactly: a start and a step."""

    column: int
    remainder: int
    denominator: int
    column_step: int
    remainder_step: int


@inlined
def _edge(upper: Point, lower: Point, row: int, bits: int) -> Edge:
    """Starts at ``row``, which has to be one that the edge crosses; upper[0] < lower[0]."""
    rows, cols = lower[0] - upper[0], lower[1] - upper[1]
    denominator = rows << bits
    numerator = upper[1] * rows + ((row << bits) - upper[0]) * cols + denominator - 1
    column, step = numerator // denominator, cols // rows
    return Edge(
        column,
        numerator - column * denominator,
        denominator,
        step,
        (cols - step * rows) << bits,
    )


@inlined
def cross(
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
def sorted_by_row(p: Point, q: Point, s: Point) -> tuple[Point, Point, Point]:
    if p[0] > q[0]:
        p, q = q, p
    if q[0] > s[0]:
        q, s = s, q
    if p[0] > q[0]:
        p, q = q, p
    return p, q, s


@inlined
def scan(
    p: Point, q: Point, s: Point, lattice: Lattice, begin: int, end: int, shares: NDArray[np.int32]
) -> tuple[int, int]:
    """A triangle's pixels on the image rows [begin, end).

    Returns the first and, not included, the last of its rows. On the k-th of them it owns the
    columns shares[k, 0] up to, not including, shares[k, 1]; there may be none.
    """
    top, mid, low = sorted_by_row(p, q, s)
    first = max(begin, first_row(top[0], lattice))
    last = min(end, first_row(low[0], lattice))
    if first >= last:
        return first, first
    middle = min(max(first_row(mid[0], lattice), first), last)
    long_side, short_side = (0, 1) if area2(top, mid, low) > 0 else (1, 0)
    cross(top, low, lattice, first, shares, 0, last - first, long_side)
    if first < middle:
        cross(top, mid, lattice, first, shares, 0, middle - first, short_side)
    if middle < last:
        cross(mid, low, lattice, middle, shares, middle - first, last - first, short_side)
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
