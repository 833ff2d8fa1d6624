// SPDX-License-Identifier: Apache-2.0
// The inner loops of labelling; loops.h says what each does.
// Scores are compared with <, <= and > alone, so -0.0 and 0.0 are a tie. No loop may test the sign
// bit of a difference instead: -0.0 - 0.0 is -0.0 and would read as "smaller".
#pragma once

#include "cpu/simd/loops.h"
#include "cpu/simd/vector.h"

namespace adaseg {
namespace {

// Labels `Vectors` vectors of pixels at once, so that each class's numbers are read once for all.
template <int Vectors, class R>
ADASEG_INLINE void label_vectors(const PlaneArrays<R> &planes, R from, int32_t *labels) {
    constexpr int n = lanes<R>;
    using Numbers = Vector<int32_t, n>;
    Vector<R, n> at[Vectors], most[Vectors];
    Numbers best[Vectors];
    for (int v = 0; v < Vectors; ++v) {
        at[v] = ramp<R, n>() + (from + static_cast<R>(v * n));
        most[v] = planes.start[0] + at[v] * planes.step[0];
        best[v] = splat<n>(planes.number[0]);
    }
    for (int64_t c = 1; c < planes.count; ++c) {
        const R start = planes.start[c], step = planes.step[c];
        const Numbers number = splat<n>(planes.number[c]);
        for (int v = 0; v < Vectors; ++v) {
            const Vector<R, n> other = start + at[v] * step;
            const auto better = other > most[v];
            most[v] = select(better, other, most[v]);
            best[v] = select(mask_for<int32_t, n>(better), number, best[v]);
        }
    }
    for (int v = 0; v < Vectors; ++v)
        store(best[v], labels + v * n);
}

template <class R>
void label_words(const PlaneArrays<R> &planes, double dr, double dc, int64_t count,
                 int32_t *labels) {
    constexpr int n = lanes<R>, d = lanes<double>;
    for (int64_t c = 0; c < planes.count; c += d) {
        const Vector<double, d> start = load<d>(planes.base + c) + dr * load<d>(planes.by_row + c) +
                                        dc * load<d>(planes.by_col + c);
        store(convert<R, d>(start), planes.start + c);
    }
    int64_t from = 0;
    for (; from + n < count; from += 2 * n)
        label_vectors<2>(planes, static_cast<R>(from), labels + from);
    if (from < count)
        label_vectors<1>(planes, static_cast<R>(from), labels + from);
}

// Through memory: GCC converts vectors to bytes lane by lane, but not arrays.
template <class R>
void label_bytes(const PlaneArrays<R> &planes, double dr, double dc, int64_t count,
                 uint8_t *labels) {
    constexpr int n = lanes<int32_t>;
    int32_t words[64];
    const int64_t last = count > 0 ? (count - 1) / 16 * 16 : 0; // it may be written in part only
    for (int k = 0; k < 16; k += n)
        store(Vector<int32_t, n>{}, words + last + k);
    label_words(planes, dr, dc, count, words);
    for (int64_t from = 0; from < count; from += 16)
        for (int k = 0; k < 16; ++k)
            labels[from + k] = static_cast<uint8_t>(words[from + k]);
}

template <class R>
int64_t find_unbeaten(const R *const (&at)[3], const Lead<R> (&leads)[4], int64_t classes,
                      int32_t *number) {
    constexpr int n = lanes<R>;
    int64_t found = 0;
    for (int64_t from = 0; from < classes; from += n) {
        const Vector<R, n> a = load<n>(at[0] + from), b = load<n>(at[1] + from),
                           c = load<n>(at[2] + from);
        auto beaten = (a < leads[0].at[0]) & (b < leads[0].at[1]) & (c < leads[0].at[2]);
        for (int k = 1; k < 4; ++k)
            beaten |= (a < leads[k].at[0]) & (b < leads[k].at[1]) & (c < leads[k].at[2]);
        Integer<R> out[n];
        store(convert<Integer<R>, n>(beaten), out);
        const int64_t count = classes - from < n ? classes - from : n;
        for (int64_t k = 0; k < count; ++k) {
            number[found] = static_cast<int32_t>(from + k);
            found += out[k] == 0;
        }
    }
    return found;
}

template <class R>
bool find_planes(const R *const (&at)[3], const WeightGradients &gradients, double limit,
                 const PlaneArrays<R> &planes) {
    int64_t large = 0;
    for_vectors<lanes<double>>(planes.count, [&](auto width, int64_t k) {
        constexpr int n = decltype(width)::lanes;
        double score[3][n];
        for (int v = 0; v < n; ++v)
            for (int corner = 0; corner < 3; ++corner)
                score[corner][v] = static_cast<double>(at[corner][planes.number[k + v]]);
        const auto s0 = load<n>(score[0]), s1 = load<n>(score[1]), s2 = load<n>(score[2]);
        const auto d1 = s1 - s0, d2 = s2 - s0; // as core/barycentric.h does
        const Vector<double, n> by_row = d1 * gradients.row[1] + d2 * gradients.row[2],
                                by_col = d1 * gradients.col[1] + d2 * gradients.col[2];
        store(s0, planes.base + k);
        store(by_row, planes.by_row + k);
        store(by_col, planes.by_col + k);
        store(convert<R, n>(by_col), planes.step + k);
        const auto within = [&](const Vector<double, n> &x) {
            return (x >= -limit) & (x <= limit);
        };
        const auto all = within(s0) & within(s1) & within(s2) & within(by_row) & within(by_col);
        int64_t of_lane[n];
        store(convert<int64_t, n>(all), of_lane);
        for (int v = 0; v < n; ++v)
            large |= of_lane[v] == 0;
    });
    return large == 0;
}

template <class R>
void improve_best(const R *value, int64_t count, int32_t number, R *most, int32_t *best) {
    for_vectors<lanes<R>>(count, [&](auto width, int64_t v) {
        constexpr int n = decltype(width)::lanes;
        const Vector<R, n> here = load<n>(value + v), before = load<n>(most + v);
        const auto worse = (here <= before) | (here != here); // for `before` NaN only if NaN too
        store(select(worse, before, here), most + v);
        store(select(mask_for<int32_t, n>(worse), load<n>(best + v), splat<n>(number)), best + v);
    });
}

} // namespace
} // namespace adaseg
