// SPDX-License-Identifier: Apache-2.0
// Checks the kernels without triangles: sampling and its transpose, boundaries of labels, and the
// solution of eq. (2). Included by fuzz.cpp only.
#pragma once

#include "cpu/kernels.h"
#include "fuzz_check.h"

namespace fuzz {

inline DType any_type(Source &source) {
    return static_cast<DType>(source.below(std::size(adaseg::type_table)));
}

inline bool all_finite(const View &view) {
    bool finite = true;
    for_each_index(view, [&](const Index &at) { finite &= std::isfinite(get(view, at)); });
    return finite;
}

inline int64_t nearest_pixel(double relative, int64_t size) {
    const double last = static_cast<double>(size - 1);
    return std::llrint(std::min(std::max(relative * last, 0.0), last));
}

// The pixel that each point of `phi` takes.
inline Index source_of(const View &phi, const Index &at, int64_t height, int64_t width) {
    return {at[0], at[1], nearest_pixel(get(phi, {at[0], 0, at[2], at[3]}), height),
            nearest_pixel(get(phi, {at[0], 1, at[2], at[3]}), width)};
}

inline void check_sample(Source &source) {
    const bool large = source.one_in(256); // enough values for several threads
    const int64_t items = source.one_in(16) ? 0 : source.between(1, 2);
    const int64_t channels = large ? 20 : source.between(0, 4);
    const int64_t h = large ? 64 : source.between(1, 9), w = large ? 64 : source.between(1, 9);
    const int64_t height = source.between(1, 40), width = source.between(1, 40);
    const Array phi = make_phi(source, items, h, w, height, width);
    const bool finite = all_finite(phi.view);
    Array image = make_input(source, any_type(source), {items, channels, height, width});
    const DType type = image.view.type;
    const bool floating =
        type == DType::f16 || type == DType::bf16 || type == DType::f32 || type == DType::f64;
    const bool normalizes = source.one_in(2);
    for_each_index(image.view, [&](const Index &at) {
        if (floating && normalizes)
            return set_float(image.view, at, 100.0 * source.around_zero());
        set_bits(image.view, at, source.bits());
    });

    adaseg::Normalization how;
    for (int64_t c = 0; normalizes && c < channels; ++c) {
        how.mean.push_back(100.0 * source.unit());
        how.std.push_back(0.5 + source.unit());
    }
    const bool copies = how.std.empty();
    Array out = make_output(copies               ? type
                            : type == DType::f64 ? DType::f64
                                                 : DType::f32,
                            {items, channels, h, w});
    if (!same_on_threads(finite, {&out}, [&](int threads) {
            adaseg::sample(image.view, phi.view, out.view, how, threads);
        }))
        return;
    const auto size = static_cast<int64_t>(adaseg::item_size(type));
    for_each_index(out.view, [&](const Index &at) {
        const Index from = source_of(phi.view, at, height, width);
        if (copies) {
            const uint8_t *got = out.view.as<uint8_t>() + offset(out.view, at) * size;
            const uint8_t *wanted = image.view.as<uint8_t>() + offset(image.view, from) * size;
            FUZZ_CHECK(std::memcmp(got, wanted, size) == 0);
            return;
        }
        const double value = get(image.view, from), mean = how.mean[at[1]];
        const double wanted = (value - mean) / how.std[at[1]];
        const double scale = (std::abs(value) + std::abs(mean)) / how.std[at[1]];
        FUZZ_CLOSE(get(out.view, at), wanted, rounding(out.view.type) * scale);
    });
}

inline void check_sample_backward(Source &source) {
    const int64_t items = source.one_in(16) ? 0 : source.between(1, 2);
    const int64_t channels = source.between(1, 4);
    const int64_t h = source.between(1, 9), w = source.between(1, 9);
    const int64_t height = source.between(1, 20), width = source.between(1, 20);
    const Array phi = make_phi(source, items, h, w, height, width);
    Array grad = make_input(source, float_type(source), {items, channels, h, w});
    for_each_index(grad.view,
                   [&](const Index &at) { set_float(grad.view, at, source.around_zero()); });
    Array out = make_output(float_type(source), {items, channels, height, width});
    std::vector<double> std;
    for (int64_t c = 0; source.one_in(2) && c < channels; ++c)
        std.push_back(1.0 + source.unit());
    std.resize(std.empty() ? 0 : channels, 1.5);
    if (!same_on_threads(all_finite(phi.view), {&out}, [&](int threads) {
            adaseg::sample_backward(grad.view, phi.view, out.view, std, threads);
        }))
        return;
    const Array exact = make_output(DType::f64, {items, channels, height, width});
    const Array terms = make_output(DType::f64, {items, channels, height, width});
    std::fill_n(exact.view.as<double>(), exact.bytes / 8, 0.0);
    std::fill_n(terms.view.as<double>(), terms.bytes / 8, 0.0);
    for_each_index(grad.view, [&](const Index &at) {
        const Index to = source_of(phi.view, at, height, width);
        const double value = get(grad.view, at) / (std.empty() ? 1.0 : std[at[1]]);
        exact.view.as<double>()[offset(exact.view, to)] += value;
        terms.view.as<double>()[offset(terms.view, to)] += std::abs(value);
    });
    const double tolerance =
        8.0 * rounding(out.view.type) + (out.view.type == DType::f64 ? 0 : 1e-5);
    for_each_index(out.view, [&](const Index &at) {
        FUZZ_CLOSE(get(out.view, at), get(exact.view, at),
                   tolerance * get(terms.view, at) + smallest(out.view.type));
    });
}

inline __int128 label_at(const View &labels, const Index &at) {
    __int128 label = 0;
    adaseg::with_integer_type(labels.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        label = labels.as<T>()[offset(labels, at)];
    });
    return label;
}

