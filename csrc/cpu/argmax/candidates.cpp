// SPDX-License-Identifier: Apache-2.0
// The inner loops of labelling, compiled for several instruction sets; see candidates.h.
#include "cpu/argmax/candidates.h"

#include <cstring>

namespace adaseg {

namespace {

template <class R, class L>
inline void label_all(const Planes &planes, double dr, double dc, int64_t count, R, L *labels) {
    for (int64_t k = 0; k < count; ++k) {
        R most = 0;
        for (int64_t c = 0; c < planes.count; ++c) {
            const R start =
                static_cast<R>(planes.base[c] + dr * planes.by_row[c] + dc * planes.by_col[c]);
            const R other = start + static_cast<R>(k) * static_cast<R>(planes.by_col[c]);
            if (c == 0 || other > most) {
                most = other;
                labels[k] = static_cast<L>(planes.number[c]);
            }
        }
    }
}

#ifdef ADASEG_VECTORS
inline void store(const Int16 &numbers, int32_t *to) { std::memcpy(to, &numbers, sizeof numbers); }
inline void store(const Int16 &numbers, uint8_t *to) {
    const Byte16 bytes = __builtin_convertvector(numbers, Byte16);
    std::memcpy(to, &bytes, sizeof bytes);
}

template <class L>
inline void label_all(const Planes &planes, double dr, double dc, int64_t count, float, L *labels) {
    const int64_t classes = planes.count;
    const double *base = planes.base.data(), *by_row = planes.by_row.data(),
                 *by_col = planes.by_col.data();
    const int32_t *number = planes.number.data();
    for (int64_t from = 0; from < count; from += 16) {
        const Float16 at = ramp + static_cast<float>(from);
        Float16 most{};
        Int16 best{};
        for (int64_t c = 0; c < classes; ++c) {
            const float start = static_cast<float>(base[c] + dr * by_row[c] + dc * by_col[c]);
            const Float16 other = start + at * static_cast<float>(by_col[c]);
            if (c == 0) {
                most = other;
                best = Int16{} + number[0];
                continue;
            }
            const Int16 better = other > most;
            most = better ? other : most;
            best = better ? Int16{} + number[c] : best;
        }
        store(best, labels + from);
    }
}
#endif

template <class R>
inline int64_t unbeaten(const R *const (&at)[3], const Lead<R> (&leads)[4], int64_t classes,
                        int32_t *number) {
    int64_t found = 0;
    for (int32_t c = 0; c < classes; ++c) {
        bool beaten = false;
        for (const Lead<R> &lead : leads)
            beaten |= (at[0][c] < lead.at[0]) & (at[1][c] < lead.at[1]) & (at[2][c] < lead.at[2]);
        number[found] = c;
        found += !beaten;
    }
    return found;
}

#ifdef ADASEG_VECTORS
inline int64_t unbeaten(const float *const (&at)[3], const Lead<float> (&leads)[4], int64_t classes,
                        int32_t *number) {
    int64_t found = 0;
    for (int64_t from = 0; from < classes; from += 16) {
        Float16 a, b, c;
        std::memcpy(&a, at[0] + from, sizeof a);
        std::memcpy(&b, at[1] + from, sizeof b);
        std::memcpy(&c, at[2] + from, sizeof c);
        // Signs of differences: compilers split comparisons that & combines into single lanes.
        Int16 beaten{};
        for (const Lead<float> &lead : leads)
            beaten |= (Int16)(a - lead.at[0]) & (Int16)(b - lead.at[1]) & (Int16)(c - lead.at[2]);
        int32_t out[16];
        std::memcpy(out, &beaten, sizeof out);
        const int64_t count = classes - from < 16 ? classes - from : 16;
        for (int64_t k = 0; k < count; ++k) {
            number[found] = static_cast<int32_t>(from + k);
            found += out[k] >= 0;
        }
    }
    return found;
}
#endif

template <class R>
inline void improve(const R *value, int64_t count, int32_t number, R *most, int32_t *best) {
    for (int64_t v = 0; v < count; ++v) {
        const bool better = (value[v] > most[v]) | ((most[v] != most[v]) & (value[v] == value[v]));
        most[v] = better ? value[v] : most[v];
        best[v] = better ? number : best[v];
    }
}

} // namespace

ADASEG_CLONES void label_span(const Planes &planes, double dr, double dc, int64_t count, float,
                              SpanLabels<uint8_t> &labels) {
    label_all(planes, dr, dc, count, float{}, labels);
}
ADASEG_CLONES void label_span(const Planes &planes, double dr, double dc, int64_t count, float,
                              SpanLabels<int32_t> &labels) {
    label_all(planes, dr, dc, count, float{}, labels);
}
ADASEG_CLONES void label_span(const Planes &planes, double dr, double dc, int64_t count, double,
                              SpanLabels<uint8_t> &labels) {
    label_all(planes, dr, dc, count, double{}, labels);
}
ADASEG_CLONES void label_span(const Planes &planes, double dr, double dc, int64_t count, double,
                              SpanLabels<int32_t> &labels) {
    label_all(planes, dr, dc, count, double{}, labels);
}

ADASEG_CLONES int64_t find_unbeaten(const float *const (&at)[3], const Lead<float> (&leads)[4],
                                    int64_t classes, int32_t *number) {
    return unbeaten(at, leads, classes, number);
}
ADASEG_CLONES int64_t find_unbeaten(const double *const (&at)[3], const Lead<double> (&leads)[4],
                                    int64_t classes, int32_t *number) {
    return unbeaten(at, leads, classes, number);
}

ADASEG_CLONES void improve_best(const float *value, int64_t count, int32_t number, float *most,
                                int32_t *best) {
    improve(value, count, number, most, best);
}
ADASEG_CLONES void improve_best(const double *value, int64_t count, int32_t number, double *most,
                                int32_t *best) {
    improve(value, count, number, most, best);
}

} // namespace adaseg
