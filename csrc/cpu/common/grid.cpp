// SPDX-License-Identifier: Apache-2.0
// Snaps a sampling tensor to the lattice and splits its cells; see grid.h.
#include "cpu/common/grid.h"

#include "cpu/common/coordinates.h"
#include "cpu/common/targets.h"

namespace adaseg {

namespace {

bool holds_covering(const Grid &grid) {
    const auto obeys = [&](int64_t i, int64_t j) {
        return obeys_covering(grid.points[i * grid.cols + j], i, j, grid.rows, grid.cols,
                              grid.lattice);
    };
    for (int64_t j = 0; j < grid.cols; ++j)
        if (!obeys(0, j) || !obeys(grid.rows - 1, j))
            return false;
    for (int64_t i = 0; i < grid.rows; ++i)
        if (!obeys(i, 0) || !obeys(i, grid.cols - 1))
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
        if (!loops().snap_row(row, col, grid.cols, grid.lattice, &grid.points[i * grid.cols]))
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
