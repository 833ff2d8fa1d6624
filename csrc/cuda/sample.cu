// SPDX-License-Identifier: Apache-2.0
// Eq. (1): one thread per grid point gathers the pixel nearest to it, in all channels, with
// optional normalisation in the same pass. Also the transpose of the gather: a sort has brought the
// points of each pixel together before, so that they add up in a fixed order without atomics.
// launch_each is in device/launch.h.
#include "core/nearest.h"
#include "cuda/device/array.h"
#include "cuda/kernels.h"

namespace adaseg::cuda {

namespace {

struct Points {
    Array phi;
    int64_t cols; // of the sampling tensor
    int64_t height, width;

    ADASEG_DEVICE Place pixel(int64_t item, int64_t point) const {
        const Place at = place_of(point, cols);
        const int64_t from = phi.offset(item, 0, at.row, at.col);
        return {nearest_pixel(phi.read_float(from), height),
                nearest_pixel(phi.read_float(from + phi.strides[1]), width)};
    }
};

// Some of the channels, with numbers for each, small enough to be passed to a kernel by value.
constexpr int64_t most_channels = 64;

struct Channels {
    int64_t begin, end;
    double mean[most_channels], std[most_channels];
};

template <class F> void for_each_group_of_channels(int64_t channels, F &&body) {
    for (int64_t begin = 0; begin < channels; begin += most_channels) {
        Channels group{};
        group.begin = begin;
        group.end = begin + most_channels < channels ? begin + most_channels : channels;
        body(group);
    }
}

template <class T> struct CopyPixels {
    Points points;
    Array image, out;
    int64_t channels, chunks;

    ADASEG_DEVICE void operator()(int64_t point, int64_t part) const {
        const auto [item, chunk] = place_of(part, chunks);
        const Place pixel = points.pixel(item, point);
        const T *from = image.as<T>() + image.offset(item, 0, pixel.row, pixel.col);
        T *to = out.as<T>() + item * out.strides[0] + point;
        const int64_t end = piece_begin(channels, chunks, chunk + 1);
        for (int64_t c = piece_begin(channels, chunks, chunk); c < end; ++c)
            to[c * out.strides[1]] = from[c * image.strides[1]];
    }
};

template <class R> struct NormalizePixels {
    Points points;
    Array image, out;
    Channels channels;

    ADASEG_DEVICE void operator()(int64_t point, int64_t item) const {
        const Place pixel = points.pixel(item, point);
        const int64_t from = image.offset(item, 0, pixel.row, pixel.col);
        R *to = out.as<R>() + item * out.strides[0] + point;
        for (int64_t c = channels.begin; c < channels.end; ++c) {
            const R x = image.read<R>(from + c * image.strides[1]);
            to[c * out.strides[1]] = (x - static_cast<R>(channels.mean[c - channels.begin])) /
                                     static_cast<R>(channels.std[c - channels.begin]);
        }
    }
};

template <class T>
void copy_pixels(const Points &points, const View &image, const View &out, Stream stream) {
    const int64_t count = out.shape[2] * out.shape[3];
    const int64_t chunks = pieces_of_channels(count * out.shape[0], image.shape[1]);
    launch_each(stream, count, out.shape[0] * chunks,
                CopyPixels<T>{points, image, out, image.shape[1], chunks}, "sample");
}

template <class R>
void normalize_pixels(const Points &points, const View &image, const View &out,
                      const std::vector<double> &mean, const std::vector<double> &std,
                      Stream stream) {
    for_each_group_of_channels(image.shape[1], [&](Channels &group) {
        for (int64_t c = group.begin; c < group.end; ++c) {
            group.mean[c - group.begin] = mean[c];
            group.std[c - group.begin] = std[c];
        }
        launch_each(stream, out.shape[2] * out.shape[3], out.shape[0],
                    NormalizePixels<R>{points, image, out, group}, "sample, normalised");
    });
}

struct FindKeys {
    Points points;
    int64_t *keys;
    int64_t count; // of points

    ADASEG_DEVICE void operator()(int64_t point, int64_t item) const {
        const Place pixel = points.pixel(item, point);
        keys[item * count + point] = (item * points.height + pixel.row) * points.width + pixel.col;
    }
};

// The first of the equal keys adds up all of them.
template <class R> struct AddUpPixels {
    const int64_t *keys, *order;
    int64_t count; // of keys
    Array grad, grad_image;
    int64_t points, cols, pixels;
    bool divide;
    Channels channels;

    ADASEG_DEVICE void operator()(int64_t k, int64_t c) const {
        const int64_t key = keys[k];
        if (k > 0 && keys[k - 1] == key)
            return;
        const int64_t item = key / pixels, pixel = key % pixels, channel = channels.begin + c;
        R sum = 0;
        for (int64_t at = k; at < count && keys[at] == key; ++at) {
            const Place place = place_of(order[at] % points, cols);
            const R value = grad.read<R>(grad.offset(item, channel, place.row, place.col));
            sum += divide ? value / static_cast<R>(channels.std[c]) : value;
        }
        grad_image.write_float(
            item * grad_image.strides[0] + channel * grad_image.strides[1] + pixel, sum);
    }
};

} // namespace

void sample(const View &image, const View &phi, const View &out, const std::vector<double> &mean,
            const std::vector<double> &std, Stream stream) {
    const Points points{phi, phi.shape[3], image.shape[2], image.shape[3]};
    if (!std.empty() && out.type == DType::f64)
        return normalize_pixels<double>(points, image, out, mean, std, stream);
    if (!std.empty())
        return normalize_pixels<float>(points, image, out, mean, std, stream);
    with_bits_type(image.type, [&](auto tag) {
        copy_pixels<typename decltype(tag)::type>(points, image, out, stream);
    });
}

void sample_keys(const View &phi, const View &keys, int64_t height, int64_t width, Stream stream) {
    const int64_t count = phi.shape[2] * phi.shape[3];
    launch_each(stream, count, phi.shape[0],
                FindKeys{{phi, phi.shape[3], height, width}, keys.as<int64_t>(), count},
                "sample_keys");
}

void sample_backward(const View &grad, const View &keys, const View &order, const View &grad_image,
                     const std::vector<double> &std, Stream stream) {
    const int64_t points = grad.shape[2] * grad.shape[3], count = grad.shape[0] * points;
    const int64_t pixels = grad_image.shape[2] * grad_image.shape[3];
    fill_zero(stream, grad_image.data,
              grad.shape[0] * grad.shape[1] * pixels * item_size(grad_image.type));
    for_each_group_of_channels(grad.shape[1], [&](Channels &group) {
        for (int64_t c = group.begin; c < group.end && !std.empty(); ++c)
            group.std[c - group.begin] = std[c];
        const auto add_up = [&](auto zero) {
            launch_each(stream, count, group.end - group.begin,
                        AddUpPixels<decltype(zero)>{keys.as<int64_t>(), order.as<int64_t>(), count,
                                                    grad, grad_image, points, grad.shape[3], pixels,
                                                    !std.empty(), group},
                        "sample_backward");
        };
        if (grad_image.type == DType::f64)
            add_up(0.0);
        else
            add_up(0.0f);
    });
}

} // namespace adaseg::cuda
