// SPDX-License-Identifier: Apache-2.0
// The inner loops of labelling, compiled for several instruction sets; see candidates.h.
#include "cpu/candidates.h"

namespace adaseg {

namespace {

constexpr int64_t lanes = 16;

template <class R>
inline void label_all(const R *start, const R *change, const int32_t *number, int64_t classes,
                      int64_t count, int32_t *labels) {
    for (int64_t from = 0; from < count; from += lanes) {
        R at[lanes], most[lanes];
        int32_t best[lanes];
        for (int64_t k = 0; k < lanes; ++k) {
            at[k] = static_cast<R>(from + k);
            most[k] = start[0] + at[k] * change[0];
            best[k] = number[0];
        }
        for (int64_t c = 1; c < classes; ++c)
            for (int64_t k = 0; k < lanes; ++k) {
                const R value = start[c] + at[k] * change[c];
                const bool better = value > most[k];
                most[k] = better ? value : most[k];
                best[k] = better ? number[c] : best[k];
            }
        const int64_t left = count - from < lanes ? count - from : lanes;
        for (int64_t k = 0; k < left; ++k)
            labels[from + k] = best[k];
    }
}

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
