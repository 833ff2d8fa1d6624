// SPDX-License-Identifier: Apache-2.0
// Solves the system of eq. (2) from its factors; loops.h says what the arrays hold.
#pragma once

#include "cpu/simd/loops.h"
#include "cpu/simd/vector.h"

namespace adaseg {
namespace {

// Columns up to a whole vector: those beyond `across` are computed too, and are of no use.
template <class R> constexpr int64_t whole_vectors(int64_t cols) {
    return (cols + lanes<R> - 1) / lanes<R> * lanes<R>;
}

template <class R>
ADASEG_INLINE void write_few(const Vector<R, lanes<R>> &values, int64_t count, R *to,
                             int64_t stride) {
    if (count >= lanes<R> && stride == 1)
        return store(values, to);
    R value[lanes<R>];
    store(values, value);
    if (count >= lanes<R>) // a fixed number of stores, without a loop
        for (int c = 0; c < lanes<R>; ++c)
            to[c * stride] = value[c];
    else
        for (int64_t c = 0; c < count; ++c)
            to[c * stride] = value[c];
}

// Rows of left * right at a few columns: `Vectors` vectors of them, which begin at `from`.
template <int Rows, int Vectors, class R>
ADASEG_INLINE void multiply_tile(const Plane<const R> &left, int64_t depth, const R *right,
                                 const Plane<R> &out, int64_t from, int64_t cols) {
    constexpr int n = lanes<R>;
    Vector<R, n> sum[Rows][Vectors];
    for (int r = 0; r < Rows; ++r)
        for (int v = 0; v < Vectors; ++v)
            sum[r][v] = Vector<R, n>{};
    right += from / block_cols<R> * depth * block_cols<R> + from % block_cols<R>;
    for (int64_t k = 0; k < depth; ++k, right += block_cols<R>) {
        Vector<R, n> values[Vectors];
        for (int v = 0; v < Vectors; ++v)
            values[v] = load<n>(right + v * n);
        for (int r = 0; r < Rows; ++r) {
            const R factor = left.data[r * left.down + k * left.right];
            for (int v = 0; v < Vectors; ++v)
                sum[r][v] = sum[r][v] + factor * values[v];
        }
    }
    for (int r = 0; r < Rows; ++r)
        for (int v = 0; v < Vectors; ++v) {
            const int64_t col = from + v * n;
            write_few(sum[r][v], cols - col, out.data + r * out.down + col * out.right, out.right);
        }
}

// A few rows of left * right, all columns. `right` holds blocks of columns, one after the other.
template <int Rows, class R>
ADASEG_INLINE void multiply_rows(const Plane<const R> &left, int64_t depth, const R *right,
                                 const Plane<R> &out, int64_t cols) {
    constexpr int n = lanes<R>, pair = 2 * n <= block_cols<R> ? 2 : 1;
    int64_t from = 0;
    for (; from + (pair - 1) * n < cols; from += pair * n)
        multiply_tile<Rows, pair>(left, depth, right, out, from, cols);
    if (from < cols)
        multiply_tile<Rows, 1>(left, depth, right, out, from, cols);
}

template <class R>
ADASEG_INLINE void multiply(Plane<const R> left, int64_t rows, int64_t depth, const R *right,
                            Plane<R> out, int64_t cols) {
    int64_t row = 0;
    const auto next = [&](int64_t count) {
        row += count;
        left.data += count * left.down;
        out.data += count * out.down;
    };
    while (row + 6 <= rows) {
        multiply_rows<6>(left, depth, right, out, cols);
        next(6);
    }
    if (row + 4 <= rows) {
        multiply_rows<4>(left, depth, right, out, cols);
        next(4);
    }
    if (row + 2 <= rows) {
        multiply_rows<2>(left, depth, right, out, cols);
        next(2);
    }
    if (row < rows)
        multiply_rows<1>(left, depth, right, out, cols);
}

// Where all right-hand sides have one sign, all terms of the recurrences have it too, so nothing
// cancels. Loop over two items to hide the latency of the dependent steps.
template <int Items, class R>
ADASEG_INLINE void sweep(const FactorArrays<R> &factors, R last, R *coefficients) {
    constexpr int width = lanes<R>;
    using Values = Vector<R, width>;
    const int64_t n = factors.padded, end = (factors.free - 1) * n, next = end + n;
    for (int64_t k = 0; k < factors.across; k += width) {
        R *column = coefficients + k;
        const R *ratios = factors.ratio + k, *inverses = factors.inverse + k;
        Values before[Items];
        for (int p = 0; p < Items; ++p)
            before[p] = load<width>(column + p * next);
        for (int64_t at = n; at <= end; at += n) {
            const Values ratio = load<width>(ratios + at - n);
            for (int p = 0; p < Items; ++p) {
                before[p] = load<width>(column + at + p * next) + ratio * before[p];
                store(before[p], column + at + p * next);
            }
        }
        Values after[Items];
        for (int p = 0; p < Items; ++p) {
            after[p] = Values{};
            if (k == 0) // a constant row has only its first cosine coefficient non-zero
                std::memcpy(&after[p], &last, sizeof last);
        }
        for (int64_t at = end; at >= 0; at -= n) {
            const Values ratio = load<width>(ratios + at), inverse = load<width>(inverses + at);
            for (int p = 0; p < Items; ++p) {
                after[p] = load<width>(column + at + p * next) * inverse + ratio * after[p];
                store(after[p], column + at + p * next);
            }
        }
    }
}

template <class R>
void solve_planes(const FactorArrays<R> &factors, R last, Plane<const R> targets, Plane<R> out,
                  int64_t items, R *coefficients) {
    const int64_t n = factors.padded, size = factors.free * n;
    targets.data += targets.down; // past the fixed row
    out.data += out.down;
    Plane<R> between{coefficients, n, 1, size};
    for (int64_t p = 0; p < items; ++p) {
        multiply(targets, factors.free, factors.across, factors.to_basis, between,
                 whole_vectors<R>(factors.across));
        targets.data += targets.next;
        between.data += between.next;
    }
    if (items == 2)
        sweep<2>(factors, last, coefficients);
    else
        sweep<1>(factors, last, coefficients);
    Plane<const R> found{coefficients, n, 1, size};
    for (int64_t p = 0; p < items; ++p) {
        multiply(found, factors.free, factors.across, factors.from_basis, out, factors.across);
        found.data += found.next;
        out.data += out.next;
    }
}

} // namespace
} // namespace adaseg
