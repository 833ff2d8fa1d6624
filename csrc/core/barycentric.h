// SPDX-License-Identifier: Apache-2.0
// Barycentric weights from exact edge functions.
// A pixel lies in the closed triangle that owns it, and the edge functions are exact integers: no
// weight leaves [0, 1], however thin the triangle is.
#pragma once

#include "core/finite.h"
#include "core/lattice.h"

namespace adaseg {

// Weights of the three corners at a pixel, and their change from a pixel to the one on its right.
struct Weights {
    double at[3], per_col[3];
};

ADASEG_HD Weights weights_at(const Point (&p)[3], int64_t row, int64_t col, int bits) {
    const double scale = 1.0 / static_cast<double>(area2(p[0], p[1], p[2]));
    const double pixel = static_cast<double>(int64_t{1} << bits);
    Weights result;
    for (int k = 0; k < 3; ++k) {
        const Point q = p[(k + 1) % 3], s = p[(k + 2) % 3];
        result.at[k] = static_cast<double>(area2(q, s, row << bits, col << bits)) * scale;
        result.per_col[k] =
            static_cast<double>(static_cast<int64_t>(q.row) - s.row) * pixel * scale;
    }
    return result;
}

// Gradient, in a pixel's row and column, of each corner's weight: constant in a triangle.
struct WeightGradients {
    double row[3], col[3];
};

ADASEG_HD WeightGradients weight_gradients(const Point (&p)[3], int bits) {
    const double scale =
        static_cast<double>(int64_t{1} << bits) / static_cast<double>(area2(p[0], p[1], p[2]));
    WeightGradients result;
    for (int k = 0; k < 3; ++k) {
        const Point q = p[(k + 1) % 3], s = p[(k + 2) % 3];
        result.row[k] = static_cast<double>(static_cast<int64_t>(s.col) - q.col) * scale;
        result.col[k] = static_cast<double>(static_cast<int64_t>(q.row) - s.row) * scale;
    }
    return result;
}

// Gradient, in a pixel's row and column, of the affine function with these values at the corners.
struct Slope {
    double row, col;
};

ADASEG_HD Slope slope_of(const double (&value)[3], const WeightGradients &g) {
    const double d1 = value[1] - value[0], d2 = value[2] - value[0];
    return {d1 * g.row[1] + d2 * g.row[2], d1 * g.col[1] + d2 * g.col[2]};
}

// The same, for gradients: a function with a value that is not finite counts as level. So a class
// that is ruled out by -inf moves no vertex.
ADASEG_HD Slope finite_slope_of(const double (&value)[3], const WeightGradients &g) {
    if (!is_finite(value[0]) || !is_finite(value[1]) || !is_finite(value[2]))
        return {0.0, 0.0};
    return slope_of(value, g);
}

} // namespace adaseg
