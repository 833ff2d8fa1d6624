// SPDX-License-Identifier: Apache-2.0
// Eq. (1): gathers the pixel nearest to each grid point, with optional normalisation in the same
// pass, and the transpose of the gather. Only the sampled pixels are read. Images may have any
// strides, so that interleaved channels need no copy.
#include "cpu/common/coordinates.h"
#include "cpu/common/parallel.h"
#include "cpu/common/targets.h"
#include "cpu/kernels.h"

#include <type_traits>

namespace adaseg {

namespace {

// Calls body(first point, number of points, offsets) for each row of points of an item; the offsets
// lead from the item's first pixel to each point's own, in elements.
template <class F> void for_each_offsets(const View &image, const View &phi, int64_t n, F &&body) {
    const int64_t cols = phi.shape[3];
    std::vector<int64_t> offsets(cols);
    for_each_row(phi, n, [&](int64_t i, const double *row, const double *col) {
        if (!loops().offsets_of_row(row, col, cols, image.shape[2], image.shape[3],
                                    image.strides[2], image.strides[3], offsets.data()))
            throw_not_finite();
        body(i * cols, cols, offsets.data());
    });
}

// One thread for at most 65536 values.
int threads_for(int64_t values, int threads) { return values > 65536 ? threads : 1; }

// Writes change(c)(pixel) for each channel c and each point's pixel.
template <class T, class To, class F>
void gather(const View &image, const View &phi, const View &out, int threads, F &&change) {
    const int64_t channels = image.shape[1], points = phi.shape[2] * phi.shape[3];
    const int64_t items = image.shape[0];
    parallel_for(items, threads_for(items * channels * points, threads), [&](int64_t n) {
        for_each_offsets(image, phi, n, [&](int64_t first, int64_t count, const int64_t *offsets) {
            for (int64_t c = 0; c < channels; ++c) {
                const T *from = image.item<T>(n) + c * image.strides[1];
                To *to = out.as<To>() + (n * channels + c) * points + first;
                const auto value = change(c);
                for (int64_t p = 0; p < count; ++p)
                    to[p] = value(from[offsets[p]]);
            }
        });
    });
}

template <class T>
void copy_pixels(const View &image, const View &phi, const View &out, int threads) {
    gather<T, T>(image, phi, out, threads, [](int64_t) { return [](T x) { return x; }; });
}

template <class T, class R>
void normalize_pixels(const View &image, const View &phi, const View &out,
                      const Normalization &normalization, int threads) {
    const std::vector<R> mean(normalization.mean.begin(), normalization.mean.end());
    const std::vector<R> std(normalization.std.begin(), normalization.std.end());
    const auto normalize = [&](int64_t c) {
        return [m = mean[c], s = std[c]](T x) { return (static_cast<R>(x) - m) / s; };
    };
    if constexpr (std::is_same_v<T, uint8_t>) { // uint8 has 256 values: normalise by table lookup
        std::vector<R> table;
        for (int64_t c = 0; c < image.shape[1]; ++c)
            for (int x = 0; x < 256; ++x)
                table.push_back(normalize(c)(static_cast<uint8_t>(x)));
        gather<T, R>(image, phi, out, threads, [&](int64_t c) {
            return [row = &table[c * 256]](uint8_t x) { return row[x]; };
        });
    } else {
        gather<T, R>(image, phi, out, threads, normalize);
    }
}

} // namespace

void sample(const View &image, const View &phi, const View &out, const Normalization &normalization,
            int threads) {
    if (!normalization.std.empty()) {
        with_any_type(image.type, [&](auto tag) {
            using T = typename decltype(tag)::type;
            normalize_pixels<T, typename Compute<T>::type>(image, phi, out, normalization, threads);
        });
        return;
    }
    with_bits_type(image.type, [&](auto tag) {
        copy_pixels<typename decltype(tag)::type>(image, phi, out, threads);
    });
}

void sample_backward(const View &grad, const View &phi, const View &grad_image,
                     const std::vector<double> &std, int threads) {
    const int64_t items = grad.shape[0], channels = grad.shape[1];
    const int64_t pixels = grad_image.shape[2] * grad_image.shape[3];
    with_float_type(grad_image.type, [&](auto image_tag) {
        using T = typename decltype(image_tag)::type;
        with_float_type(grad.type, [&](auto grad_tag) {
            using G = typename decltype(grad_tag)::type;
            using A = typename Compute<T>::type;
            // One thread per plane: points that share a pixel add up in a fixed order.
            parallel_for(items * channels, threads, [&](int64_t k) {
                const int64_t n = k / channels, c = k % channels;
                T *to = grad_image.as<T>() + k * pixels;
                std::fill(to, to + pixels, T(0.0f));
                // 16-bit sums would lose small terms: add in float, then round.
                std::vector<A> sums(sizeof(T) >= 4 ? 0 : pixels, A(0));
                const A scale = std.empty() ? A(1) : A(std[c]);
                for_each_offsets(
                    grad_image, phi, n, [&](int64_t first, int64_t count, const int64_t *offsets) {
                        const G *from =
                            grad.item<G>(n) + c * grad.strides[1] + first / count * grad.strides[2];
                        for (int64_t p = 0; p < count; ++p) {
                            const A value = static_cast<A>(from[p * grad.strides[3]]) / scale;
                            if constexpr (sizeof(T) >= 4)
                                to[offsets[p]] += value;
                            else
                                to[offsets[p]] = T(static_cast<float>(sums[offsets[p]] += value));
                        }
                    });
            });
        });
    });
}

} // namespace adaseg
