// SPDX-License-Identifier: Apache-2.0
// Arrays as kernels take them by value, and the cutting of a workspace. Where speed does not depend
// on it the element type is looked up at run time (the branch is the same for all threads), which
// keeps the number of compiled kernels small.
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

    // An element as R, whatever its type.
    template <class R> ADASEG_DEVICE R read(int64_t at) const {
        switch (type) {
        case DType::f32:
            return static_cast<R>(as<float>()[at]);
        case DType::f64:
            return static_cast<R>(as<double>()[at]);
        case DType::f16:
            return static_cast<R>(static_cast<float>(as<Half>()[at]));
        case DType::bf16:
            return static_cast<R>(static_cast<float>(as<BFloat16>()[at]));
        case DType::u8:
        case DType::boolean:
            return static_cast<R>(as<uint8_t>()[at]);
        case DType::i8:
            return static_cast<R>(as<int8_t>()[at]);
        case DType::i16:
            return static_cast<R>(as<int16_t>()[at]);
        case DType::u16:
            return static_cast<R>(as<uint16_t>()[at]);
        case DType::i32:
            return static_cast<R>(as<int32_t>()[at]);
        case DType::u32:
            return static_cast<R>(as<uint32_t>()[at]);
        case DType::i64:
            return static_cast<R>(as<int64_t>()[at]);
        default:
            return static_cast<R>(as<uint64_t>()[at]);
        }
    }
    // One of the floating-point types.
    ADASEG_DEVICE void write_float(int64_t at, double value) const {
        switch (type) {
        case DType::f32:
            as<float>()[at] = static_cast<float>(value);
            break;
        case DType::f64:
            as<double>()[at] = value;
            break;
        case DType::f16:
            as<Half>()[at] = Half(static_cast<float>(value));
            break;
        default:
            as<BFloat16>()[at] = BFloat16(static_cast<float>(value));
        }
    }
    // A coordinate: one of the four floating-point types.
    ADASEG_DEVICE double read_float(int64_t at) const {
        switch (type) {
        case DType::f32:
            return as<float>()[at];
        case DType::f64:
            return as<double>()[at];
        case DType::f16:
            return static_cast<float>(as<Half>()[at]);
        default:
            return static_cast<float>(as<BFloat16>()[at]);
        }
    }
};

// Cuts a buffer into aligned pieces; without a buffer it only adds up their sizes.
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

// Row and column of element `k` of rows of `width`, both below 2^32, which every launch checks of
// the numbers it counts: divisions of 64 bits cost a lot on a device.
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
