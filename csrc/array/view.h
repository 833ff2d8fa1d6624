// SPDX-License-Identifier: Apache-2.0
// Strided arrays of a run-time type, as they come from NumPy or torch: pointer, shape, strides in
// elements. The kernels trust them; csrc/bindings is the one place that checks them.
#pragma once

#include <array>

#include "array/dtype.h"

namespace adaseg {

struct View {
    void *data = nullptr;
    DType type = DType::f32;
    int dims = 0;
    std::array<int64_t, 4> shape{};
    std::array<int64_t, 4> strides{};

    template <class T> T *as() const { return static_cast<T *>(data); }
    // Start of an item: a sub-array along the first dimension.
    template <class T> T *item(int64_t n) const { return as<T>() + n * strides[0]; }
};

} // namespace adaseg
