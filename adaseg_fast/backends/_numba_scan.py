# SPDX-License-Identifier: Apache-2.0
"""Scan conversion: which pixels of each image row a triangle owns, and with what weights.

A pixel is thought to be moved by an infinitesimal amount towards larger columns and, by a smaller
one still, larger rows (towards smaller ones on the last column and row). Then no pixel lies on an
edge, and a triangle's share of a row is a half-open range between two of its edges.
"""

from __future__ import annotations

from typing import NamedTuple

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


class Scan(NamedTuple):
    """Image rows [begin, end) of a triangle; from ``middle`` on, the edge below its middle corner
    takes the place of the one above it. ``to_right``: that corner is right of the long edge."""

    begin: int
    middle: int
    end: int
    to_right: bool


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
def _cross(
    edge: Edge, lattice: Lattice, shares: NDArray[np.int32], begin: int, end: int, side: int
) -> None:
    """Write an edge's first columns to shares[begin:end, side]."""
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
) -> Scan:
    """A triangle's pixels on the image rows [begin, end).

    On row ``result.begin + k`` it owns the columns shares[k, 0] up to, not including, shares[k, 1];
    there may be none.
    """
    top, mid, low = sorted_by_row(p, q, s)
    from_row = max(begin, first_row(top[0], lattice))
    to_row = max(from_row, min(end, first_row(low[0], lattice)))
    middle = min(max(first_row(mid[0], lattice), from_row), to_row)
    to_right = area2(top, mid, low) > 0
    if from_row < to_row:
        long_side, short_side = (0, 1) if to_right else (1, 0)
        long_edge = _edge(top, low, from_row, lattice.bits)
        _cross(long_edge, lattice, shares, 0, to_row - from_row, long_side)
        if from_row < middle:
            edge = _edge(top, mid, from_row, lattice.bits)
            _cross(edge, lattice, shares, 0, middle - from_row, short_side)
        if middle < to_row:
            edge = _edge(mid, low, middle, lattice.bits)
            _cross(edge, lattice, shares, middle - from_row, to_row - from_row, short_side)
    return Scan(from_row, middle, to_row, to_right)


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
