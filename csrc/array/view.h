// SPDX-License-Identifier: Apache-2.0
// Strided arrays of a run-time type, as they come from NumPy or torch: pointer, shape, strides in
// elements. The kernels trust them; bindings/module.cpp is the one place that checks them.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>

#include "array/half.h"

namespace adaseg {

enum class DType : int { u8, i8, i16, i32, i64, f16, bf16, f32, f64, boolean, u16, u32, u64 };

inline int item_size(DType type) {
    switch (type) {
    case DType::u8:
    case DType::i8:
    case DType::boolean:
        return 1;
    case DType::i16:
    case DType::u16:
    case DType::f16:
    case DType::bf16:
        return 2;
    case DType::i32:
    case DType::u32:
    case DType::f32:
        return 4;
    default:
        return 8;
    }
}

struct View {
    void *data = nullptr;
    DType type = DType::f32;
    int dims = 0;
    std::array<int64_t, 4> shape{};
    std::array<int64_t, 4> strides{};

    template <class T> T *as() const { return static_cast<T *>(data); }
    // Start of a sub-array along the leading dimension.
    template <class T> T *item(int64_t n) const { return as<T>() + n * strides[0]; }
};

template <class T> struct Tag {
    using type = T;
};

template <class F> void with_float_type(DType type, F &&body) {
    switch (type) {
    case DType::f32:
        return body(Tag<float>{});
    case DType::f64:
        return body(Tag<double>{});
    case DType::f16:
        return body(Tag<Half>{});
    case DType::bf16:
        return body(Tag<BFloat16>{});
    default:
        throw std::invalid_argument("a floating-point array is wanted");
    }
}

template <class F> void with_integer_type(DType type, F &&body) {
    switch (type) {
    case DType::boolean:
    case DType::u8:
        return body(Tag<uint8_t>{});
    case DType::i8:
        return body(Tag<int8_t>{});
    case DType::i16:
        return body(Tag<int16_t>{});
    case DType::u16:
        return body(Tag<uint16_t>{});
    case DType::i32:
        return body(Tag<int32_t>{});
    case DType::u32:
        return body(Tag<uint32_t>{});
    case DType::i64:
        return body(Tag<int64_t>{});
    case DType::u64:
        return body(Tag<uint64_t>{});
    default:
        throw std::invalid_argument("an integer array is wanted");
    }
}

template <class F> void with_any_type(DType type, F &&body) {
    if (type == DType::f16 || type == DType::bf16 || type == DType::f32 || type == DType::f64)
        with_float_type(type, body);
    else
        with_integer_type(type, body);
}

// float for all storage types but double.
template <class T> struct Compute {
    using type = float;
};
template <> struct Compute<double> {
    using type = double;
};

} // namespace adaseg
