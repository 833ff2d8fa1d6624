// SPDX-License-Identifier: Apache-2.0
// Eq. (1): gathers the pixel nearest to each grid point, with an optional fused normalisation, and
// its transpose. Only the sampled pixels are touched; any strides, so interleaved images too.
#include "core/nearest.h"
#include "cpu/clones.h"
#include "cpu/coordinates.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

#include <type_traits>

namespace adaseg {

namespace {

// Returns whether all coordinates are finite.
ADASEG_CLONES bool offsets_of_row(const double *row, const double *col, int64_t count,
                                  const View &image, int64_t *offsets) {
    const int64_t height = image.shape[2], width = image.shape[3];
    const int64_t down = image.strides[2], right = image.strides[3];
    int64_t bad = 0;
    for (int64_t j = 0; j < count; ++j) {
        offsets[j] = nearest_pixel(row[j], height) * down + nearest_pixel(col[j], width) * right;
        bad |= (row[j] - row[j] != 0.0) | (col[j] - col[j] != 0.0);
    }
    return bad == 0;
}

// Calls body(first point, number of points, offsets): for a row of points of an item, the element
// offset of each one's pixel from the item's first pixel.
template <class F> void for_each_offsets(const View &image, const View &phi, int64_t n, F &&body) {
    const int64_t cols = phi.shape[3];
    std::vector<int64_t> offsets(cols);
    for_each_row(phi, n, [&](int64_t i, const double *row, const double *col) {
        if (!offsets_of_row(row, col, cols, image, offsets.data()))
            throw_not_finite();
        body(i * cols, cols, offsets.data());
    });
}

// How many threads pay for a number of values.
int threads_for(int64_t values, int threads) { return values > 65536 ? threads : 1; }

template <class T>
void copy_pixels(const View &image, const View &phi, const View &out, int threads) {
    const int64_t channels = image.shape[1], points = phi.shape[2] * phi.shape[3];
    const int64_t items = image.shape[0];
    parallel_for(items, threads_for(items * channels * points, threads), [&](int64_t n) {
        for_each_offsets(image, phi, n, [&](int64_t first, int64_t count, const int64_t *offsets) {
            for (int64_t c = 0; c < channels; ++c) {
                const T *from = image.item<T>(n) + c * image.strides[1];
                T *to = out.as<T>() + (n * channels + c) * points + first;
                for (int64_t p = 0; p < count; ++p)
                    to[p] = from[offsets[p]];
            }
        });
    });
}

template <class T, class R>
void normalize_pixels(const View &image, const View &phi, const View &out,
                      const Normalization &normalization, int threads) {
    const int64_t channels = image.shape[1], points = phi.shape[2] * phi.shape[3];
    const int64_t items = image.shape[0];
    const std::vector<R> mean(normalization.mean.begin(), normalization.mean.end());
    const std::vector<R> std(normalization.std.begin(), normalization.std.end());
    std::vector<R> table; // of bytes there are but 256
    if constexpr (std::is_same_v<T, uint8_t>)
        for (int64_t c = 0; c < channels; ++c)
            for (int x = 0; x < 256; ++x)
                table.push_back((static_cast<R>(x) - mean[c]) / std[c]);
    parallel_for(items, threads_for(items * channels * points, threads), [&](int64_t n) {
        for_each_offsets(image, phi, n, [&](int64_t first, int64_t count, const int64_t *offsets) {
            for (int64_t c = 0; c < channels; ++c) {
                const T *from = image.item<T>(n) + c * image.strides[1];
                R *to = out.as<R>() + (n * channels + c) * points + first;
                for (int64_t p = 0; p < count; ++p)
                    if constexpr (std::is_same_v<T, uint8_t>)
                        to[p] = table[c * 256 + from[offsets[p]]];
                    else
                        to[p] = (static_cast<R>(from[offsets[p]]) - mean[c]) / std[c];
            }
        });
    });
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
    switch (item_size(image.type)) {
    case 1:
        return copy_pixels<uint8_t>(image, phi, out, threads);
    case 2:
        return copy_pixels<uint16_t>(image, phi, out, threads);
    case 4:
        return copy_pixels<uint32_t>(image, phi, out, threads);
    default:
        return copy_pixels<uint64_t>(image, phi, out, threads);
    }
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
            // A plane is one thread's, so that points that share a pixel add up in a fixed order.
            parallel_for(items * channels, threads, [&](int64_t k) {
                const int64_t n = k / channels, c = k % channels;
                T *to = grad_image.as<T>() + k * pixels;
                std::fill(to, to + pixels, T(0.0f));
                // Sixteen-bit sums would lose small terms: add in float, round once.
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
