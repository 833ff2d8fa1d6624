// SPDX-License-Identifier: Apache-2.0
// How a cell of the sampling grid is split into two triangles, exactly on the lattice.
// Corners in order: A = (i, j), B = (i, j+1), C = (i+1, j+1), D = (i+1, j). The main diagonal is
// A-C. Cells are numbered row by row. Triangle 2k of cell k has the edge A-B, triangle 2k+1 the
// edge C-D.
#pragma once

#include "core/lattice.h"

namespace adaseg {

enum class Diagonal : int { delaunay = 0, main = 1, anti = 2 };

// A product of 64-bit numbers, without the 128-bit integers that only some compilers have.
struct Wide {
    uint64_t high, low;
};

ADASEG_HD Wide multiply(uint64_t a, uint64_t b) {
    const uint64_t mask = 0xffffffffu;
    const uint64_t low = (a & mask) * (b & mask);
    const uint64_t mid1 = (a >> 32) * (b & mask) + (low >> 32);
    const uint64_t mid2 = (a & mask) * (b >> 32) + (mid1 & mask);
    return {(a >> 32) * (b >> 32) + (mid1 >> 32) + (mid2 >> 32), (mid2 << 32) | (low & mask)};
}

// Whether p * q + s * t >= 0, exactly, for p, s >= 0.
ADASEG_HD bool sum_of_products_nonnegative(int64_t p, int64_t q, int64_t s, int64_t t) {
    const bool first_negative = p != 0 && q < 0, second_negative = s != 0 && t < 0;
    if (first_negative == second_negative)
        return !first_negative;
    const uint64_t abs_q = q < 0 ? 0 - static_cast<uint64_t>(q) : static_cast<uint64_t>(q);
    const uint64_t abs_t = t < 0 ? 0 - static_cast<uint64_t>(t) : static_cast<uint64_t>(t);
    const Wide first = multiply(static_cast<uint64_t>(p), abs_q);
    const Wide second = multiply(static_cast<uint64_t>(s), abs_t);
    const Wide negative = first_negative ? first : second;
    const Wide positive = first_negative ? second : first;
    return positive.high != negative.high ? positive.high > negative.high
                                          : positive.low >= negative.low;
}

ADASEG_HD int64_t dot(Point apex, Point p, Point q) {
    return static_cast<int64_t>(p.row - apex.row) * (q.row - apex.row) +
           static_cast<int64_t>(p.col - apex.col) * (q.col - apex.col);
}

struct Split {
    bool main;   // along A-C
    bool folded; // a triangle is inverted
};

// Where just one diagonal inverts no triangle, the Delaunay rule takes that one. Else it takes the
// one whose opposite angles add up to at most 180 degrees; the main one on a tie.
ADASEG_HD Split split_cell(Diagonal rule, Point a, Point b, Point c, Point d) {
    const int64_t abc = area2(a, b, c), acd = area2(a, c, d);
    const bool main_fits = abc >= 0 && acd >= 0;
    const bool anti_fits = area2(a, b, d) >= 0 && area2(b, c, d) >= 0;
    if (rule != Diagonal::delaunay)
        return {rule == Diagonal::main, rule == Diagonal::main ? !main_fits : !anti_fits};
    if (!main_fits || !anti_fits)
        return {main_fits || !anti_fits, !main_fits && !anti_fits};
    // sin(B + D) has the sign of area_B * dot_D + area_D * dot_B; the edge lengths cancel.
    return {sum_of_products_nonnegative(abc, dot(d, a, c), acd, dot(b, a, c)), false};
}

struct Corners {
    int64_t v[3]; // vertex numbers i * w + j
};

// Corners of triangle `second` (0 or 1) of the cell whose corner A is vertex `a`.
ADASEG_HD Corners triangle_corners(int64_t a, int64_t grid_width, bool main, bool second) {
    const int64_t b = a + 1, c = a + grid_width + 1, d = a + grid_width;
    if (main)
        return second ? Corners{{a, c, d}} : Corners{{a, b, c}};
    return second ? Corners{{b, c, d}} : Corners{{a, b, d}};
}

ADASEG_HD int64_t triangle_count(int64_t grid_height, int64_t grid_width) {
    return 2 * (grid_height - 1) * (grid_width - 1);
}

// Number of triangle `second` (0 or 1) of the cell (i, j).
ADASEG_HD int64_t triangle_number(int64_t i, int64_t j, int64_t grid_width, int second) {
    return 2 * (i * (grid_width - 1) + j) + second;
}

// The points of a triangle, from those of all vertices.
ADASEG_HD void read_triangle_points(const Point *points, const Corners &corners, Point (&p)[3]) {
    for (int k = 0; k < 3; ++k)
        p[k] = points[corners.v[k]];
}

} // namespace adaseg
