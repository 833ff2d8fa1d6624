// SPDX-License-Identifier: Apache-2.0
// The hot loops of the kernels as a table of functions, one table per target: an instruction set
// that the loops were compiled for. Every target gives the same bits: no sum is reordered and
// nothing is fused. cpu/common/targets.h chooses the table.
// This file and the others in this folder hold plain pointers and structs alone. A target's file
// must not contain shared inline functions, such as those of std::vector: the linker would keep one
// copy for all, which machines without the instruction set cannot run.
#pragma once

#include <cstdint>

#include "core/barycentric.h"
#include "core/lattice.h"

namespace adaseg {

// The scores of one class, or the mean of several, at the corners of a triangle.
template <class R> struct Lead {
    R at[3];
};

// Classes, numbers ascending, and their scores as planes. Arrays may be read
// and written up to a multiple of 16.
template <class R> struct PlaneArrays {
    int64_t count;
    const int32_t *number;
    double *base, *by_row, *by_col;
    R *step;  // by_col in the type to compute in
    R *start; // of a row, for label_bytes and label_words
};

// The weights of a span's corners: at its first pixel, and the changes of the second and the third
// from pixel to pixel. The weights' changes sum to 0. Working with differences keeps equal corner
// values exactly equal along the row.
template <class R> struct SpanWeights {
    R at[3], second, third;
    R steps;    // from the first pixel to the last one
    R per_step; // a little less than one over it: a step times `steps` must not come out too large
    R moderate;
    R precise; // the smallest number that has all its digits
};

// One coordinate of one item: `across` values in each of `free` rows between two fixed ones.
template <class R> struct Plane {
    R *data;
    int64_t down, right, next; // strides; `next` leads to the same coordinate of the next item
};

// Factors of the system of eq. (2); cpu/solve_sampling.cpp makes them. Rows are padded to whole
// blocks of columns, and each block of the basis's columns is contiguous.
template <class R> constexpr int64_t block_cols = 64 / sizeof(R);
template <class R> struct FactorArrays {
    int64_t free, across, padded;
    const R *to_basis, *from_basis; // (blocks, across, columns), each the other's transpose
    const R *ratio, *inverse;       // (free, padded): multiplier and one over the pivot
};

// How far `fill_lines` may write beyond the last pixel.
constexpr int64_t overhang = 16;

template <class R> struct RealLoops {
    // Fills the planes of the classes `number` from their scores at a triangle's corners. Returns
    // whether no score and no slope is larger than `limit`, or NaN.
    bool (*find_planes)(const R *const (&at)[3], const WeightGradients &gradients, double limit,
                        const PlaneArrays<R> &planes);

    // Labels up to 64 pixels of a row, the first one at (dr, dc) from the planes' origin, with the
    // class of the highest score. There must be room for 64 labels.
    void (*label_bytes)(const PlaneArrays<R> &planes, double dr, double dc, int64_t count,
                        uint8_t *labels);
    void (*label_words)(const PlaneArrays<R> &planes, double dr, double dc, int64_t count,
                        int32_t *labels);

    // Writes the numbers of the classes that no lead beats at all three corners, and returns their
    // count. Comparisons with NaN are false. The scores at[k] must be readable up to a multiple of
    // 16.
    int64_t (*find_unbeaten)(const R *const (&at)[3], const Lead<R> (&leads)[4], int64_t classes,
                             int32_t *number);

    // Where value[v] beats most[v] (core/blend.h): most[v] = value[v]; best[v] = number.
    void (*improve_best)(const R *value, int64_t count, int32_t number, R *most, int32_t *best);

    // For every channel of a span: the value at its first pixel and the change from pixel to pixel.
    // Returns whether all scores are finite and at most `moderate`; the lines of the other channels
    // are of no use then. The scores are read and the lines written up to a multiple of 16, which
    // may make the result false without need.
    bool (*find_lines)(const R *const (&scores)[3], const SpanWeights<R> &weights, int64_t channels,
                       R *start, R *change);

    // row[first[k] + t] = start[k * stride] + t * change[k * stride] for the pixels of span k,
    // which end where span k + 1 begins; up to `overhang` more are written.
    void (*fill_lines)(const R *start, const R *change, int64_t stride, const int32_t *first,
                       int64_t spans, R *row);

    // Fills the free rows of the planes of one or two items. The fixed first row holds 0, the last
    // one a constant, `last` times the first vector of the basis. `coefficients` has room for
    // free * padded values per item.
    void (*solve_planes)(const FactorArrays<R> &factors, R last, Plane<const R> targets,
                         Plane<R> out, int64_t items, R *coefficients);
};

struct Loops {
    const char *name;
    RealLoops<float> in_float;
    RealLoops<double> in_double;

    // Both return whether all coordinates are finite. `offsets_of_row` gives each point's nearest
    // pixel as an offset in an image with these strides.
    bool (*snap_row)(const double *row, const double *col, int64_t count, const Lattice &lattice,
                     Point *to);
    bool (*offsets_of_row)(const double *row, const double *col, int64_t count, int64_t height,
                           int64_t width, int64_t down, int64_t right, int64_t *offsets);

    // flag[col] = whether a label differs from one of its 4 neighbours. Rows beyond the image
    // repeat its border; columns beyond it are not looked at. Labels are compared as unsigned
    // integers of 1, 2, 4 or 8 bytes.
    void (*mark_changes8)(const uint8_t *here, const uint8_t *above, const uint8_t *below,
                          int64_t width, uint8_t *flag);
    void (*mark_changes16)(const uint16_t *here, const uint16_t *above, const uint16_t *below,
                           int64_t width, uint8_t *flag);
    void (*mark_changes32)(const uint32_t *here, const uint32_t *above, const uint32_t *below,
                           int64_t width, uint8_t *flag);
    void (*mark_changes64)(const uint64_t *here, const uint64_t *above, const uint64_t *below,
                           int64_t width, uint8_t *flag);

    template <class R> const RealLoops<R> &in() const {
        if constexpr (sizeof(R) == sizeof(float))
            return in_float;
        else
            return in_double;
    }
};

// The tables; null where the compiler makes no code for the target.
extern const Loops *const baseline_loops, *const avx2_loops, *const avx512_loops;

} // namespace adaseg
