// SPDX-License-Identifier: Apache-2.0
// Loops over rows of values, points and labels; loops.h says what each does.
#pragma once

#include "core/finite.h"
#include "core/nearest.h"
#include "cpu/simd/loops.h"
#include "cpu/simd/vector.h"

namespace adaseg {
namespace {

// On a span values only rise or only fall, also after rounding: it is enough to keep the first and
// the last one in the range of the corners.
template <class R>
bool find_lines(const R *const (&scores)[3], const SpanWeights<R> &weights, int64_t channels,
                R *start, R *change) {
    constexpr int n = lanes<R>;
    using Values = Vector<R, n>;
    auto usual = Values{} == Values{};
    const auto single = Values{} + weights.steps == Values{};
    for (int64_t c = 0; c < channels; c += n) {
        const Values a = load<n>(scores[0] + c), b = load<n>(scores[1] + c),
                     d = load<n>(scores[2] + c);
        const Values lower = select(a < b, a, b), upper = select(a < b, b, a);
        const Values least = select(d < lower, d, lower), most = select(d > upper, d, upper);
        // Comparisons with NaN are false. NaN in `d` alone makes neither extreme NaN.
        usual &= (least >= -weights.moderate) & (most <= weights.moderate) & (d == d);
        Values first = a * weights.at[0] + b * weights.at[1] + d * weights.at[2];
        first = select(first < least, least, first);
        first = select(first > most, most, first);
        Values step = (b - a) * weights.second + (d - a) * weights.third;
        const Values last = first + weights.steps * step;
        const Values bound = select(last > most, most, select(last < least, least, last));
        step = select(bound != last, (bound - first) * weights.per_step, step);
        // That may still be too much where differences are denormal, and a denormal step has lost
        // digits. For a single pixel, a step may be infinite: 0 times it is NaN.
        const Values again = first + weights.steps * step;
        const auto fits = (again >= least) & (again <= most);
        const auto precise =
            (step >= weights.precise) | (step <= -weights.precise) | (step == Values{});
        usual &= (fits & precise) | single;
        store(first, start + c);
        store(select(fits, step, Values{}), change + c);
    }
    Integer<R> of_lane[n];
    store(convert<Integer<R>, n>(usual), of_lane);
    bool all = true;
    for (int k = 0; k < n; ++k)
        all &= of_lane[k] != 0;
    return all;
}

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
