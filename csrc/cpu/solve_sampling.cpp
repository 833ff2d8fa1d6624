// SPDX-License-Identifier: Apache-2.0
// Minimises eq. (2) subject to eq. (3), exactly. For the row coordinates the grid's first and last
// row are fixed at 0 and 1. In the cosine basis along the rows, differences between neighbouring
// columns are diagonal, so that one tridiagonal system per column is left: the work is two small
// matrix products and one sweep down and up. The column coordinates are the transposed problem,
// read and written with other strides. 16-bit types are computed in float.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/blend.h"
#include "cpu/common/parallel.h"
#include "cpu/common/targets.h"
#include "cpu/kernels.h"

namespace adaseg {

namespace {

// What all planes of one size and lambda share; FactorArrays says what the arrays hold.
template <class R> struct Factors {
    int64_t free, across, padded;
    std::vector<R> to_basis, from_basis;
    std::vector<R> ratio, inverse;

    FactorArrays<R> arrays() const {
        return {free,         across,        padded, to_basis.data(), from_basis.data(),
                ratio.data(), inverse.data()};
    }
};

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

// Both coordinates of items of one size.
template <class R> struct System {
    int64_t h = 0, w = 0;
    double lam = 0.0;
    Factors<R> rows, cols;

    int64_t room() const { return 2 * std::max(rows.free * rows.padded, cols.free * cols.padded); }

    // Fills the free rows of one coordinate.
    static void fill(const Factors<R> &factors, R last, Plane<const R> targets, Plane<R> out,
                     int64_t items, R *coefficients) {
        const R first = last * std::sqrt(static_cast<R>(factors.across));
        loops().in<R>().solve_planes(factors.arrays(), first, targets, out, items, coefficients);
    }

    // One or two items. `strides` of items, channels, rows and columns of `from`; `to` is
    // contiguous. The fixed last row or column holds `last`.
    void solve(const R *from, const int64_t *strides, R last, R *to, int64_t items,
               R *coefficients) const {
        if (h > 2)
            fill(rows, last, {from, strides[2], strides[3], strides[0]}, {to, w, 1, 2 * h * w},
                 items, coefficients);
        if (w > 2)
            fill(cols, last, {from + strides[1], strides[3], strides[2], strides[0]},
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
