// SPDX-License-Identifier: Apache-2.0
// Scan conversion by blocks. A block takes a batch of triangles. One thread per triangle sets it
// up, one thread per row finds the columns that the triangle owns there (exactly, core/edge.h), and
// small groups of threads walk these spans, so that neither large nor thin triangles leave threads
// idle. `Paint` says what happens to a pixel. It is a struct with
//   Shared: its part of the block's shared memory;
//   bool needed(block, grids, item): whether there is anything to do, the same for all threads;
//   void set_up(shared, grids, item, k, t): one thread, for triangle t, the k-th of the batch;
//   void prepare(block, shared, grids, item, batch, count): all threads, after set_up;
//   void operator()(shared, grids, item, k, t, row, col, simple): one thread per pixel.
#pragma once

#include "cuda/device/grid.h"

namespace adaseg::cuda {

constexpr int batch_triangles = 64;

struct ScanTriangle {
    Point p[3];        // top, middle, low
    int32_t vertex[3]; // of the same corners
    int32_t number;
    int64_t row, middle_row; // first image row, and the first that the edge middle-low bounds
    int64_t offset;          // rows of the batch's triangles before it
};

struct Span {
    int64_t row;
    int32_t first, last, of; // columns [first, last) of the batch's triangle `of`
};

ADASEG_DEVICE ScanTriangle read_triangle(const Grids &grids, int64_t item, int64_t number) {
    ScanTriangle t;
    const Corners corners = grids.corners(item, number);
    grids.read_points(item, corners, t.p);
    for (int k = 0; k < 3; ++k)
        t.vertex[k] = static_cast<int32_t>(corners.v[k]);
    t.number = static_cast<int32_t>(number);
    order_by_row(t.p, t.vertex);
    t.row = first_row(t.p[0].row, grids.lattice);
    t.middle_row = first_row(t.p[1].row, grids.lattice);
    return t;
}

ADASEG_DEVICE int64_t end_row(const ScanTriangle &t, const Lattice &lattice) {
    const int64_t end = first_row(t.p[2].row, lattice);
    return end < lattice.height ? end : lattice.height;
}

// Columns that a triangle owns on one of its rows; empty where first >= last.
ADASEG_DEVICE void find_span(const ScanTriangle &t, const Lattice &lattice, Span &span) {
    const bool above = span.row < t.middle_row; // selected, not indexed: t stays in registers
    const Point upper = above ? t.p[0] : t.p[1], lower = above ? t.p[1] : t.p[2];
    const int64_t a = walk_edge(t.p[0], t.p[2], span.row, lattice).first();
    const int64_t b = walk_edge(upper, lower, span.row, lattice).first();
    const int64_t last = a > b ? a : b;
    span.first = static_cast<int32_t>(a < b ? a : b);
    span.last = static_cast<int32_t>(last < lattice.width ? last : lattice.width);
}

template <class Paint> struct ScanTriangles {
    struct Shared {
        ScanTriangle triangle[batch_triangles];
        int64_t rows[batch_triangles], total;
        Span span[block_threads];
        typename Paint::Shared paint;
    };

    Grids grids;
    Paint paint;
    int64_t batches, slices; // pieces of an item's triangles; pieces of a batch's rows
    int group;               // threads that walk one span, a power of two

    ADASEG_DEVICE void operator()(const Block &block, Shared &shared) const {
        const auto [rest, slice] = place_of(block.index(), slices);
        const auto [item, batch] = place_of(rest, batches);
        const int64_t begin = batch * batch_triangles;
        const int64_t left = grids.triangles() - begin;
        const int count = static_cast<int>(left < batch_triangles ? left : batch_triangles);
        if (!paint.needed(block, grids, item))
            return;
        const int self = block.thread();
        if (self < batch_triangles)
            shared.rows[self] = self < count ? set_up(shared, item, begin + self, self) : 0;
        const bool simple = grids.simple(block, item);
        if (block.warp() == 0)
            add_up_rows(block.lanes(), shared);
        paint.prepare(block, shared.paint, grids, item, shared.triangle, count);
        block.sync();
        const int64_t total = shared.total;
        const int64_t from = piece_begin(total, slices, slice);
        const int64_t to = piece_begin(total, slices, slice + 1);
        for (int64_t base = from; base < to; base += block_threads) {
            if (base + self < to)
                shared.span[self] = span_at(shared, count, base + self);
            block.sync();
            const int64_t found = to - base < block_threads ? to - base : block_threads;
            for (int k = self / group; k < found; k += block_threads / group) {
                const Span span = shared.span[k];
                const ScanTriangle &t = shared.triangle[span.of];
                for (int64_t col = span.first + self % group; col < span.last; col += group)
                    paint(shared.paint, grids, item, span.of, t, span.row, col, simple);
            }
            block.sync();
        }
    }

private:
    // Returns how many image rows the triangle touches.
    ADASEG_DEVICE int64_t set_up(Shared &shared, int64_t item, int64_t number, int k) const {
        const ScanTriangle t = read_triangle(grids, item, number);
        shared.triangle[k] = t;
        paint.set_up(shared.paint, grids, item, k, t);
        const int64_t rows = end_row(t, grids.lattice) - t.row;
        return rows > 0 ? rows : 0;
    }

    static ADASEG_DEVICE void add_up_rows(const Tile<32> &warp, Shared &shared) {
        static_assert(batch_triangles == 64, "two triangles a lane");
        const int k = 2 * warp.lane();
        const int64_t first = shared.rows[k];
        int64_t all = first + shared.rows[k + 1];
        const int64_t before = sum_before(warp, all);
        shared.triangle[k].offset = before;
        shared.triangle[k + 1].offset = before + first;
        if (warp.lane() == 0)
            shared.total = all;
    }

    // The k-th row of the batch's triangles.
    ADASEG_DEVICE Span span_at(const Shared &shared, int count, int64_t k) const {
        int low = 0, high = count; // the last triangle that begins at or before k
        while (high - low > 1) {
            const int middle = (low + high) / 2;
            (shared.triangle[middle].offset <= k ? low : high) = middle;
        }
        const ScanTriangle &t = shared.triangle[low];
        Span span;
        span.row = t.row + (k - t.offset);
        span.of = low;
        find_span(t, grids.lattice, span);
        return span;
    }
};

template <class Paint>
void scan_triangles(const Grids &grids, const Paint &paint, Stream stream, const char *name) {
    if (grids.pixels() == 0)
        return;
    ScanTriangles<Paint> kernel{grids, paint, blocks_for(grids.triangles(), batch_triangles), 1, 1};
    // A row of a triangle is about as long as the square root of half its area. The triangles of a
    // coarse grid are cut into slices of their rows, so that there are enough blocks to keep the
    // whole device busy.
    const int64_t area = grids.pixels() / grids.triangles();
    while (kernel.group < 32 && 2 * kernel.group * kernel.group < area)
        kernel.group *= 2;
    constexpr int64_t block_pixels = 16384;
    kernel.slices = blocks_for(area * batch_triangles, block_pixels);
    launch_blocks(stream, grids.items * kernel.batches * kernel.slices, kernel, name);
}

} // namespace adaseg::cuda