// Whether two labels make a boundary.
inline bool parts(__int128 a, __int128 b, const adaseg::Boundaries &which) {
    if (a == b || a == which.ignore_index || b == which.ignore_index)
        return false;
    bool chosen = !which.classes;
    for (const int64_t label : which.classes.value_or(std::vector<int64_t>{}))
        chosen |= a == label || b == label;
    return chosen;
}

inline bool on_boundary(const View &labels, const Index &at, const adaseg::Boundaries &which) {
    const int64_t steps[4][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    for (const auto &step : steps) {
        const Index other{at[0], at[1] + step[0], at[2] + step[1], 0};
        if (other[1] >= 0 && other[1] < labels.shape[1] && other[2] >= 0 &&
            other[2] < labels.shape[2] &&
            parts(label_at(labels, at), label_at(labels, other), which))
            return true;
    }
    return false;
}

struct LabelCase {
    Array labels;
    int64_t items, height, width;
    adaseg::Boundaries which;
};

inline Array make_labels(Source &source, int64_t items, int64_t height, int64_t width) {
    DType type = any_type(source);
    if (type == DType::f16 || type == DType::bf16 || type == DType::f32 || type == DType::f64)
        type = DType::u8;
    Array labels = make_input(source, type, {items, height, width});
    const uint64_t pool[] = {0, 1, 2, 255, source.bits(), source.bits()};
    const int64_t used = source.between(1, 6), patch = source.between(1, 16);
    for_each_index(labels.view, [&](const Index &at) {
        const bool noisy = source.one_in(32);
        uint64_t label = pool[noisy ? source.below(used) : (at[1] / patch + at[2] / patch) % used];
        if (type == DType::boolean)
            label &= 1;
        if (type == DType::u64) // target classes, which are drawn from the labels, are signed
            label >>= 1;
        set_bits(labels.view, at, label);
    });
    return labels;
}

inline LabelCase make_label_case(Source &source) {
    LabelCase made;
    const bool large = source.one_in(512); // enough pixels for several threads
    made.items = source.one_in(16) ? 0 : source.between(1, 2);
    made.height = large ? 260 : source.between(1, 40);
    made.width = large ? 260 : source.between(1, source.one_in(16) ? 300 : 80);
    made.labels = make_labels(source, made.items, made.height, made.width);
    const auto one_of_them = [&] {
        const Index at{0, source.below(made.height), source.below(made.width), 0};
        return source.one_in(3) || made.items == 0
                   ? source.between(-1, 256)
                   : static_cast<int64_t>(label_at(made.labels.view, at));
    };
    made.which.ignore_index = source.one_in(2) ? 255 : one_of_them();
    if (source.one_in(2)) {
        made.which.classes.emplace();
        for (int64_t left = source.below(4); left > 0; --left)
            made.which.classes->push_back(one_of_them());
    }
    return made;
}

// Pixel of point `at` of `count` points spread evenly over `size` pixels, ties to even.
inline int64_t even_pixel(int64_t at, int64_t size, int64_t count) {
    const int64_t whole = at * (size - 1) / (count - 1),
                  twice = 2 * (at * (size - 1) % (count - 1));
    return whole + (twice > count - 1 || (twice == count - 1 && whole % 2 == 1));
}

inline float relative(int64_t at, int64_t size) {
    return static_cast<float>(size > 1 ? at / static_cast<double>(size - 1) : 0.0);
}

// The first marked pixel, in raster order, of those nearest to (row, col); -1 if there is none.
inline int64_t nearest_marked(const uint8_t *mask, int64_t height, int64_t width, int64_t row,
                              int64_t col) {
    int64_t least = INT64_MAX, best = -1;
    for (int64_t p = 0; p < height * width; ++p) {
        const int64_t down = p / width - row, right = p % width - col;
        if (mask[p] && down * down + right * right < least) {
            least = down * down + right * right;
            best = p;
        }
    }
    return best;
}

inline void check_boundaries(Source &source) {
    const LabelCase made = make_label_case(source);
    const int64_t items = made.items, height = made.height, width = made.width;
    const View &labels = made.labels.view;
    Array mask = make_output(DType::boolean, {items, height, width});
    same_on_threads(true, {&mask}, [&](int threads) {
        adaseg::boundary_mask(labels, mask.view, made.which, threads);
    });
    for_each_index(mask.view, [&](const Index &at) {
        FUZZ_CHECK(mask.view.as<uint8_t>()[offset(mask.view, at)] ==
                   on_boundary(labels, at, made.which));
    });

    const int64_t h = source.between(2, 9), w = source.between(2, 9);
    Array out = make_output(DType::f32, {items, 2, h, w});
    same_on_threads(true, {&out}, [&](int threads) {
        adaseg::nearest_boundary(labels, out.view, made.which, threads);
    });
    for (int64_t n = 0; n < items; ++n)
        for (int64_t i = 0; i < h; ++i)
            for (int64_t j = 0; j < w; ++j) {
                const int64_t best =
                    nearest_marked(mask.view.as<uint8_t>() + n * height * width, height, width,
                                   even_pixel(i, height, h), even_pixel(j, width, w));
                FUZZ_CHECK(get(out.view, {n, 0, i, j}) ==
                           (best < 0 ? relative(i, h) : relative(best / width, height)));
                FUZZ_CHECK(get(out.view, {n, 1, i, j}) ==
                           (best < 0 ? relative(j, w) : relative(best % width, width)));
            }
}

// At every free point the derivative of the energy must be 0.
inline void check_solution(Source &source) {
    const bool large = source.one_in(256); // enough values for several threads
    const int64_t items = large ? 3 : source.one_in(16) ? 0 : source.between(1, 3);
    const int64_t h = large ? 60 : source.between(2, 20), w = large ? 60 : source.between(2, 20);
    const Array targets = make_phi(source, items, h, w, 30, 30);
    const double weights[] = {0.0, 1e-6, 1.0, 10.0 * source.unit(), 1e6};
    const double lam = weights[source.below(5)];
    const bool homogeneous = source.one_in(4);
    Array out = make_output(targets.view.type, {items, 2, h, w});
    same_on_threads(true, {&out}, [&](int threads) {
        adaseg::solve_sampling(targets.view, out.view, lam, homogeneous, threads);
    });
    double largest = 1.0, least[3][2] = {}, most[3][2]; // by item and axis, with the borders
    std::fill_n(&most[0][0], 6, 1.0);
    bool plain = true;
    for_each_index(targets.view, [&](const Index &at) {
        const double target = get(targets.view, at), value = std::abs(target);
        plain &= value < 1e3;
        largest = std::max(largest, value);
        least[at[0]][at[1]] = std::min(least[at[0]][at[1]], target);
        most[at[0]][at[1]] = std::max(most[at[0]][at[1]], target);
    });
    if (!plain)
        return;
    const double tolerance = 8.0 * rounding(out.view.type) * largest * (1.0 + 8.0 * lam);
    for_each_index(out.view, [&](const Index &at) {
        const int axis = at[1] == 0 ? 2 : 3; // the one along which the ends are fixed
        const int64_t last = out.view.shape[axis] - 1;
        const double x = get(out.view, at);
        FUZZ_CHECK(homogeneous || (x >= least[at[0]][at[1]] && x <= most[at[0]][at[1]]));
        if (at[axis] == 0 || at[axis] == last) {
            FUZZ_CHECK(x == (at[axis] == 0 || homogeneous ? 0.0 : 1.0));
            return;
        }
        double rest = x - get(targets.view, at);
        for (int d = 2; d < 4; ++d)
            for (const int64_t step : {-1, 1}) {
                Index other = at;
                other[d] += step;
                if (other[d] >= 0 && other[d] < out.view.shape[d])
                    rest += lam * (x - get(out.view, other));
            }
        FUZZ_CLOSE(rest, 0.0, tolerance);
    });
}

} // namespace fuzz
