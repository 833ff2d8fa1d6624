// SPDX-License-Identifier: Apache-2.0
// Eq. (1): gathers the pixel nearest to each grid point, with an optional fused normalisation, and
// its transpose. Only the sampled pixels are touched; any strides, so interleaved images too.
#include "core/nearest.h"
#include "cpu/grid.h"
#include "cpu/kernels.h"

#include <type_traits>

namespace adaseg {

namespace {

// Element offset of the sampled pixel of every point of one item, from the item's first pixel.
std::vector<int64_t> pixel_offsets(const View &phi, int64_t item, int64_t height, int64_t width,
                                   int64_t row_stride, int64_t col_stride) {
    const int64_t rows = phi.shape[2], cols = phi.shape[3];
    std::vector<int64_t> offsets(rows * cols);
    with_float_type(phi.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        const T *row_plane = phi.item<T>(item), *col_plane = row_plane + phi.strides[1];
        for (int64_t i = 0; i < rows; ++i)
            for (int64_t j = 0; j < cols; ++j) {
                const int64_t k = i * phi.strides[2] + j * phi.strides[3];
                offsets[i * cols + j] =
                    nearest_pixel(static_cast<double>(row_plane[k]), height) * row_stride +
                    nearest_pixel(static_cast<double>(col_plane[k]), width) * col_stride;
            }
    });
    return offsets;
}

// Runs body(item, pixel offsets of its points) for every item, on threads where that pays.
template <class F> void for_each_item(const View &image, const View &phi, int threads, F &&body) {
    require_finite(phi);
    const int64_t items = phi.shape[0], points = phi.shape[2] * phi.shape[3];
    parallel_for(items, points * image.shape[1] > 4096 ? threads : 1, [&](int64_t n) {
        body(n, pixel_offsets(phi, n, image.shape[2], image.shape[3], image.strides[2],
                              image.strides[3]));
    });
}

template <class T>
void copy_pixels(const View &image, const View &phi, const View &out, int threads) {
    const int64_t channels = image.shape[1], points = phi.shape[2] * phi.shape[3];
    for_each_item(image, phi, threads, [&](int64_t n, const std::vector<int64_t> &offsets) {
        const T *from = image.item<T>(n);
        T *to = out.as<T>() + n * channels * points;
        for (int64_t p = 0; p < points; ++p)
            for (int64_t c = 0; c < channels; ++c)
                to[c * points + p] = from[offsets[p] + c * image.strides[1]];
    });
}

template <class T, class R>
void normalize_pixels(const View &image, const View &phi, const View &out,
                      const Normalization &normalization, int threads) {
    const int64_t channels = image.shape[1], points = phi.shape[2] * phi.shape[3];
    const std::vector<R> mean(normalization.mean.begin(), normalization.mean.end());
    const std::vector<R> std(normalization.std.begin(), normalization.std.end());
    std::vector<R> table; // of bytes there are but 256
    if constexpr (std::is_same_v<T, uint8_t>)
        for (int64_t c = 0; c < channels; ++c)
            for (int x = 0; x < 256; ++x)
                table.push_back((static_cast<R>(x) - mean[c]) / std[c]);
    for_each_item(image, phi, threads, [&](int64_t n, const std::vector<int64_t> &offsets) {
        const T *from = image.item<T>(n);
        R *to = out.as<R>() + n * channels * points;
        for (int64_t p = 0; p < points; ++p)
            for (int64_t c = 0; c < channels; ++c) {
                const T x = from[offsets[p] + c * image.strides[1]];
                if constexpr (std::is_same_v<T, uint8_t>)
                    to[c * points + p] = table[c * 256 + x];
                else
                    to[c * points + p] = (static_cast<R>(x) - mean[c]) / std[c];
            }
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
    require_finite(phi);
    const int64_t items = grad.shape[0], channels = grad.shape[1], cols = grad.shape[3];
    const int64_t height = grad_image.shape[2], width = grad_image.shape[3];
    const int64_t pixels = height * width, points = grad.shape[2] * cols;
    with_float_type(grad_image.type, [&](auto image_tag) {
        using T = typename decltype(image_tag)::type;
        with_float_type(grad.type, [&](auto grad_tag) {
            using G = typename decltype(grad_tag)::type;
            // A plane is one thread's, so that points that share a pixel add up in a fixed order.
            parallel_for(items * channels, threads, [&](int64_t k) {
                const int64_t n = k / channels, c = k % channels;
                const std::vector<int64_t> offsets = pixel_offsets(phi, n, height, width, width, 1);
                using A = typename Compute<T>::type;
                std::vector<A> sums;
                T *to = grad_image.as<T>() + k * pixels;
                std::fill(to, to + pixels, T(0.0f));
                const G *from = grad.item<G>(n) + c * grad.strides[1];
                const A scale = std.empty() ? A(1) : A(std[c]);
                const auto contribution = [&](int64_t p) {
                    const A value = static_cast<A>(
                        from[(p / cols) * grad.strides[2] + (p % cols) * grad.strides[3]]);
                    return std.empty() ? value : value / scale;
                };
                if constexpr (sizeof(T) >= 4) {
                    for (int64_t p = 0; p < points; ++p)
                        to[offsets[p]] += contribution(p);
                } else {
                    // Sixteen-bit sums would lose small terms: add in float, round once.
                    sums.assign(pixels, A(0));
                    for (int64_t p = 0; p < points; ++p)
                        sums[offsets[p]] += contribution(p);
                    for (int64_t p = 0; p < points; ++p)
                        to[offsets[p]] = T(static_cast<float>(sums[offsets[p]]));
                }
            });
        });
    });
}

} // namespace adaseg
