// SPDX-License-Identifier: Apache-2.0
// The triangle that owns each pixel, and the pixel's barycentric weights in it.
#include "core/barycentric.h"
#include "cpu/common/grid.h"
#include "cpu/common/huge_pages.h"
#include "cpu/kernels.h"

namespace adaseg {

void rasterize(const View &phi, const View &faces, const View &weights, Diagonal diagonal,
               int threads) {
    const int64_t height = faces.shape[1], width = faces.shape[2], pixels = height * width;
    advise_huge_pages(faces);
    advise_huge_pages(weights);
    with_float_type(weights.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        for_each_band(
            phi, height, width, diagonal, threads, [&](const Grid &grid, int64_t n, Range band) {
                int32_t *face = faces.as<int32_t>() + n * pixels;
                T *weight = weights.as<T>() + n * 3 * pixels;
                if (!grid.covers) {
                    std::fill(face + band.begin * width, face + band.end * width, -1);
                    for (int k = 0; k < 3; ++k)
                        std::fill(weight + k * pixels + band.begin * width,
                                  weight + k * pixels + band.end * width, T(0.0f));
                }
                visit_triangles(grid, band, [&](int64_t i, int64_t j, int second) {
                    const Corners corners = grid.corners(i, j, second);
                    Point p[3];
                    grid.read_points(corners, p);
                    const int32_t number =
                        static_cast<int32_t>(triangle_number(i, j, grid.cols, second));
                    scan_triangle(
                        grid, corners, band, [&](int64_t row, int64_t first, int64_t last) {
                            for (int64_t col = first; col < last; ++col) {
                                const Weights w = weights_at(p, row, col, grid.lattice.bits);
                                face[row * width + col] = number;
                                for (int k = 0; k < 3; ++k)
                                    weight[k * pixels + row * width + col] = T(w.at[k]);
                            }
                        });
                });
            });
    });
}

} // namespace adaseg
