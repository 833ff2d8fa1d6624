// SPDX-License-Identifier: Apache-2.0
// A batch of sampling grids on the device: vertices on the lattice, each cell's diagonal, and
// whether each grid is simple (it covers the image and nothing is folded: every pixel has exactly
// one triangle). Later kernels of the same call read this on the device, so that nothing goes
// through the host. One kernel makes it all; each of its blocks writes what it found to a byte of
// its own, so that nothing must be cleared beforehand.
#pragma once

#include "core/cell.h"
#include "core/edge.h"
#include "cuda/device/array.h"

namespace adaseg::cuda {

constexpr int most_findings = block_threads; // a later block reads one per thread

struct Grids {
    Lattice lattice;
    int64_t items, rows, cols; // of the sampling tensor
    Point *points;             // (items, rows, cols)
    uint8_t *main;             // (items, cells): whether a cell is split along A-C
    uint8_t *broken;           // (items, finding_count): all 0 where the grid is simple
    int32_t finding_count;
    Diagonal diagonal;

    ADASEG_HD int64_t vertices() const { return rows * cols; }
    ADASEG_HD int64_t cells() const { return (rows - 1) * (cols - 1); }
    ADASEG_HD int64_t triangles() const { return triangle_count(rows, cols); }
    ADASEG_HD int64_t pixels() const { return lattice.height * lattice.width; }

    ADASEG_DEVICE Corners corners(int64_t item, int64_t triangle) const {
        const int64_t cell = triangle >> 1;
        const Place place = place_of(cell, cols - 1);
        return triangle_corners(place.row * cols + place.col, cols,
                                main[item * cells() + cell] != 0, (triangle & 1) != 0);
    }
    ADASEG_DEVICE void read_points(int64_t item, const Corners &corners, Point (&p)[3]) const {
        read_triangle_points(points + item * vertices(), corners, p);
    }
    // Whether every pixel has exactly one triangle; a barrier for the block's threads.
    ADASEG_DEVICE bool simple(const Block &block, int64_t item) const {
        return !block.any(block.thread() < finding_count &&
                          broken[item * finding_count + block.thread()] != 0);
    }
};

// Takes the grids' arrays from a workspace.
inline Grids lay_out_grids(Workspace &workspace, const View &phi, int64_t height, int64_t width,
                           Diagonal diagonal) {
    Grids grids;
    grids.lattice = make_lattice(height, width);
    grids.items = phi.shape[0];
    grids.rows = phi.shape[2];
    grids.cols = phi.shape[3];
    grids.diagonal = diagonal;
    const int64_t blocks = blocks_for(grids.vertices(), block_threads / 2);
    grids.finding_count = static_cast<int32_t>(blocks < most_findings ? blocks : most_findings);
    grids.points = workspace.take<Point>(grids.items * grids.vertices());
    grids.main = workspace.take<uint8_t>(grids.items * grids.cells());
    grids.broken = workspace.take<uint8_t>(grids.items * grids.finding_count);
    return grids;
}

ADASEG_DEVICE Point read_point(const Array &phi, int64_t item, int64_t i, int64_t j,
                               const Lattice &lattice) {
    const int64_t at = phi.offset(item, 0, i, j);
    return snap_point(phi.read_float(at), phi.read_float(at + phi.strides[1]), lattice);
}

// How cell (i, j) of a sampling tensor is split; `a` is its corner A.
ADASEG_DEVICE Split read_split(Diagonal diagonal, const Array &phi, int64_t item, int64_t i,
                               int64_t j, Point a, const Lattice &lattice) {
    return split_cell(diagonal, a, read_point(phi, item, i, j + 1, lattice),
                      read_point(phi, item, i + 1, j + 1, lattice),
                      read_point(phi, item, i + 1, j, lattice));
}

// Fills Grids, and calls `also(item, vertex)` for each vertex, to save a launch.
template <class Also> struct MakeGrids {
    struct Shared {};

    Grids grids;
    Array phi;
    Also also;

    ADASEG_DEVICE void operator()(const Block &block, Shared &) const {
        const auto [item, part] = place_of(block.index(), grids.finding_count);
        bool is_broken = false;
        for (int64_t v = part * block_threads + block.thread(); v < grids.vertices();
             v += static_cast<int64_t>(grids.finding_count) * block_threads)
            is_broken |= make_vertex(item, v);
        const bool any = block.any(is_broken);
        if (block.thread() == 0)
            grids.broken[item * grids.finding_count + part] = any;
    }

private:
    // Returns whether the grid is folded or open here.
    ADASEG_DEVICE bool make_vertex(int64_t item, int64_t v) const {
        const Lattice &lattice = grids.lattice;
        const Place at = place_of(v, grids.cols);
        const int64_t i = at.row, j = at.col;
        const Point a = read_point(phi, item, i, j, lattice);
        grids.points[item * grids.vertices() + v] = a;
        also(item, v);
        const bool covers = obeys_covering(a, i, j, grids.rows, grids.cols, lattice);
        bool is_folded = false;
        if (i + 1 < grids.rows && j + 1 < grids.cols) {
            const Split split = read_split(grids.diagonal, phi, item, i, j, a, lattice);
            grids.main[item * grids.cells() + i * (grids.cols - 1) + j] = split.main;
            is_folded = split.folded;
        }
        return is_folded || !covers;
    }
};

struct Nothing {
    ADASEG_DEVICE void operator()(int64_t, int64_t) const {}
};

template <class Also = Nothing>
void make_grids(const Grids &grids, const View &phi, Stream stream, const Also &also = {}) {
    launch_blocks(stream, grids.items * grids.finding_count, MakeGrids<Also>{grids, phi, also},
                  "make_grids");
}

} // namespace adaseg::cuda
