// SPDX-License-Identifier: Apache-2.0
// Reads sampling tensors row by row, in double.
#pragma once

#include <vector>

#include "array/view.h"

namespace adaseg {

[[noreturn]] inline void throw_not_finite() {
    throw std::invalid_argument(
        "phi holds NaN or infinity; finite coordinates in [0, 1] are wanted");
}

// Reads one coordinate (axis 0: row, 1: column) of a row of grid points of `phi` (N, 2, h, w).
template <class T>
void read_row(const View &phi, int64_t item, int axis, int64_t i, std::vector<double> &to) {
    const T *from = phi.item<T>(item) + axis * phi.strides[1] + i * phi.strides[2];
    const int64_t step = phi.strides[3];
    to.resize(phi.shape[3]);
    if (step == 1)
        for (size_t j = 0; j < to.size(); ++j)
            to[j] = static_cast<double>(from[j]);
    else
        for (size_t j = 0; j < to.size(); ++j)
            to[j] = static_cast<double>(from[static_cast<int64_t>(j) * step]);
}

// Calls body(i, rows, columns) for each row of grid points, with w numbers in both.
template <class F> void for_each_row(const View &phi, int64_t item, F &&body) {
    with_float_type(phi.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        std::vector<double> row, col;
        for (int64_t i = 0; i < phi.shape[2]; ++i) {
            read_row<T>(phi, item, 0, i, row);
            read_row<T>(phi, item, 1, i, col);
            body(i, row.data(), col.data());
        }
    });
}

} // namespace adaseg
