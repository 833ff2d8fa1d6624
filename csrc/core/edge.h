// SPDX-License-Identifier: Apache-2.0
// Which pixels of an image row lie on which side of an edge.
// Think of each pixel as moved by an infinitesimal amount towards larger columns and by a still
// smaller amount towards larger rows. On the last column and row it moves towards smaller ones, so
// that it stays inside the closed domain. Then no pixel lies on an edge, every pixel has an owner,
// and a triangle's share of a row is the half-open range between two of its edges.
#pragma once

#include "core/lattice.h"

namespace adaseg {

// First pixel row at or beyond a lattice row; one row further where the lattice row is exactly the
// far border, whose pixels are moved inwards. An edge from `upper` to `lower` crosses
// [first_row(upper), first_row(lower)).
ADASEG_HD int64_t first_row(int32_t row, const Lattice &lattice) {
    const int64_t one = int64_t{1} << lattice.bits;
    return ((row + one - 1) >> lattice.bits) + (row == lattice.row_extent << lattice.bits);
}

// First pixel row at or beyond a point of an edge whose row is `whole` lattice units, or a fraction
// of a unit more. The fraction lies beyond all pixels of its unit's row, but never beyond the far
// border's, which are moved inwards by less than any fraction.
ADASEG_HD int64_t first_row_beyond(int32_t whole, bool fraction, const Lattice &lattice) {
    return fraction ? (whole >> lattice.bits) + 1 : first_row(whole, lattice);
}

// Exchanges two corners of a triangle if the first lies below the second; returns whether it did.
template <class Vertex>
ADASEG_HD bool exchange_if_below(Point &p, Point &q, Vertex &of_p, Vertex &of_q) {
    if (p.row <= q.row)
        return false;
    const Point point = p;
    p = q;
    q = point;
    const Vertex vertex = of_p;
    of_p = of_q;
    of_q = vertex;
    return true;
}

// Orders a triangle's corners by row, the top one first; corners of equal rows keep their order.
// Returns whether the corners now run around the triangle the other way.
template <class Vertex> ADASEG_HD bool order_by_row(Point (&p)[3], Vertex (&v)[3]) {
    bool reversed = exchange_if_below(p[0], p[1], v[0], v[1]);
    reversed ^= exchange_if_below(p[1], p[2], v[1], v[2]);
    reversed ^= exchange_if_below(p[0], p[1], v[0], v[1]);
    return reversed;
}

struct Division {
    int64_t quotient, remainder;
};

// Rounds down. The divisor must be positive and the quotient below 2^32 in magnitude: then the
// estimate in double is off by at most one, and it is cheaper than a division of 64-bit integers.
ADASEG_HD Division divide_down(int64_t dividend, int64_t divisor) {
    int64_t quotient =
        static_cast<int64_t>(static_cast<double>(dividend) / static_cast<double>(divisor));
    int64_t remainder = dividend - quotient * divisor;
    if (remainder < 0) {
        --quotient;
        remainder += divisor;
    } else if (remainder >= divisor) {
        ++quotient;
        remainder -= divisor;
    }
    return {quotient, remainder};
}

// The first column to the right of an edge, exactly, on one row after the other; only the start
// needs divisions.
struct EdgeWalk {
    // Quotient and remainder of (numerator + denominator - 1) / denominator, i.e. rounded up.
    int64_t column, remainder;
    int64_t denominator, column_step, remainder_step, extent;

    ADASEG_HD int64_t first() const {
        return column + (column == extent && remainder == denominator - 1);
    }
    ADASEG_HD void next() {
        column += column_step;
        remainder += remainder_step;
        if (remainder >= denominator) {
            remainder -= denominator;
            ++column;
        }
    }
};

// Starts at `row`, which must be one that the edge crosses; upper.row < lower.row.
ADASEG_HD EdgeWalk walk_edge(Point upper, Point lower, int64_t row, const Lattice &lattice) {
    const int64_t rows = static_cast<int64_t>(lower.row) - upper.row;
    const int64_t cols = static_cast<int64_t>(lower.col) - upper.col;
    const int64_t denominator = rows << lattice.bits;
    const int64_t numerator =
        upper.col * rows + ((row << lattice.bits) - upper.row) * cols + denominator - 1;
    const Division start = divide_down(numerator, denominator), step = divide_down(cols, rows);
    return {start.quotient,
            start.remainder,
            denominator,
            step.quotient,
            step.remainder << lattice.bits,
            lattice.col_extent};
}

} // namespace adaseg
