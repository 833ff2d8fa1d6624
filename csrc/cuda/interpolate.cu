// SPDX-License-Identifier: Apache-2.0
// Scores at the grid's vertices -> scores at every pixel. Owners are found first, once for all
// channels. Then there is one thread per few neighbouring pixels: it works out their corners and
// weights and goes through the channels, writing 16 bytes at a time. The scores are small and stay
// in the cache: the time goes into writing the output.
#include "core/barycentric.h"
#include "core/blend.h"
#include "cuda/device/faces.h"
#include "cuda/kernels.h"

#include <cstdlib>

namespace adaseg::cuda {

namespace {

template <class T> struct alignas(16) Pack {
    static constexpr int size = 16 / sizeof(T) < 4 ? 16 / sizeof(T) : 4;
};

// Values of `count` neighbouring pixels, stored at once.
template <class T> struct alignas(sizeof(T) * Pack<T>::size) Values {
    T at[Pack<T>::size];
};

// Offset is an integer type that holds the distance between two vertices in the scores, in
// elements. With 32 bits the kernel needs fewer registers, so that more threads run at once.
template <class T, class Offset> struct InterpolatePixels {
    using R = typename Compute<T>::type;
    static constexpr int count = Pack<T>::size;

    Grids grids;
    const int32_t *faces;
    Array scores;
    T *out; // (items, channels, pixels)
    int64_t channels;
    int64_t chunks; // pieces of the channels, each with threads of its own
    bool aligned;   // planes begin at multiples of 16 bytes

    ADASEG_DEVICE void operator()(int64_t k, int64_t part) const {
        const auto [item, chunk] = place_of(part, chunks);
        const int64_t pixels = grids.pixels(), pixel = k * count;
        const T *from = scores.as<T>() + item * scores.strides[0];
        R weight[count][3];
        Offset corner[count][3];
        bool covered[count];
        ADASEG_UNROLL(4)
        for (int n = 0; n < count; ++n)
            covered[n] = pixel + n < pixels && weigh(item, pixel + n, weight[n], corner[n]);
        const int64_t end = piece_begin(channels, chunks, chunk + 1);
        for (int64_t c = piece_begin(channels, chunks, chunk); c < end; ++c) {
            const T *plane = from + c * scores.strides[1];
            Values<T> values;
            ADASEG_UNROLL(4)
            for (int n = 0; n < count; ++n)
                values.at[n] = covered[n] ? value_of(plane, corner[n], weight[n]) : T(0.0f);
            T *to = out + (item * channels + c) * pixels + pixel;
            if (aligned) {
                *reinterpret_cast<Values<T> *>(to) = values;
            } else {
                ADASEG_UNROLL(4)
                for (int n = 0; n < count; ++n)
                    if (pixel + n < pixels)
                        to[n] = values.at[n];
            }
        }
    }

private:
    static ADASEG_DEVICE T value_of(const T *plane, const Offset (&corner)[3],
                                    const R (&weight)[3]) {
        const R scores[3] = {static_cast<R>(plane[corner[0]]), static_cast<R>(plane[corner[1]]),
                             static_cast<R>(plane[corner[2]])};
        return T(blend(scores, weight));
    }

    ADASEG_DEVICE bool weigh(int64_t item, int64_t pixel, R (&weight)[3],
                             Offset (&corner)[3]) const {
        const int32_t face = faces[item * grids.pixels() + pixel];
        if (face < 0)
            return false;
        const Corners corners = grids.corners(item, face);
        Point p[3];
        grids.read_points(item, corners, p);
        const Place at = place_of(pixel, grids.lattice.width);
        const Weights w = weights_at(p, at.row, at.col, grids.lattice.bits);
        for (int k = 0; k < 3; ++k) {
            const Place vertex = place_of(corners.v[k], grids.cols);
            corner[k] = static_cast<Offset>(vertex.row * scores.strides[2] +
                                            vertex.col * scores.strides[3]);
            weight[k] = static_cast<R>(w.at[k]);
        }
        return true;
    }
};

// The largest distance between two vertices of one channel, in elements.
int64_t extent(const View &scores) {
    return (scores.shape[2] - 1) * std::abs(scores.strides[2]) +
           (scores.shape[3] - 1) * std::abs(scores.strides[3]);
}

} // namespace

int64_t interpolate_workspace(const View &phi, int64_t height, int64_t width) {
    Workspace space(nullptr);
    const Grids grids = lay_out_grids(space, phi, height, width, Diagonal::delaunay);
    space.take<int32_t>(grids.items * grids.pixels());
    return space.used();
}

void interpolate(const View &scores, const View &phi, const View &out, void *workspace,
                 Diagonal diagonal, Stream stream) {
    Workspace space(workspace);
    const Grids grids = lay_out_grids(space, phi, out.shape[2], out.shape[3], diagonal);
    int32_t *faces = space.take<int32_t>(grids.items * grids.pixels());
    const int64_t channels = scores.shape[1];
    if (channels == 0)
        return;
    find_faces(grids, phi, faces, stream);
    with_float_type(scores.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        constexpr int count = Pack<T>::size;
        const int64_t packs = (grids.pixels() + count - 1) / count;
        const int64_t chunks = pieces_of_channels(packs * grids.items, channels);
        const bool aligned = grids.pixels() % count == 0 &&
                             reinterpret_cast<uintptr_t>(out.data) % alignof(Values<T>) == 0;
        const auto launch = [&](auto offset) {
            launch_each(stream, packs, grids.items * chunks,
                        InterpolatePixels<T, decltype(offset)>{grids, faces, scores, out.as<T>(),
                                                               channels, chunks, aligned},
                        "interpolate");
        };
        if (extent(scores) <= INT32_MAX)
            launch(int32_t{0});
        else
            launch(int64_t{0});
    });
}

} // namespace adaseg::cuda
