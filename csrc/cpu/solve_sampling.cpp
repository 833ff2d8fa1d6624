// SPDX-License-Identifier: Apache-2.0
// Minimises eq. (2) subject to eq. (3), exactly. For the row coordinates the grid's first and last
// row are fixed at 0 and 1. In the cosine basis along the rows, differences between neighbouring
// columns are diagonal, so that one tridiagonal system per column is left: the work is two small
// matrix products and one sweep down and up. The column coordinates are the transposed problem,
// read and written with other strides. 16-bit types are computed in float.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/blend.h"
#include "cpu/common/clones.h"
#include "cpu/common/parallel.h"
#include "cpu/kernels.h"

namespace adaseg {

// One coordinate of one item: `across` values in each of `free` rows between two fixed ones.
template <class R> struct Plane {
    R *data;
    int64_t down, right, next; // strides; `next` leads to the same coordinate of the next item
};

// What all planes of one size and lambda share. Rows are padded to whole blocks of columns, and
// each block of the basis's columns is contiguous.
template <class R> struct Factors {
    int64_t free, across, padded;
    std::vector<R> to_basis, from_basis; // (blocks, across, columns), each the other's transpose
    std::vector<R> ratio, inverse;       // (free, padded): multiplier and one over the pivot
};

// Fills the free rows of the planes of one or two items; the fixed first row holds 0, the last one
// `last`. `coefficients` has room for free * padded values per item.
void solve_planes(const Factors<float> &factors, float last, Plane<const float> targets,
                  Plane<float> out, int64_t items, float *coefficients);
void solve_planes(const Factors<double> &factors, double last, Plane<const double> targets,
                  Plane<double> out, int64_t items, double *coefficients);

namespace {

#if defined(__GNUC__)
#define ADASEG_INLINE inline __attribute__((always_inline))
#else
#define ADASEG_INLINE inline
#endif

// 64 bytes of neighbouring values, to add and multiply at once.
template <class R> struct Block;
#ifdef ADASEG_VECTORS
template <> struct Block<float> {
    typedef float Values __attribute__((vector_size(64)));
};
template <> struct Block<double> {
    typedef double Values __attribute__((vector_size(64)));
};
#else
template <class R> struct Block {
    struct Values {
        R value[64 / sizeof(R)];

        friend Values operator*(R x, Values a) {
            for (R &value : a.value)
                value *= x;
            return a;
        }
        friend Values operator*(const Values &a, Values b) {
            for (size_t c = 0; c < 64 / sizeof(R); ++c)
                b.value[c] *= a.value[c];
            return b;
        }
        friend Values operator+(const Values &a, Values b) {
            for (size_t c = 0; c < 64 / sizeof(R); ++c)
                b.value[c] += a.value[c];
            return b;
        }
    };
};
#endif
template <class R> constexpr int64_t block_cols = 64 / sizeof(R);

// The basis vectors are sqrt((k == 0 ? 1 : 2) / across) cos(pi k (2 j + 1) / (2 across)), with
// eigenvalues 2 - 2 cos(pi k / across).
template <class R> Factors<R> make_factors(int64_t rows, int64_t across, double lam) {
    const int64_t free = rows - 2, period = 4 * across;
    const int64_t padded = (across + block_cols<R> - 1) / block_cols<R> * block_cols<R>;
    std::vector<double> cosine(period);
    for (int64_t m = 0; m < period; ++m)
        cosine[m] = std::cos(std::acos(-1.0) * static_cast<double>(m) / (0.5 * period));
    Factors<R> made{free, across, padded, {}, {}, {}, {}};
    made.to_basis.resize(across * padded);
    made.from_basis.resize(across * padded);
    const auto place = [&](int64_t row, int64_t col) {
        constexpr int64_t block = block_cols<R>;
        return col / block * across * block + row * block + col % block;
    };
    for (int64_t j = 0; j < across; ++j)
        for (int64_t k = 0; k < across; ++k) {
            const double length = std::sqrt((k == 0 ? 1.0 : 2.0) / across);
            const R value = static_cast<R>(length * cosine[k * (2 * j + 1) % period]);
            made.to_basis[place(j, k)] = made.from_basis[place(k, j)] = value;
        }
    made.ratio.resize(free * padded);
    made.inverse.resize(free * padded);
    for (int64_t k = 0; k < across; ++k) {
        const double diagonal = 1.0 + lam * (4.0 - 2.0 * cosine[2 * k]);
        double ratio = 0.0;
        for (int64_t i = 0; i < free; ++i) {
            const double pivot = diagonal - lam * ratio;
            ratio = lam / pivot;
            made.ratio[i * padded + k] = static_cast<R>(ratio);
            made.inverse[i * padded + k] = static_cast<R>(1.0 / pivot);
        }
    }
    return made;
}

template <class R, class Values> ADASEG_INLINE void read(Values &values, const R *from) {
    std::memcpy(&values, from, sizeof values);
}

template <class R, class Values>
ADASEG_INLINE void write(const Values &values, int64_t count, R *to, int64_t stride) {
    if (count == block_cols<R> && stride == 1) {
        std::memcpy(to, &values, sizeof values);
        return;
    }
    R value[block_cols<R>];
    std::memcpy(value, &values, sizeof values);
    int64_t c = 0;
    if (count >= block_cols<R> / 2 && stride == 1) {
        c = block_cols<R> / 2;
        std::memcpy(to, value, sizeof value / 2);
    }
    for (; c < count; ++c)
        to[c * stride] = value[c];
}

// A few rows of left * right, all columns. `right` holds blocks of columns, one after the other.
template <int Rows, class R>
ADASEG_INLINE void multiply_rows(Plane<const R> left, int64_t depth, const R *right, Plane<R> out,
                                 int64_t cols) {
    using Values = typename Block<R>::Values;
    for (int64_t from = 0; from < cols; from += block_cols<R>) {
        Values sum[Rows];
        for (int r = 0; r < Rows; ++r)
            sum[r] = Values{};
        for (int64_t k = 0; k < depth; ++k) {
            Values values;
            read(values, right + from * depth + k * block_cols<R>);
            for (int r = 0; r < Rows; ++r)
                sum[r] = sum[r] + left.data[r * left.down + k * left.right] * values;
        }
        const int64_t count = std::min(cols - from, block_cols<R>);
        for (int r = 0; r < Rows; ++r)
            write(sum[r], count, out.data + r * out.down + from * out.right, out.right);
    }
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

// Where all right-hand sides have one sign, so have all terms of the recurrences: nothing cancels.
// Each step waits for the one before it, so that two items side by side take little more time than
// one.
template <int Items, class R>
ADASEG_INLINE void sweep(const Factors<R> &factors, R last, R *coefficients) {
    using Values = typename Block<R>::Values;
    const int64_t n = factors.padded, end = (factors.free - 1) * n, next = end + n;
    for (int64_t k = 0; k < n; k += block_cols<R>) {
        R *column = coefficients + k;
        const R *ratios = factors.ratio.data() + k, *inverses = factors.inverse.data() + k;
        Values before[Items], x, ratio, inverse;
        for (int p = 0; p < Items; ++p)
            read(before[p], column + p * next);
        for (int64_t at = n; at <= end; at += n) {
            read(ratio, ratios + at - n);
            for (int p = 0; p < Items; ++p) {
                read(x, column + at + p * next);
                before[p] = x + ratio * before[p];
                std::memcpy(column + at + p * next, &before[p], sizeof x);
            }
        }
        Values after[Items];
        for (int p = 0; p < Items; ++p)
            after[p] = Values{};
        if (k == 0) { // of a constant row only the first coefficient is not 0
            const R first = last * std::sqrt(static_cast<R>(factors.across));
            for (int p = 0; p < Items; ++p)
                std::memcpy(&after[p], &first, sizeof first);
        }
        for (int64_t at = end; at >= 0; at -= n) {
            read(ratio, ratios + at);
            read(inverse, inverses + at);
            for (int p = 0; p < Items; ++p) {
                read(x, column + at + p * next);
                after[p] = x * inverse + ratio * after[p];
                std::memcpy(column + at + p * next, &after[p], sizeof x);
            }
        }
    }
}

template <class R>
ADASEG_INLINE void solve(const Factors<R> &factors, R last, Plane<const R> targets, Plane<R> out,
                         int64_t items, R *coefficients) {
    const int64_t n = factors.padded, size = factors.free * n;
    targets.data += targets.down; // past the fixed row
    out.data += out.down;
    Plane<R> between{coefficients, n, 1, size};
    for (int64_t p = 0; p < items; ++p) {
        multiply(targets, factors.free, factors.across, factors.to_basis.data(), between, n);
        targets.data += targets.next;
        between.data += between.next;
    }
    if (items == 2)
        sweep<2>(factors, last, coefficients);
    else
        sweep<1>(factors, last, coefficients);
    Plane<const R> found{coefficients, n, 1, size};
    for (int64_t p = 0; p < items; ++p) {
        multiply(found, factors.free, factors.across, factors.from_basis.data(), out,
                 factors.across);
        found.data += found.next;
        out.data += out.next;
    }
}

} // namespace

ADASEG_CLONES void solve_planes(const Factors<float> &factors, float last,
                                Plane<const float> targets, Plane<float> out, int64_t items,
                                float *coefficients) {
    solve(factors, last, targets, out, items, coefficients);
}

ADASEG_CLONES void solve_planes(const Factors<double> &factors, double last,
                                Plane<const double> targets, Plane<double> out, int64_t items,
                                double *coefficients) {
    solve(factors, last, targets, out, items, coefficients);
}

namespace {

// Both coordinates of items of one size.
template <class R> struct System {
    int64_t h = 0, w = 0;
    double lam = 0.0;
    Factors<R> rows, cols;

    int64_t room() const { return 2 * std::max(rows.free * rows.padded, cols.free * cols.padded); }

    // One or two items. `strides` of items, channels, rows and columns of `from`; `to` is
    // contiguous. The fixed last row or column holds `last`.
    void solve(const R *from, const int64_t *strides, R last, R *to, int64_t items,
               R *coefficients) const {
        if (h > 2)
            solve_planes(rows, last, {from, strides[2], strides[3], strides[0]},
                         {to, w, 1, 2 * h * w}, items, coefficients);
        if (w > 2)
            solve_planes(cols, last, {from + strides[1], strides[3], strides[2], strides[0]},
                         {to + h * w, 1, w, 2 * h * w}, items, coefficients);
        for (int64_t p = 0; p < items; ++p, from += strides[0], to += 2 * h * w) {
            if (last != R(0)) {
                clamp(from, strides, to);
                clamp(from + strides[1], strides, to + h * w);
            }
            std::fill(to, to + w, R(0));
            std::fill(to + (h - 1) * w, to + h * w, last);
            for (int64_t i = h; i < 2 * h; ++i) {
                to[i * w] = R(0);
                to[i * w + w - 1] = last;
            }
        }
    }

private:
    // A solution is a mean of targets and of the borders, 0 and 1: rounding must not take it out of
    // their range. NaN stays NaN.
    void clamp(const R *from, const int64_t *strides, R *to) const {
        R least = 0, most = 1;
        for (int64_t i = 0; i < h; ++i)
            for (int64_t j = 0; j < w; ++j) {
                const R target = from[i * strides[2] + j * strides[3]];
                least = target < least ? target : least;
                most = target > most ? target : most;
            }
        for (int64_t k = 0; k < h * w; ++k)
            to[k] = clamp_between(to[k], least, most);
    }
};

// Each thread keeps the system that it used last: training asks for the same one in every step.
template <class R> const System<R> &system_for(int64_t h, int64_t w, double lam) {
    thread_local System<R> kept;
    if (kept.h != h || kept.w != w || kept.lam != lam) {
        Factors<R> rows = make_factors<R>(h, w, lam);
        Factors<R> cols = h == w ? rows : make_factors<R>(w, h, lam);
        kept = {h, w, lam, std::move(rows), std::move(cols)};
    }
    return kept;
}

} // namespace

void solve_sampling(const View &targets, const View &out, double lam, bool homogeneous,
                    int threads) {
    const int64_t items = targets.shape[0], h = targets.shape[2], w = targets.shape[3];
    with_float_type(targets.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        using R = typename Compute<T>::type;
        const System<R> &system = system_for<R>(h, w, lam);
        const R last = homogeneous ? R(0) : R(1);
        const int64_t values = 2 * h * w, pieces = std::min<int64_t>(items, 4 * bounded(threads));
        parallel_for(pieces, items * values > 16384 ? threads : 1, [&](int64_t k) {
            std::vector<R> coefficients(system.room());
            const Range range = piece(items, pieces, k);
            if constexpr (sizeof(T) == sizeof(R)) {
                for (int64_t n = range.begin; n < range.end; n += 2)
                    system.solve(targets.item<T>(n), targets.strides.data(), last,
                                 out.as<T>() + n * values, std::min<int64_t>(range.end - n, 2),
                                 coefficients.data());
            } else {
                std::vector<R> wanted(values), found(values);
                for (int64_t n = range.begin; n < range.end; ++n) {
                    const std::array<int64_t, 4> &from = targets.strides, to{values, h * w, w, 1};
                    for (int64_t v = 0; v < values; ++v)
                        wanted[v] = static_cast<R>(targets.item<T>(
                            n)[v / to[1] * from[1] + v / w % h * from[2] + v % w * from[3]]);
                    system.solve(wanted.data(), to.data(), last, found.data(), 1,
                                 coefficients.data());
                    std::transform(found.begin(), found.end(), out.as<T>() + n * values,
                                   [](R x) { return T(x); });
                }
            }
        });
    });
}

} // namespace adaseg
