// SPDX-License-Identifier: Apache-2.0
// Loops over rows of values, points and labels; loops.h says what each does.
#pragma once

#include "core/finite.h"
#include "core/nearest.h"
#include "cpu/simd/loops.h"
#include "cpu/simd/vector.h"

namespace adaseg {
namespace {

template <class R>
void fill_lines(const R *start, const R *change, int64_t stride, const int32_t *first,
                int64_t spans, R *row) {
    constexpr int n = lanes<R>;
    static_assert(n <= overhang);
    const Vector<R, n> steps = ramp<R, n>();
    for (int64_t k = 0; k < spans; ++k) {
        const R value = start[k * stride], step = change[k * stride];
        R *pixel = row + first[k];
        const int32_t count = first[k + 1] - first[k];
        for (int32_t from = 0; from < count; from += n) {
            const Vector<R, n> values = value + (steps + static_cast<R>(from)) * step;
            store(values, pixel + from);
        }
    }
}

bool snap_row(const double *row, const double *col, int64_t count, const Lattice &lattice,
              Point *to) {
    const Lattice own = lattice; // a copy that the writes below cannot change
    int64_t bad = 0;
    for (int64_t j = 0; j < count; ++j) {
        to[j] = snap_point(row[j], col[j], own);
        bad |= !is_finite(row[j]) | !is_finite(col[j]);
    }
    return bad == 0;
}

bool offsets_of_row(const double *row, const double *col, int64_t count, int64_t height,
                    int64_t width, int64_t down, int64_t right, int64_t *offsets) {
    int64_t bad = 0;
    for (int64_t j = 0; j < count; ++j) {
        offsets[j] = nearest_pixel(row[j], height) * down + nearest_pixel(col[j], width) * right;
        bad |= !is_finite(row[j]) | !is_finite(col[j]);
    }
    return bad == 0;
}

template <class T>
void mark_changes(const T *here, const T *above, const T *below, int64_t width, uint8_t *flag) {
    const int64_t last = width - 1;
    const auto differs = [&](int64_t col, int64_t left, int64_t right) {
        const T label = here[col];
        return static_cast<uint8_t>((label != above[col]) | (label != below[col]) |
                                    (label != here[left]) | (label != here[right]));
    };
    for (int64_t col = 1; col < last; ++col)
        flag[col] = differs(col, col - 1, col + 1);
    if (width > 0) {
        flag[0] = differs(0, 0, last > 0);
        flag[last] = differs(last, last - (last > 0), last);
    }
}

} // namespace
} // namespace adaseg
