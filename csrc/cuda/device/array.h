// SPDX-License-Identifier: Apache-2.0
// Arrays as kernels take them by value, and workspaces cut into pieces. Where it costs no speed,
// the element type is looked up at run time (the branch is the same for all threads), which keeps
// the number of compiled kernels small.
#pragma once

#include "array/view.h"
#include "cuda/device/launch.h"

namespace adaseg::cuda {

struct Array {
    void *data;
    DType type;
    int64_t strides[4];

    Array(const View &view) : data(view.data), type(view.type) {
        for (int k = 0; k < 4; ++k)
            strides[k] = view.strides[k];
    }

    ADASEG_DEVICE int64_t offset(int64_t a, int64_t b, int64_t c, int64_t d) const {
        return a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3];
    }
    template <class T> ADASEG_DEVICE T *as() const { return static_cast<T *>(data); }

#define ADASEG_READ(dtype, memory, name, kind)                                                     \
    case DType::dtype:                                                                             \
        return static_cast<R>(as<memory>()[at]);
#define ADASEG_WRITE(dtype, memory, name, kind)                                                    \
    case DType::dtype:                                                                             \
        as<memory>()[at] = memory(static_cast<typename Compute<memory>::type>(value));             \
        return;

    // An element of any type.
    template <class R> ADASEG_DEVICE R read(int64_t at) const {
        switch (type) {
            ADASEG_INTEGER_TYPES(ADASEG_READ)
            ADASEG_FLOAT_TYPES(ADASEG_READ)
        }
        return R(0); // not reached: all types have a case
    }
    // An element of a floating-point type.
    ADASEG_DEVICE double read_float(int64_t at) const {
        using R = double;
        switch (type) {
            ADASEG_FLOAT_TYPES(ADASEG_READ)
        default:
            return 0.0; // not reached: the bindings check the type
        }
    }
    ADASEG_DEVICE void write_float(int64_t at, double value) const {
        switch (type) {
            ADASEG_FLOAT_TYPES(ADASEG_WRITE)
        default:
            return;
        }
    }

#undef ADASEG_READ
#undef ADASEG_WRITE
};

// Cuts a buffer into aligned pieces; without a buffer, only adds up their sizes.
class Workspace {
public:
    explicit Workspace(void *base) : base_(static_cast<char *>(base)) {}

    template <class T> T *take(int64_t count) {
        const int64_t at = used_;
        used_ += (count * static_cast<int64_t>(sizeof(T)) + 255) / 256 * 256;
        return base_ ? reinterpret_cast<T *>(base_ + at) : nullptr;
    }
    int64_t used() const { return used_; }

private:
    char *base_;
    int64_t used_ = 0;
};

struct Place {
    int64_t row, col;
};

// Row and column of element `k` in rows of `width` elements. Both numbers are below 2^32, which
// every launch checks: 64-bit divisions are slow on a device.
ADASEG_DEVICE Place place_of(int64_t k, int64_t width) {
    const uint32_t row = static_cast<uint32_t>(k) / static_cast<uint32_t>(width);
    return {row, static_cast<uint32_t>(k) - row * static_cast<uint32_t>(width)};
}

// Where the k-th of `pieces` nearly equal pieces of `total` begins.
ADASEG_DEVICE int64_t piece_begin(int64_t total, int64_t pieces, int64_t k) {
    const Place each = place_of(total, pieces); // a quotient and what is left
    return k * each.row + (k < each.col ? k : each.col);
}

} // namespace adaseg::cuda
