// SPDX-License-Identifier: Apache-2.0
// The integer lattice on which pixel ownership is decided.
// Relative coordinates are snapped once to multiples of 2^-bits pixel, with as many bits as keep
// every coordinate below 2^31. After that geometry is exact in 64-bit integers, so that all
// backends, threads and instruction sets agree on every tie.
// Conventions: (row, column); pixel (r, c) lies at (r << bits, c << bits).
#pragma once

#include "core/config.h"
#include "core/round.h"

namespace adaseg {

struct Point {
    int32_t row, col;
};

struct Lattice {
    int64_t height, width;          // pixels
    int64_t row_extent, col_extent; // last row and column; 1 where the size is 1
    int bits;
};

ADASEG_HD Lattice make_lattice(int64_t height, int64_t width) {
    // An image of one row still spans the domain [0, 1]: its pixels lie on the upper border.
    const int64_t rows = height > 1 ? height - 1 : 1;
    const int64_t cols = width > 1 ? width - 1 : 1;
    int bits = 31;
    for (int64_t span = rows > cols ? rows : cols; span > 0; span >>= 1)
        --bits;
    return {height, width, rows, cols, bits};
}

// Nearest lattice coordinate, ties to even, clamped to the domain; NaN becomes 0.
ADASEG_HD int32_t snap(double relative, int64_t extent, int bits) {
    const double top = static_cast<double>(extent << bits);
    double scaled = relative * top;
    scaled = scaled > 0.0 ? scaled : 0.0;
    return static_cast<int32_t>(round_even(scaled < top ? scaled : top));
}

ADASEG_HD Point snap_point(double row, double col, const Lattice &lattice) {
    return {snap(row, lattice.row_extent, lattice.bits),
            snap(col, lattice.col_extent, lattice.bits)};
}

// Whether a relative coordinate moves its point; outside [0, 1] it is clamped.
ADASEG_HD bool moves_point(double relative) { return relative >= 0.0 && relative <= 1.0; }

// Whether vertex (i, j) of a grid of rows x cols obeys eq. (3): the grid's first and last row and
// column lie on the image's border.
ADASEG_HD bool obeys_covering(Point p, int64_t i, int64_t j, int64_t rows, int64_t cols,
                              const Lattice &lattice) {
    return (i > 0 || p.row == 0) && (j > 0 || p.col == 0) &&
           (i + 1 < rows || p.row == lattice.row_extent << lattice.bits) &&
           (j + 1 < cols || p.col == lattice.col_extent << lattice.bits);
}

// Twice the signed area of a triangle; positive for the order (A, right of A, below it).
// Coordinates below 2^31 keep each product under 2^62 and the difference inside int64.
ADASEG_HD int64_t area2(Point p, Point q, int64_t row, int64_t col) {
    return static_cast<int64_t>(q.col - p.col) * (row - p.row) -
           static_cast<int64_t>(q.row - p.row) * (col - p.col);
}

ADASEG_HD int64_t area2(Point p, Point q, Point s) { return area2(p, q, s.row, s.col); }

} // namespace adaseg
