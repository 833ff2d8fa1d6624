// SPDX-License-Identifier: Apache-2.0
// Which pixels of an image row lie on which side of an edge.
// A pixel is thought to be moved by an infinitesimal amount towards larger columns and, by a
// smaller one still, larger rows (towards smaller ones on the last column and row, so that it stays
// inside the closed domain). Then no pixel lies on an edge, every pixel has an owner, and a
// triangle's share of a row is the half-open range between two of its edges.
#pragma once

#include "core/lattice.h"

namespace adaseg {

// First pixel row at or beyond a lattice row; one further where that is exactly the far border,
// whose pixels are moved inwards. An edge from `upper` to `lower` crosses [first_row(upper),
// first_row(lower)).
ADASEG_HD int64_t first_row(int32_t row, const Lattice &lattice) {
    const int64_t one = int64_t{1} << lattice.bits;
    return ((row + one - 1) >> lattice.bits) + (row == lattice.row_extent << lattice.bits);
}

struct Division {
    int64_t quotient, remainder;
};

// Rounds down, for a positive divisor and a quotient below 2^32 in magnitude: the estimate in
// double is off by one at most, and cheaper than a division of 64-bit integers.
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

// First columns to the right of an edge on successive rows, exactly, with two divisions in all.
struct EdgeWalk {
    int64_t column, remainder; // of numerator + denominator - 1
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
