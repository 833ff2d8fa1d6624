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
    if (source.one_in(32)) { // far longer than high
        const int64_t sizes[][2] = {{4, 640},   {8, 1280},  {3, 900},
                                    {2, 20000}, {16, 2048}, {30, 4000}};
        const auto &size = sizes[source.below(source.one_in(16) ? 6 : 3)];
        made.height = size[0];
        made.width = size[1];
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
    bool plain = true; // those that are finite are so small that no type overflows
};

inline double largest_of(DType type) {
    switch (type) {
    case DType::f64:
        return 1.79e308;
    case DType::f16:
        return 65504.0;
    default:
        return 3.38e38;
    }
}

inline double special_score(Source &source, double largest) {
    const double special[] = {-INFINITY, -INFINITY, INFINITY,       NAN, largest,
                              -largest,  0.0,       0.34 * largest, -0.0};
    return special[source.below(9)];
}

inline Scores make_scores(Source &source, const GridCase &grid, int64_t classes) {
    Scores made;
    made.array = make_input(source, float_type(source), {grid.items, classes, grid.h, grid.w});
    const int64_t kind = source.below(11);
    const double scale = std::pow(10.0, 2.0 * source.around_zero());
    const double largest = largest_of(made.array.view.type);
    const int64_t patches = source.between(1, 4), seldom = source.between(2, 30);
    const uint64_t ruled_out = source.bits();
    for_each_index(made.array.view, [&](const Index &at) {
        double value = scale * source.around_zero();
        const bool region = (at[2] / patches + at[3] / patches) % classes == at[1];
        if (kind == 1) // classes tie
            value = std::nearbyint(2.0 * source.around_zero());
        else if (kind == 2) // all scores are equal
            value = scale;
        else if ((kind >= 3 && kind <= 5) || kind == 7) // regions of one class each
            value += scale * 4.0 * region;
        else if (kind == 6 && source.one_in(16))
            return set_bits(made.array.view, at, source.bits());
        else if (kind == 8) // any size up to the largest
            value = largest * source.around_zero();
        else if (kind == 9) // in regions
            value = largest * (0.1 * source.around_zero() + 0.9 * region);
        if ((kind == 7 || kind == 10) && (ruled_out >> at[1] % 62 & 3) == 0)
            value = -INFINITY; // a class
        if ((kind == 7 || kind >= 9) && source.one_in(seldom))
            value = special_score(source, largest);
        set_float(made.array.view, at, value);
    });
    for_each_index(made.array.view, [&](const Index &at) {
        const double value = std::abs(get(made.array.view, at));
        made.plain &= value < 1e4 || !std::isfinite(value);
    });
    return made;
}

// A pixel, and what the values of all channels there depend on.
struct PixelOf {
    const GridCase &grid;
    const View &scores;
    int64_t item;
    const Plain &triangle;
    std::array<long double, 3> weight;

    PixelOf(const GridCase &grid_, const View &scores_, int64_t n, int64_t row, int64_t col)
        : grid(grid_), scores(scores_), item(n),
          triangle(grid.owners[n].triangles[grid.owners[n].face[row * grid.width + col]]),
          weight(weights_of(grid.owners[n], triangle, row, col)) {}

    double corner(int64_t channel, int k) const {
        return get(scores,
                   {item, channel, triangle.corner[k] / grid.w, triangle.corner[k] % grid.w});
    }

    // Exact except for the last sum. Corners of weight 0 do not count; of the others NaN makes the
    // value NaN, else -inf makes it -inf, else +inf makes it +inf.
    long double value(int64_t channel) const {
        long double sum = 0;
        bool nan = false, down = false, up = false;
        for (int k = 0; k < 3; ++k) {
            const double score = corner(channel, k);
            if (weight[k] == 0)
                continue;
            nan |= std::isnan(score);
            down |= score == -INFINITY;
            up |= score == INFINITY;
            if (std::isfinite(score))
                sum += weight[k] * score;
        }
        return nan ? NAN : down ? -INFINITY : up ? INFINITY : sum;
    }

    // The largest finite magnitude of a channel's scores at the corners.
    double magnitude(int64_t channel) const {
        double most = 0;
        for (int k = 0; k < 3; ++k)
            if (std::isfinite(corner(channel, k)))
                most = std::max(most, std::abs(corner(channel, k)));
        return most;
    }
};

inline void check_value(const PixelOf &pixel, int64_t channel, double got) {
    const DType type = pixel.scores.type;
    const long double exact = pixel.value(channel);
    if (!std::isfinite(exact)) {
        FUZZ_CHECK(std::isnan(exact) ? std::isnan(got) : got == static_cast<double>(exact));
        return;
    }
    const double most = pixel.magnitude(channel);
    FUZZ_CHECK(std::isfinite(got));
    FUZZ_CHECK(std::abs(got - exact) <= 8.0L * rounding(type) * most + smallest(type));
    double least = INFINITY, highest = -INFINITY; // of the corners that are finite
    for (int k = 0; k < 3; ++k)
        if (std::isfinite(pixel.corner(channel, k))) {
            least = std::min(least, pixel.corner(channel, k));
            highest = std::max(highest, pixel.corner(channel, k));
        }
    FUZZ_CHECK(least <= got && got <= highest);
}

inline void check_values(const GridCase &grid, const Scores &scores) {
    const View &from = scores.array.view;
    Array out = make_output(from.type, {grid.items, from.shape[1], grid.height, grid.width});
    const bool done = same_on_threads(grid.finite, {&out}, [&](int threads) {
        adaseg::interpolate(from, grid.phi.view, out.view, grid.diagonal(), threads);
    });
    if (!done)
        return;
    for_each_index(out.view, [&](const Index &at) {
        const double got = get(out.view, at);
        if (grid.owners[at[0]].face[at[2] * grid.width + at[3]] < 0)
            FUZZ_CHECK(got == 0.0);
        else
            check_value(PixelOf(grid, from, at[0], at[2], at[3]), at[1], got);
    });
}

// The best class, unless another one is behind it by less than 1e-5 of the largest finite score of
// the triangle's corners. Returns whether it is another one.
inline bool check_label(const PixelOf &pixel, int64_t classes, int64_t label) {
    int64_t best = 0;
    long double most = pixel.value(0), won = most;
    double largest = 0;
    for (int64_t c = 0; c < classes; ++c) {
        const long double value = pixel.value(c);
        largest = std::max(largest, pixel.magnitude(c));
        if (value > most || (std::isnan(most) && !std::isnan(value))) {
            most = value;
            best = c;
        }
        if (c == label)
            won = value;
    }
    if (label == best)
        return false;
    FUZZ_CHECK(std::isfinite(most) && std::isfinite(won));
    FUZZ_CHECK(most - won < 1e-5L * largest);
    return true;
}

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
    for_each_index(out.view, [&](const Index &at) {
        const int64_t label = static_cast<int64_t>(get(out.view, at));
        if (grid.owners[at[0]].face[at[1] * grid.width + at[2]] < 0) {
            FUZZ_CHECK(label == (type == DType::u8 ? 255 : -1));
            return;
        }
        FUZZ_CHECK(label >= 0 && label < classes);
        counts.near_ties += check_label(PixelOf(grid, from, at[0], at[1], at[2]), classes, label);
    });
}

} // namespace fuzz
