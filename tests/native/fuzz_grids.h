// SPDX-License-Identifier: Apache-2.0
// Checks the kernels that use a sampling grid's triangles: owners and weights, values and labels,
// each against exact arithmetic and on several numbers of threads. Included by fuzz.cpp only.
#pragma once

#include "cpu/kernels.h"
#include "fuzz_check.h"
#include "fuzz_oracle.h"

namespace fuzz {

struct GridCase {
    Array phi;
    int64_t items, h, w, height, width;
    int rule;
    std::vector<Ownership> owners; // by item
    bool finite = true;

    adaseg::Diagonal diagonal() const { return static_cast<adaseg::Diagonal>(rule); }
};

inline GridCase make_grid_case(Source &source) {
    GridCase made;
    made.items = source.one_in(16) ? 0 : source.between(1, 2);
    made.h = source.between(2, 9);
    made.w = source.between(2, 9);
    made.height = source.between(1, source.one_in(8) ? 4 : 40);
    made.width = source.between(1, source.one_in(8) ? 4 : 40);
    if (source.one_in(128)) {
        made.height = source.between(1, 3);
        made.width = source.between(1, 20000);
        if (source.one_in(2))
            std::swap(made.height, made.width);
    }
    made.rule = source.one_in(2) ? 0 : static_cast<int>(source.below(3));
    made.phi = make_phi(source, made.items, made.h, made.w, made.height, made.width);
    for (int64_t n = 0; n < made.items; ++n) {
        made.owners.push_back(find_owners(made.phi.view, n, made.height, made.width, made.rule));
        made.finite &= made.owners.back().finite;
    }
    return made;
}

inline void check_triangles(const GridCase &grid, Counts &counts) {
    Array out = make_output(DType::i64, {grid.items, 2 * (grid.h - 1) * (grid.w - 1), 3});
    if (!same_on_threads(grid.finite, {&out}, [&](int threads) {
            adaseg::triangles(grid.phi.view, out.view, grid.height, grid.width, grid.diagonal(),
                              threads);
        }))
        return void(++counts.refused);
    const int64_t *vertex = out.view.as<int64_t>();
    for (const Ownership &owners : grid.owners)
        for (const Plain &triangle : owners.triangles)
            for (const int64_t expected : triangle.corner)
                FUZZ_CHECK(*vertex++ == expected);
}

// The same for an image so large that its lattice has few bits left, or none.
inline void check_large_triangles(Source &source) {
    GridCase grid;
    grid.items = 1;
    grid.h = source.between(2, 4);
    grid.w = source.between(2, 4);
    const int64_t most = int64_t{1} << source.between(20, 31);
    grid.height = source.one_in(3) ? source.between(1, most) : most;
    grid.width = source.one_in(3) ? source.between(1, most) : most;
    grid.rule = 0;
    grid.phi = make_phi(source, 1, grid.h, grid.w, grid.height, grid.width);
    grid.owners.push_back(list_triangles(grid.phi.view, 0, grid.height, grid.width, 0));
    grid.finite = grid.owners[0].finite;
    Counts ignored;
    check_triangles(grid, ignored);
}

inline void check_owners(const GridCase &grid, DType weight_type, Counts &counts) {
    const int64_t pixels = grid.height * grid.width;
    Array faces = make_output(DType::i32, {grid.items, grid.height, grid.width});
    Array weights = make_output(weight_type, {grid.items, 3, grid.height, grid.width});
    if (!same_on_threads(grid.finite, {&faces, &weights}, [&](int threads) {
            adaseg::rasterize(grid.phi.view, faces.view, weights.view, grid.diagonal(), threads);
        }))
        return;
    const double tolerance = rounding(weight_type);
    for (int64_t n = 0; n < grid.items; ++n) {
        const Ownership &owners = grid.owners[n];
        ++counts.grids;
        counts.covering += owners.covers;
        counts.folded += owners.folded;
        counts.pixels += pixels;
        for (int64_t pixel = 0; pixel < pixels; ++pixel) {
            const int64_t row = pixel / grid.width, col = pixel % grid.width;
            const int32_t face = faces.view.as<int32_t>()[n * pixels + pixel];
            FUZZ_CHECK(face == owners.face[pixel]);
            if (owners.covers) // no holes; one owner per pixel where nothing is folded
                FUZZ_CHECK(owners.folded ? owners.count[pixel] >= 1 : owners.count[pixel] == 1);
            std::array<long double, 3> exact{};
            if (face >= 0)
                exact = weights_of(owners, owners.triangles[face], row, col);
            for (int64_t k = 0; k < 3; ++k) {
                const double weight = get(weights.view, {n, k, row, col});
                FUZZ_CHECK(weight >= 0.0 && weight <= 1.0);
                FUZZ_CLOSE(weight, exact[k], tolerance);
            }
        }
    }
}

struct Scores {
    Array array;
    bool plain = true; // finite, and so small that no type overflows
    double largest = 0.0;
};

inline Scores make_scores(Source &source, const GridCase &grid, int64_t classes) {
    Scores made;
    made.array = make_input(source, float_type(source), {grid.items, classes, grid.h, grid.w});
    const int64_t kind = source.below(8);
    const double scale = std::pow(10.0, 2.0 * source.around_zero());
    const int64_t patches = source.between(1, 4);
    for_each_index(made.array.view, [&](const Index &at) {
        double value = scale * source.around_zero();
        if (kind == 1) // classes tie
            value = std::nearbyint(2.0 * source.around_zero());
        else if (kind == 2) // all scores are equal
            value = scale;
        else if (kind >= 3 && kind <= 5) // regions of one class each
            value += scale * 4.0 * ((at[2] / patches + at[3] / patches) % classes == at[1]);
        else if (kind == 6 && source.one_in(16))
            return set_bits(made.array.view, at, source.bits());
        set_float(made.array.view, at, value);
    });
    for_each_index(made.array.view, [&](const Index &at) {
        const double value = std::abs(get(made.array.view, at));
        made.plain &= value < 1e4; // false for NaN
        made.largest = std::max(made.largest, value);
    });
    return made;
}

// The value of one channel in a pixel, exact except for the last sum.
inline long double value_at(const GridCase &grid, const View &scores, int64_t n, int64_t channel,
                            int64_t pixel) {
    const Ownership &owners = grid.owners[n];
    if (owners.face[pixel] < 0)
        return 0;
    const Plain &triangle = owners.triangles[owners.face[pixel]];
    const auto weight = weights_of(owners, triangle, pixel / grid.width, pixel % grid.width);
    long double sum = 0;
    for (int k = 0; k < 3; ++k)
        sum += weight[k] *
               get(scores, {n, channel, triangle.corner[k] / grid.w, triangle.corner[k] % grid.w});
    return sum;
}

inline void check_values(const GridCase &grid, const Scores &scores) {
    const View &from = scores.array.view;
    Array out = make_output(from.type, {grid.items, from.shape[1], grid.height, grid.width});
    const bool done = same_on_threads(grid.finite, {&out}, [&](int threads) {
        adaseg::interpolate(from, grid.phi.view, out.view, grid.diagonal(), threads);
    });
    if (!done || !scores.plain)
        return;
    const double tolerance = 8.0 * rounding(from.type) * scores.largest + smallest(from.type);
    for_each_index(out.view, [&](const Index &at) {
        const long double exact = value_at(grid, from, at[0], at[1], at[2] * grid.width + at[3]);
        FUZZ_CLOSE(get(out.view, at), exact, tolerance);
    });
}

// The best class, unless another one is behind it by less than 1e-5 of the largest score.
inline void check_labels(const GridCase &grid, const Scores &scores, Counts &counts) {
    const View &from = scores.array.view;
    const int64_t classes = from.shape[1];
    const DType type = classes <= 256 ? DType::u8 : DType::i32;
    Array out = make_output(type, {grid.items, grid.height, grid.width});
    const bool done = same_on_threads(grid.finite, {&out}, [&](int threads) {
        adaseg::interpolate_argmax(from, grid.phi.view, out.view, grid.diagonal(), threads);
    });
    if (!done)
        return;
    // The kernel's own values in float64, which check_values compares with exact ones.
    Array wide = make_output(DType::f64, {grid.items, classes, grid.h, grid.w});
    for_each_index(from, [&](const Index &at) { set_float(wide.view, at, get(from, at)); });
    Array values = make_output(DType::f64, {grid.items, classes, grid.height, grid.width});
    adaseg::interpolate(wide.view, grid.phi.view, values.view, grid.diagonal(), 1);
    for_each_index(out.view, [&](const Index &at) {
        const int64_t label = static_cast<int64_t>(get(out.view, at));
        const int32_t face = grid.owners[at[0]].face[at[1] * grid.width + at[2]];
        if (face < 0) {
            FUZZ_CHECK(label == (type == DType::u8 ? 255 : -1));
            return;
        }
        FUZZ_CHECK(label >= 0 && label < classes);
        if (!scores.plain)
            return;
        int64_t best = 0;
        const auto value = [&](int64_t c) { return get(values.view, {at[0], c, at[1], at[2]}); };
        for (int64_t c = 1; c < classes; ++c)
            best = value(c) > value(best) ? c : best;
        counts.near_ties += label != best;
        FUZZ_CHECK(label == best || value(best) - value(label) < 1e-5 * scores.largest);
    });
}

} // namespace fuzz
