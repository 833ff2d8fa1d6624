// SPDX-License-Identifier: Apache-2.0
// The triangle that owns each pixel, then its barycentric weights: one thread per pixel.
#include "core/barycentric.h"
#include "cuda/device/faces.h"
#include "cuda/kernels.h"

namespace adaseg::cuda {

namespace {

template <class T> struct WeighPixels {
    Grids grids;
    const int32_t *faces;
    T *weights; // (items, 3, pixels)

    ADASEG_DEVICE void operator()(int64_t pixel, int64_t item) const {
        const int32_t face = faces[item * grids.pixels() + pixel];
        T *to = weights + item * 3 * grids.pixels() + pixel;
        Weights w{};
        if (face >= 0) {
            Point p[3];
            grids.read_points(item, grids.corners(item, face), p);
            const Place at = place_of(pixel, grids.lattice.width);
            w = weights_at(p, at.row, at.col, grids.lattice.bits);
        }
        for (int k = 0; k < 3; ++k)
            to[k * grids.pixels()] = static_cast<T>(w.at[k]);
    }
};

} // namespace

int64_t rasterize_workspace(const View &phi) {
    Workspace space(nullptr);
    lay_out_grids(space, phi, 1, 1, Diagonal::delaunay);
    return space.used();
}

void rasterize(const View &phi, const View &faces, const View &weights, void *workspace,
               Diagonal diagonal, Stream stream) {
    Workspace space(workspace);
    const Grids grids = lay_out_grids(space, phi, faces.shape[1], faces.shape[2], diagonal);
    find_faces(grids, phi, faces.as<int32_t>(), stream);
    const auto weigh = [&](auto *to) {
        using T = std::remove_pointer_t<decltype(to)>;
        launch_each(stream, grids.pixels(), grids.items,
                    WeighPixels<T>{grids, faces.as<int32_t>(), to}, "rasterize");
    };
    if (weights.type == DType::f64)
        weigh(weights.as<double>());
    else
        weigh(weights.as<float>());
}

} // namespace adaseg::cuda
