// SPDX-License-Identifier: Apache-2.0
// Checks the gradients of the interpolation against plain sums over all pixels.
// Included by fuzz.cpp only.
#pragma once

#include "fuzz_grids.h"

namespace fuzz {

// A sum of weight * value, and the sum of its values' magnitudes, which bounds its rounding error:
// a weight's error is relative to 1, however small the weight is.
struct Sum {
    long double total = 0, magnitude = 0;

    void add(long double weight, const Sum &value) {
        total += weight * value.total;
        magnitude += value.magnitude;
    }
};

struct Gradients {
    std::vector<Sum> scores; // (channels, h, w)
    std::vector<Sum> phi;    // (2, h, w)
};

// `g` times the change of a triangle's affine function along a coordinate axis, per unit of phi; 0
// where a score is not finite.
inline Sum slope(const Ownership &owners, const Plain &t, const long double (&s)[3], int axis,
                 long double g) {
    const long double whole = static_cast<long double>(area(t.at[0], t.at[1], t.at[2]));
    const long double unit = std::ldexp(static_cast<long double>(owners.extent[axis]), owners.bits);
    Sum found;
    if (!std::isfinite(s[0]) || !std::isfinite(s[1]) || !std::isfinite(s[2]))
        return found;
    for (int k = 1; k < 3; ++k) { // the gradient of a corner's weight lies across its opposite edge
        const Vertex &p = t.at[(k + 1) % 3], &q = t.at[(k + 2) % 3];
        const long double across =
            static_cast<long double>(axis == 0 ? q.col - p.col : p.row - q.row);
        const long double term = g * (s[k] - s[0]) * across / whole * unit;
        found.add(1, {term, std::abs(term)});
    }
    return found;
}

inline Gradients gradients_of(const GridCase &grid, const View &scores, const View &grad,
                              int64_t n) {
    const int64_t channels = scores.shape[1], vertices = grid.h * grid.w;
    const Ownership &owners = grid.owners[n];
    Gradients found;
    found.scores.resize(channels * vertices);
    found.phi.resize(2 * vertices);
    for (int64_t pixel = 0; pixel < grid.height * grid.width; ++pixel) {
        if (owners.face[pixel] < 0)
            continue;
        const int64_t row = pixel / grid.width, col = pixel % grid.width;
        const Plain &t = owners.triangles[owners.face[pixel]];
        const auto weight = weights_of(owners, t, row, col);
        for (int64_t c = 0; c < channels; ++c) {
            const long double g = get(grad, {n, c, row, col});
            long double s[3];
            for (int k = 0; k < 3; ++k)
                s[k] = get(scores, {n, c, t.corner[k] / grid.w, t.corner[k] % grid.w});
            for (int k = 0; k < 3; ++k)
                found.scores[c * vertices + t.corner[k]].add(weight[k], {g, std::abs(g)});
            for (int axis = 0; axis < 2; ++axis)
                for (int k = 0; k < 3; ++k)
                    found.phi[axis * vertices + t.corner[k]].add(-weight[k],
                                                                 slope(owners, t, s, axis, g));
        }
    }
    return found;
}

inline void check_close(const View &out, const Index &at, const Sum &exact, double tolerance) {
    if (exact.magnitude > 3e4L) // float16 may overflow
        return;
    FUZZ_CLOSE(get(out, at), exact.total, tolerance * exact.magnitude + smallest(out.type));
}

inline void check_gradients(Source &source, const GridCase &grid, const Scores &scores) {
    const View &from = scores.array.view;
    const int64_t channels = from.shape[1];
    Array grad = make_input(source, from.type, {grid.items, channels, grid.height, grid.width});
    for_each_index(grad.view,
                   [&](const Index &at) { set_float(grad.view, at, source.around_zero()); });
    Array to_scores = make_output(from.type, {grid.items, channels, grid.h, grid.w});
    Array to_phi = make_output(grid.phi.view.type, {grid.items, 2, grid.h, grid.w});
    const bool done = same_on_threads(grid.finite, {&to_scores, &to_phi}, [&](int threads) {
        adaseg::interpolate_backward(grad.view, from, grid.phi.view, to_scores.view, to_phi.view,
                                     grid.diagonal(), threads);
    });
    if (!done)
        return;
    for (Array *wanted :
         {&to_scores, &to_phi}) { // each is optional and does not depend on the other
        const std::vector<uint8_t> both(wanted->memory.get(), wanted->memory.get() + wanted->bytes);
        adaseg::interpolate_backward(grad.view, from, grid.phi.view,
                                     wanted == &to_scores ? to_scores.view : View{},
                                     wanted == &to_phi ? to_phi.view : View{}, grid.diagonal(), 1);
        FUZZ_CHECK(std::equal(both.begin(), both.end(), wanted->memory.get()));
    }
    if (!scores.plain)
        return;
    for (int64_t n = 0; n < grid.items; ++n) {
        const Gradients exact = gradients_of(grid, from, grad.view, n);
        for (int64_t v = 0; v < grid.h * grid.w; ++v) {
            const int64_t i = v / grid.w, j = v % grid.w;
            for (int64_t c = 0; c < channels; ++c)
                check_close(to_scores.view, {n, c, i, j}, exact.scores[c * grid.h * grid.w + v],
                            rounding(from.type));
            for (int64_t axis = 0; axis < 2; ++axis) {
                const double at = get(grid.phi.view, {n, axis, i, j});
                if (at < 0.0 || at > 1.0) // clamped: it does not move
                    FUZZ_CHECK(get(to_phi.view, {n, axis, i, j}) == 0.0);
                else
                    check_close(to_phi.view, {n, axis, i, j}, exact.phi[axis * grid.h * grid.w + v],
                                rounding(to_phi.view.type));
            }
        }
    }
}

} // namespace fuzz
