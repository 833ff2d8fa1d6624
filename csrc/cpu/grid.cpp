// SPDX-License-Identifier: Apache-2.0
// Snaps a sampling tensor to the lattice and splits its cells; see grid.h.
#include "cpu/grid.h"

#include "cpu/clones.h"
#include "cpu/coordinates.h"

namespace adaseg {

namespace {

// Returns whether all coordinates are finite.
ADASEG_CLONES bool snap_row(const double *row, const double *col, int64_t count,
                            const Lattice &lattice, Point *to) {
    const Lattice own = lattice; // nothing written below can change it
    int64_t bad = 0;
    for (int64_t j = 0; j < count; ++j) {
        to[j] = snap_point(row[j], col[j], own);
        bad |= (row[j] - row[j] != 0.0) | (col[j] - col[j] != 0.0);
    }
    return bad == 0;
}

bool holds_covering(const Grid &grid) {
    const Lattice &lattice = grid.lattice;
    const int64_t bottom = lattice.row_extent << lattice.bits,
                  right = lattice.col_extent << lattice.bits;
    for (int64_t j = 0; j < grid.cols; ++j)
        if (grid.points[j].row != 0 || grid.points[(grid.rows - 1) * grid.cols + j].row != bottom)
            return false;
    for (int64_t i = 0; i < grid.rows; ++i)
        if (grid.points[i * grid.cols].col != 0 ||
            grid.points[i * grid.cols + grid.cols - 1].col != right)
            return false;
    return true;
}

} // namespace

Grid make_grid(const View &phi, int64_t item, int64_t height, int64_t width, Diagonal diagonal) {
    Grid grid;
    grid.lattice = make_lattice(height, width);
    grid.rows = phi.shape[2];
    grid.cols = phi.shape[3];
    grid.points.resize(grid.rows * grid.cols);
    for_each_row(phi, item, [&](int64_t i, const double *row, const double *col) {
        if (!snap_row(row, col, grid.cols, grid.lattice, &grid.points[i * grid.cols]))
            throw_not_finite();
    });
    grid.main.resize(grid.cells());
    grid.image_rows.resize(grid.rows - 1);
    bool folded = false;
    for (int64_t i = 0; i + 1 < grid.rows; ++i) {
        const Point *upper = &grid.points[i * grid.cols], *lower = upper + grid.cols;
        int32_t least = upper[0].row, most = upper[0].row;
        for (int64_t j = 0; j < grid.cols; ++j) {
            least = std::min({least, upper[j].row, lower[j].row});
            most = std::max({most, upper[j].row, lower[j].row});
        }
        grid.image_rows[i] = {first_row(least, grid.lattice), first_row(most, grid.lattice)};
        uint8_t *main = &grid.main[i * (grid.cols - 1)];
        for (int64_t j = 0; j + 1 < grid.cols; ++j) {
            const Split split =
                split_cell(diagonal, upper[j], upper[j + 1], lower[j + 1], lower[j]);
            main[j] = split.main;
            folded |= split.folded;
        }
    }
    grid.covers = holds_covering(grid);
    grid.simple = grid.covers && !folded;
    return grid;
}

} // namespace adaseg
