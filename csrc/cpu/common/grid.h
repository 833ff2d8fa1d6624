// SPDX-License-Identifier: Apache-2.0
// A sampling grid made ready for scan conversion: its vertices on the lattice and each cell's
// diagonal. Triangles are visited in the order of their numbers, and each one's share of an image
// row is a half-open range of columns (core/edge.h). Later triangles overwrite earlier ones: so the
// highest number wins where a folded grid covers a pixel twice.
#pragma once

#include <algorithm>
#include <vector>

#include "array/view.h"
#include "core/cell.h"
#include "core/edge.h"
#include "cpu/common/parallel.h"

namespace adaseg {

struct Grid {
    Lattice lattice;
    int64_t rows, cols; // of the sampling tensor
    std::vector<Point> points;
    std::vector<uint8_t> main;     // per cell: whether it is split along A-C
    std::vector<Range> image_rows; // per row of cells: image rows it may touch
    bool covers;                   // (3) holds: no pixel is left without a triangle
    bool simple;                   // covers, and nothing is folded: one triangle per pixel

    int64_t cells() const { return (rows - 1) * (cols - 1); }

    Corners corners(int64_t i, int64_t j, int second) const {
        return triangle_corners(i * cols + j, cols, main[i * (cols - 1) + j] != 0, second != 0);
    }
    void read_points(const Corners &corners, Point (&p)[3]) const {
        read_triangle_points(points.data(), corners, p);
    }
};

// `phi` is (N, 2, h, w). Throws std::invalid_argument where it holds NaN or infinity.
Grid make_grid(const View &phi, int64_t item, int64_t height, int64_t width, Diagonal diagonal);

// A triangle's corners ordered by row, and on which side of the long edge the middle one lies. The
// side follows from the order of the corners, not from their positions, so zero-area triangles also
// have a side.
struct Ordered {
    int64_t v[3]; // vertex numbers: top, middle, low
    Point p[3];
    bool middle_right;
};

inline Ordered order_corners(const Grid &grid, const Corners &corners) {
    Ordered o{{corners.v[0], corners.v[1], corners.v[2]}, {}, true};
    grid.read_points(corners, o.p);
    o.middle_right = !order_by_row(o.p, o.v);
    return o;
}

// Calls body(row, left, right, half) for every row of `band` that a triangle crosses. Its pixels
// are [left, right), not yet clipped to the width; the range may be empty, and left > right in an
// inverted triangle. They are bounded by the long edge and, in half 0, by the edge from the top
// corner to the middle one, in half 1 by that from the middle corner to the low one.
template <class F>
void walk_triangle(const Lattice &lattice, const Ordered &o, Range band, F &&body) {
    const int64_t rows[3] = {first_row(o.p[0].row, lattice), first_row(o.p[1].row, lattice),
                             first_row(o.p[2].row, lattice)};
    const int64_t begin = std::max(rows[0], band.begin), end = std::min(rows[2], band.end);
    if (begin >= end)
        return;
    EdgeWalk across = walk_edge(o.p[0], o.p[2], begin, lattice);
    for (int half = 0; half < 2; ++half) {
        const int64_t from = std::max(rows[half], begin), to = std::min(rows[half + 1], end);
        if (from >= to)
            continue;
        EdgeWalk side = walk_edge(o.p[half], o.p[half + 1], from, lattice);
        for (int64_t row = from; row < to; ++row, across.next(), side.next()) {
            const int64_t a = across.first(), b = side.first();
            o.middle_right ? body(row, a, b, half) : body(row, b, a, half);
        }
    }
}

// Calls body(row, first, last) for each non-empty range [first, last) of a triangle in `band`.
template <class F>
void scan_triangle(const Grid &grid, const Corners &corners, Range band, F &&body) {
    walk_triangle(grid.lattice, order_corners(grid, corners), band,
                  [&](int64_t row, int64_t left, int64_t right, int) {
                      const int64_t first = std::min(left, right);
                      const int64_t last = std::min(std::max(left, right), grid.lattice.width);
                      if (first < last)
                          body(row, first, last);
                  });
}

// Calls body(i, j, second) for every triangle that may touch `band`, in triangle order.
template <class F> void visit_triangles(const Grid &grid, Range band, F &&body) {
    for (int64_t i = 0; i + 1 < grid.rows; ++i) {
        const Range touched = grid.image_rows[i];
        if (touched.end <= band.begin || touched.begin >= band.end)
            continue;
        for (int64_t j = 0; j + 1 < grid.cols; ++j)
            for (int second = 0; second < 2; ++second)
                body(i, j, second);
    }
}

// Cuts a batch of images into bands of rows and runs body(grid, item, band) on threads.
template <class F>
void for_each_band(const View &phi, int64_t height, int64_t width, Diagonal diagonal, int threads,
                   F &&body) {
    const int64_t items = phi.shape[0];
    if (items == 0 || height == 0 || width == 0)
        return;
    // A few bands per thread even out bands of unequal work; more would repeat work at their seams.
    // No band has many rows, so that what a kernel keeps per row stays in the cache.
    const int64_t wanted = threads > 1 ? 4 * bounded(threads) : 1;
    const int64_t bands = std::max<int64_t>(
        (height + 1023) / 1024, std::min(height / 16, wanted / std::min(items, wanted)));
    std::vector<Grid> grids(items);
    parallel_for(items, threads,
                 [&](int64_t n) { grids[n] = make_grid(phi, n, height, width, diagonal); });
    parallel_for(items * bands, threads, [&](int64_t k) {
        body(grids[k / bands], k / bands, piece(height, bands, k % bands));
    });
}

} // namespace adaseg
