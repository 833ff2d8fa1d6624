// SPDX-License-Identifier: Apache-2.0
// The one table of element types. Python reads their numbers from the module (`dtypes`).
#pragma once

#include <cstring>
#include <stdexcept>

#include "array/half.h"

namespace adaseg {

// X(enumerator, C++ type in memory, name in Python, NumPy kind; 0 where NumPy has no such type).
#define ADASEG_INTEGER_TYPES(X)                                                                    \
    X(u8, uint8_t, "uint8", 'u')                                                                   \
    X(i8, int8_t, "int8", 'i')                                                                     \
    X(i16, int16_t, "int16", 'i')                                                                  \
    X(i32, int32_t, "int32", 'i')                                                                  \
    X(i64, int64_t, "int64", 'i')                                                                  \
    X(u16, uint16_t, "uint16", 'u')                                                                \
    X(u32, uint32_t, "uint32", 'u')                                                                \
    X(u64, uint64_t, "uint64", 'u')                                                                \
    X(boolean, uint8_t, "bool", 'b')
#define ADASEG_FLOAT_TYPES(X)                                                                      \
    X(f32, float, "float32", 'f')                                                                  \
    X(f64, double, "float64", 'f')                                                                 \
    X(f16, Half, "float16", 'f')                                                                   \
    X(bf16, BFloat16, "bfloat16", 0)

enum class DType : int {
#define ADASEG_ENUMERATOR(dtype, memory, name, kind) dtype,
    ADASEG_INTEGER_TYPES(ADASEG_ENUMERATOR) ADASEG_FLOAT_TYPES(ADASEG_ENUMERATOR)
#undef ADASEG_ENUMERATOR
};

struct TypeInfo {
    DType type;
    int size; // bytes
    const char *name;
    char kind;
};

// In the order of the enumerators.
inline constexpr TypeInfo type_table[] = {
#define ADASEG_INFO(dtype, memory, name, kind) {DType::dtype, sizeof(memory), name, kind},
    ADASEG_INTEGER_TYPES(ADASEG_INFO) ADASEG_FLOAT_TYPES(ADASEG_INFO)
#undef ADASEG_INFO
};

inline int item_size(DType type) { return type_table[static_cast<int>(type)].size; }

inline bool is_signed_integer(DType type) { return type_table[static_cast<int>(type)].kind == 'i'; }

template <class T> struct Tag {
    using type = T;
};

#define ADASEG_CALL(dtype, memory, name, kind)                                                     \
    case DType::dtype:                                                                             \
        return body(Tag<memory>{});

// Each of these calls body(Tag<T>{}) with the C++ type T of the elements.
template <class F> void with_float_type(DType type, F &&body) {
    switch (type) {
        ADASEG_FLOAT_TYPES(ADASEG_CALL)
    default:
        throw std::invalid_argument("the array must hold floating-point numbers");
    }
}

template <class F> void with_integer_type(DType type, F &&body) {
    switch (type) {
        ADASEG_INTEGER_TYPES(ADASEG_CALL)
    default:
        throw std::invalid_argument("the array must hold integers");
    }
}

template <class F> void with_any_type(DType type, F &&body) {
    switch (type) {
        ADASEG_INTEGER_TYPES(ADASEG_CALL)
        ADASEG_FLOAT_TYPES(ADASEG_CALL)
    }
}

#undef ADASEG_CALL

// Calls body with the unsigned type of the same size, for bitwise copies and comparisons.
template <class F> void with_bits_type(DType type, F &&body) {
    switch (item_size(type)) {
    case 1:
        return body(Tag<uint8_t>{});
    case 2:
        return body(Tag<uint16_t>{});
    case 4:
        return body(Tag<uint32_t>{});
    default:
        return body(Tag<uint64_t>{});
    }
}

// The type to compute in: float for all but double.
template <class T> struct Compute {
    using type = float;
};
template <> struct Compute<double> {
    using type = double;
};

} // namespace adaseg
