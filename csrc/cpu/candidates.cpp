// SPDX-License-Identifier: Apache-2.0
// The inner loops of labelling, compiled for several instruction sets; see candidates.h.
#include "cpu/candidates.h"

#include <cstring>

namespace adaseg {

namespace {

template <class R>
inline void label_all(const R *start, const R *change, const int32_t *number, int64_t classes,
                      int64_t count, int32_t *labels) {
    for (int64_t k = 0; k < count; ++k) {
        const R at = static_cast<R>(k);
        R most = start[0] + at * change[0];
        labels[k] = number[0];
        for (int64_t c = 1; c < classes; ++c) {
            const R other = start[c] + at * change[c];
            labels[k] = other > most ? number[c] : labels[k];
            most = other > most ? other : most;
        }
    }
}

#ifdef ADASEG_VECTORS
inline void label_all(const float *start, const float *change, const int32_t *number,
                      int64_t classes, int64_t count, int32_t *labels) {
    for (int64_t from = 0; from < count; from += 16) {
        const Float16 at = ramp + static_cast<float>(from);
        Float16 most = start[0] + at * change[0];
        Int16 best = Int16{} + number[0];
        for (int64_t c = 1; c < classes; ++c) {
            const Float16 other = start[c] + at * change[c];
            const Int16 better = other > most;
            most = better ? other : most;
            best = better ? Int16{} + number[c] : best;
        }
        std::memcpy(labels + from, &best, sizeof best);
    }
}
#endif

template <class R>
inline void unbeaten(const R *const (&at)[3], const R (&lead)[3][3], int64_t classes,
                     uint8_t *keep) {
    const R *a = at[0], *b = at[1], *c = at[2];
    for (int64_t k = 0; k < classes; ++k) {
        const bool first = (a[k] < lead[0][0]) & (b[k] < lead[1][0]) & (c[k] < lead[2][0]);
        const bool second = (a[k] < lead[0][1]) & (b[k] < lead[1][1]) & (c[k] < lead[2][1]);
        const bool third = (a[k] < lead[0][2]) & (b[k] < lead[1][2]) & (c[k] < lead[2][2]);
        keep[k] = !(first | second | third);
    }
}

} // namespace

ADASEG_CLONES void label_lines(const float *start, const float *change, const int32_t *number,
                               int64_t classes, int64_t count, int32_t *labels) {
    label_all(start, change, number, classes, count, labels);
}

ADASEG_CLONES void label_lines(const double *start, const double *change, const int32_t *number,
                               int64_t classes, int64_t count, int32_t *labels) {
    label_all(start, change, number, classes, count, labels);
}

ADASEG_CLONES void find_unbeaten(const float *const (&at)[3], const float (&lead)[3][3],
                                 int64_t classes, uint8_t *keep) {
    unbeaten(at, lead, classes, keep);
}

ADASEG_CLONES void find_unbeaten(const double *const (&at)[3], const double (&lead)[3][3],
                                 int64_t classes, uint8_t *keep) {
    unbeaten(at, lead, classes, keep);
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
