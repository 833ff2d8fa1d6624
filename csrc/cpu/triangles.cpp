// SPDX-License-Identifier: Apache-2.0
// The sampling grid's triangles as vertex numbers.
#include "cpu/common/grid.h"
#include "cpu/kernels.h"

namespace adaseg {

void triangles(const View &phi, const View &out, int64_t height, int64_t width, Diagonal diagonal,
               int threads) {
    const int64_t count = triangle_count(phi.shape[2], phi.shape[3]);
    parallel_for(phi.shape[0], threads, [&](int64_t n) {
        const Grid grid = make_grid(phi, n, height, width, diagonal);
        int64_t *to = out.as<int64_t>() + n * count * 3;
        visit_triangles(grid, {INT64_MIN, INT64_MAX}, [&](int64_t i, int64_t j, int second) {
            for (const int64_t vertex : grid.corners(i, j, second).v)
                *to++ = vertex;
        });
    });
}

} // namespace adaseg
