// SPDX-License-Identifier: Apache-2.0
// The sampling grid's triangles as vertex numbers: one thread per cell.
#include "cuda/device/grid.h"
#include "cuda/kernels.h"

namespace adaseg::cuda {

namespace {

struct ListTriangles {
    Array phi;
    int64_t *out; // (items, cells, 2, 3)
    int64_t cells, cols;
    Lattice lattice;
    Diagonal diagonal;

    ADASEG_DEVICE void operator()(int64_t cell, int64_t item) const {
        const Place at = place_of(cell, cols - 1);
        const Point a = read_point(phi, item, at.row, at.col, lattice);
        const Split split = read_split(diagonal, phi, item, at.row, at.col, a, lattice);
        int64_t *to = out + (item * cells + cell) * 6;
        for (int second = 0; second < 2; ++second) {
            const Corners corners =
                triangle_corners(at.row * cols + at.col, cols, split.main, second != 0);
            for (int k = 0; k < 3; ++k)
                *to++ = corners.v[k];
        }
    }
};

} // namespace

void triangles(const View &phi, const View &out, int64_t height, int64_t width, Diagonal diagonal,
               Stream stream) {
    const int64_t rows = phi.shape[2], cols = phi.shape[3], cells = (rows - 1) * (cols - 1);
    launch_each(
        stream, cells, phi.shape[0],
        ListTriangles{phi, out.as<int64_t>(), cells, cols, make_lattice(height, width), diagonal},
        "triangles");
}

} // namespace adaseg::cuda
