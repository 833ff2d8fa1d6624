// SPDX-License-Identifier: Apache-2.0
// Snaps a sampling tensor to the lattice and splits its cells; see grid.h.
#include "cpu/grid.h"

#include <cmath>

namespace adaseg {

namespace {

template <class T> double at(const View &phi, int64_t item, int axis, int64_t i, int64_t j) {
    return static_cast<double>(phi.as<T>()[item * phi.strides[0] + axis * phi.strides[1] +
                                           i * phi.strides[2] + j * phi.strides[3]]);
}

[[noreturn]] void throw_not_finite() {
    throw std::invalid_argument(
        "phi holds NaN or infinity; finite coordinates in [0, 1] are wanted");
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

void require_finite(const View &phi) {
    with_float_type(phi.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        for (int64_t n = 0; n < phi.shape[0]; ++n)
            for (int axis = 0; axis < 2; ++axis)
                for (int64_t i = 0; i < phi.shape[2]; ++i)
                    for (int64_t j = 0; j < phi.shape[3]; ++j)
                        if (!std::isfinite(at<T>(phi, n, axis, i, j)))
                            throw_not_finite();
    });
}

Grid make_grid(const View &phi, int64_t item, int64_t height, int64_t width, Diagonal diagonal) {
    Grid grid;
    grid.lattice = make_lattice(height, width);
    grid.rows = phi.shape[2];
    grid.cols = phi.shape[3];
    grid.points.resize(grid.rows * grid.cols);
    with_float_type(phi.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        const Lattice lattice = grid.lattice;
        bool finite = true;
        for (int64_t i = 0; i < grid.rows; ++i)
            for (int64_t j = 0; j < grid.cols; ++j) {
                const double row = at<T>(phi, item, 0, i, j), col = at<T>(phi, item, 1, i, j);
                finite &= (row - row == 0.0) & (col - col == 0.0);
                grid.points[i * grid.cols + j] = snap_point(row, col, lattice);
            }
        if (!finite)
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
        for (int64_t j = 0; j + 1 < grid.cols; ++j) {
            const Split split =
                split_cell(diagonal, upper[j], upper[j + 1], lower[j + 1], lower[j]);
            grid.main[i * (grid.cols - 1) + j] = split.main;
            folded |= split.folded;
        }
    }
    grid.covers = holds_covering(grid);
    grid.simple = grid.covers && !folded;
    return grid;
}

} // namespace adaseg
