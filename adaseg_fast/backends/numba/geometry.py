# SPDX-License-Identifier: Apache-2.0
"""Arithmetic on plain values that all kernels share, as in ``csrc/core``.

Ownership is exact in 64-bit integers: relative coordinates are snapped to multiples of 2^-bits
pixel below 2^31, and from there on every backend decides each tie in the same way. Points are
(row, column).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from adaseg_fast.backends.numba.runtime import helper

MODERATE = float(np.finfo(np.float64).max) / 4
ROUND = 4503599627370496.0  # 2^52: beyond it, doubles are integers
LOW_HALF, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


class Point(NamedTuple):
    """A place on the lattice."""

    row: int
    col: int


class Lattice(NamedTuple):
    """Image size in pixels, last row and column (1 where the size is 1), bits below the pixel."""

    height: int
    width: int
    row_extent: int
    col_extent: int
    bits: int


class Triangle(NamedTuple):
    """Vertex numbers ``a``, ``b``, ``c`` and their points ``p``, ``q``, ``s``."""

    a: int
    b: int
    c: int
    p: Point
    q: Point
    s: Point


class Weights(NamedTuple):
    """Weights of the three corners at a pixel, and their change to the right neighbour."""

    at: tuple[float, float, float]
    per_col: tuple[float, float, float]


class EdgeWalk(NamedTuple):
    """First columns to the right of an edge on successive rows, exactly."""

    column: int
    remainder: int
    denominator: int
    column_step: int
    remainder_step: int


# --- round.h, nearest.h ---------------------------------------------------------------------------


@helper
def round_even(x: float) -> float:
    """Round a number in [0, 2^51]; ties go to the even integer."""
    return (x + ROUND) - ROUND


@helper
def nearest_pixel(relative: float, size: int) -> int:
    """The pixel nearest to a relative coordinate (eq. 1), clamped to the image."""
    last = float(size - 1)
    at = relative * last
    at = at if at > 0.0 else 0.0
    return int(round_even(at if at < last else last))


@helper
def even_pixel(index: int, count: int, size: int) -> int:
    """Pixel of point ``index`` of ``count`` spread evenly over ``size`` pixels, ends included."""
    if count < 2:
        return 0
    return int(round_even(float(index * (size - 1)) / float(count - 1)))


@helper
def relative_coordinate(index: int, size: int) -> float:
    """Where a pixel lies in [0, 1]."""
    return float(index) / float(size - 1) if size > 1 else 0.0


# --- lattice.h ------------------------------------------------------------------------------------


@helper
def make_lattice(height: int, width: int) -> Lattice:
    """The lattice of an image; one of a single row still spans the domain [0, 1]."""
    rows, cols = max(height - 1, 1), max(width - 1, 1)
    bits, span = 31, max(rows, cols)
    while span > 0:
        span >>= 1
        bits -= 1
    return Lattice(height, width, rows, cols, bits)


@helper
def snap(relative: float, extent: int, bits: int) -> int:
    """Nearest lattice coordinate, ties to even, clamped to the domain."""
    top = float(extent << bits)
    scaled = relative * top
    scaled = scaled if scaled > 0.0 else 0.0
    return int(round_even(scaled if scaled < top else top))


@helper
def area2(p: Point, q: Point, s: Point) -> int:
    """Twice the signed area; positive for the order (A, right of A, below it)."""
    return (q.col - p.col) * (s.row - p.row) - (q.row - p.row) * (s.col - p.col)


# --- cell.h ---------------------------------------------------------------------------------------


@helper
def multiply(a: int, b: int) -> tuple[Any, Any]:
    """The 128 bits of a product of two numbers that are not negative: upper and lower half."""
    x, y = np.uint64(a), np.uint64(b)
    low = (x & LOW_HALF) * (y & LOW_HALF)
    mid1 = (x >> HALF) * (y & LOW_HALF) + (low >> HALF)
    mid2 = (x & LOW_HALF) * (y >> HALF) + (mid1 & LOW_HALF)
    high = (x >> HALF) * (y >> HALF) + (mid1 >> HALF) + (mid2 >> HALF)
    return high, (mid2 << HALF) | (low & LOW_HALF)


@helper
def sum_of_products_nonnegative(p: int, q: int, s: int, t: int) -> bool:
    """Whether p * q + s * t >= 0, exactly, for p, s >= 0."""
    first_negative, second_negative = p != 0 and q < 0, s != 0 and t < 0
    if first_negative == second_negative:
        return not first_negative
    first, second = multiply(p, abs(q)), multiply(s, abs(t))
    negative, positive = (first, second) if first_negative else (second, first)
    if positive[0] != negative[0]:
        return bool(positive[0] > negative[0])
    return bool(positive[1] >= negative[1])


@helper
def dot(apex: Point, p: Point, q: Point) -> int:
    """Scalar product of the vectors from ``apex`` to the two other points."""
    return (p.row - apex.row) * (q.row - apex.row) + (p.col - apex.col) * (q.col - apex.col)


@helper
def split_cell(rule: int, a: Point, b: Point, c: Point, d: Point) -> tuple[bool, bool]:
    """Whether the cell a, b, c, d (clockwise from its upper left corner) is split along a-c.

    Rule 1 is the main diagonal, 2 the other one, 0 Delaunay: the only diagonal that inverts no
    triangle where just one does, else the one whose opposite angles add up to at most 180 degrees;
    the main one on a tie. Also returns whether a triangle is inverted all the same.
    """
    abc, acd = area2(a, b, c), area2(a, c, d)
    main_fits = abc >= 0 and acd >= 0
    anti_fits = area2(a, b, d) >= 0 and area2(b, c, d) >= 0
    if rule != 0:
        return rule == 1, not (main_fits if rule == 1 else anti_fits)
    if not main_fits or not anti_fits:
        return main_fits or not anti_fits, not main_fits and not anti_fits
    # sin(B + D) >= 0: each sine is an area and each cosine a dot product of the same lengths.
    return sum_of_products_nonnegative(abc, dot(d, a, c), acd, dot(b, a, c)), False


# --- edge.h ---------------------------------------------------------------------------------------


@helper
def first_row(row: int, lattice: Lattice) -> int:
    """First pixel row at or beyond a lattice row; one further at the far border.

    A pixel is thought to be moved by an infinitesimal amount towards larger columns and, by a
    smaller one still, larger rows (towards smaller ones on the last column and row). Then no pixel
    lies on an edge, and a triangle's share of an image row is a half-open range of columns.
    """
    at_border = row == lattice.row_extent << lattice.bits
    return ((row + (1 << lattice.bits) - 1) >> lattice.bits) + int(at_border)


@helper
def divide_down(dividend: int, divisor: int) -> tuple[int, int]:
    """Quotient, rounded down and below 2^32 in magnitude, and remainder; divisor > 0.

    The estimate in double is off by at most one, and faster than a division of integers.
    """
    quotient = int(float(dividend) / float(divisor))
    remainder = dividend - quotient * divisor
    if remainder < 0:
        return quotient - 1, remainder + divisor
    if remainder >= divisor:
        return quotient + 1, remainder - divisor
    return quotient, remainder


@helper
def walk_edge(upper: Point, lower: Point, row: int, bits: int) -> EdgeWalk:
    """Start at ``row``, which the edge must cross; upper.row < lower.row."""
    rows, cols = lower.row - upper.row, lower.col - upper.col
    denominator = rows << bits
    numerator = upper.col * rows + ((row << bits) - upper.row) * cols + denominator - 1
    column, remainder = divide_down(numerator, denominator)
    column_step, rest = divide_down(cols, rows)
    return EdgeWalk(column, remainder, denominator, column_step, rest << bits)


@helper
def first_column(walk: EdgeWalk, extent: int) -> int:
    """First column to the right of the edge; one further at the far border."""
    at_border = walk.column == extent and walk.remainder == walk.denominator - 1
    return walk.column + int(at_border)


@helper
def next_row(walk: EdgeWalk) -> EdgeWalk:
    """The same edge one row further down."""
    column, remainder = walk.column + walk.column_step, walk.remainder + walk.remainder_step
    if remainder >= walk.denominator:
        remainder -= walk.denominator
        column += 1
    return EdgeWalk(column, remainder, walk.denominator, walk.column_step, walk.remainder_step)


# --- barycentric.h --------------------------------------------------------------------------------


@helper
def weights_at(t: Triangle, row: int, col: int, bits: int) -> Weights:
    """Barycentric weights at a pixel, from exact edge functions.

    An owned pixel lies in its closed triangle, so no weight leaves [0, 1].
    """
    p, q, s = t.p, t.q, t.s
    scale, pixel = 1.0 / float(area2(p, q, s)), float(1 << bits)
    here = Point(row << bits, col << bits)
    return Weights(
        (
            float(area2(q, s, here)) * scale,
            float(area2(s, p, here)) * scale,
            float(area2(p, q, here)) * scale,
        ),
        (
            float(q.row - s.row) * pixel * scale,
            float(s.row - p.row) * pixel * scale,
            float(p.row - q.row) * pixel * scale,
        ),
    )


@helper
def line_of(x: float, y: float, z: float, w: Weights) -> tuple[float, float]:
    """Value at a pixel, and change to its right neighbour, from the values x, y, z at the corners.

    The weights' changes add up to zero: differences keep a constant constant.
    """
    value = x * w.at[0] + y * w.at[1] + z * w.at[2]
    return value, (y - x) * w.per_col[1] + (z - x) * w.per_col[2]


@helper
def gradient_of(x: float, y: float, z: float, t: Triangle, bits: int) -> tuple[float, float]:
    """Change to the next pixel row and column, from the values x, y, z at the corners."""
    p, q, s = t.p, t.q, t.s
    scale = float(1 << bits) / float(area2(p, q, s))
    by_row = (y - x) * (float(p.col - s.col) * scale) + (z - x) * (float(q.col - p.col) * scale)
    by_col = (y - x) * (float(s.row - p.row) * scale) + (z - x) * (float(p.row - q.row) * scale)
    return by_row, by_col


# --- blend.h --------------------------------------------------------------------------------------


@helper
def beats(value: float, most: float) -> bool:
    """Whether a class's value is above the best one so far; NaN wins only where all are NaN."""
    return value > most or (most != most and value == value)


@helper
def are_moderate(x: float, y: float, z: float) -> bool:
    """Whether numbers are finite and can be added and subtracted without overflow."""
    return abs(x) <= MODERATE and abs(y) <= MODERATE and abs(z) <= MODERATE


@helper
def blend(x: float, y: float, z: float, w: Weights) -> float:
    """The value at a pixel, from the values x, y, z at the corners, which may be any numbers.

    Corners of weight 0 do not count. Of the others a NaN makes the value NaN, else -inf makes it
    -inf, else +inf makes it +inf. A finite value lies in the range of the corners.
    """
    total, least, most = 0.0, np.inf, -np.inf
    unknown = False
    for k in range(3):
        value = x if k == 0 else y if k == 1 else z
        if w.at[k] > 0.0:
            unknown |= value != value
            total += value * w.at[k]
            least, most = min(least, value), max(most, value)
    if unknown:
        return float(np.nan)
    if least == -np.inf:
        return least
    if most == np.inf:
        return most
    return min(max(total, least), most)
