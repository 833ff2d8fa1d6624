// SPDX-License-Identifier: Apache-2.0
// Which pixels of an image row lie on which side of an edge.
// A pixel is thought to be moved by an infinitesimal amount towards larger columns and, by a
// smaller one still, larger rows (towards smaller ones on the last column and row, so that it stays
// inside the closed domain). Then no pixel lies on an edge, every pixel has an owner, and a
// triangle's share of a row is the half-open range between two of its edges.
#pragma once

#include "core/lattice.h"

namespace adaseg {

// First pixel line at or beyond numerator / denominator pixels; one further where that is exactly
// the far border, whose pixels are moved inwards.
ADASEG_HD int64_t first_line(int64_t numerator, int64_t denominator, int64_t extent) {
    const int64_t line = (numerator + denominator - 1) / denominator;
    return line + (line == extent && numerator == denominator * extent);
}

// Rows crossed by an edge whose ends lie at `upper` <= `lower` are [first_row(upper), first_row(lower)).
ADASEG_HD int64_t first_row(int32_t row, const Lattice &lattice) {
    return first_line(row, int64_t{1} << lattice.bits, lattice.row_extent);
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
    int64_t step = cols / rows;
    step -= cols % rows < 0;
    const int64_t column = numerator / denominator;
    return {column,
            numerator - column * denominator,
            denominator,
            step,
            (cols - step * rows) << lattice.bits,
            lattice.col_extent};
}

} // namespace adaseg
