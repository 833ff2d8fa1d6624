// SPDX-License-Identifier: Apache-2.0
// 16-bit types for storage; all computing is done in float. They are converted by integer
// arithmetic, on a CUDA device by its own instructions; to nearest, ties to even (IEEE 754).
#pragma once

#include <cstring>

#include "core/config.h"

namespace adaseg {

ADASEG_HD float bits_to_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

ADASEG_HD uint32_t float_to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

struct Half {
    uint16_t bits;

    Half() = default;
    ADASEG_HD explicit Half(float value) {
#if defined(__CUDA_ARCH__)
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
        const uint32_t f = float_to_bits(value);
        const uint32_t sign = (f >> 16) & 0x8000u, magnitude = f & 0x7fffffffu;
        uint32_t result;
        if (magnitude > 0x7f800000u) {
            result = 0x7e00u; // NaN
        } else if (magnitude >= 0x47800000u) {
            result = 0x7c00u; // 65536 and more, infinity
        } else if (magnitude < 0x38800000u) {
            // Subnormal halves are multiples of 2^-24: adding 0.5 makes the float unit round there.
            result = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3f000000u;
        } else {
            result = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
        }
        bits = static_cast<uint16_t>(sign | result);
#endif
    }
    ADASEG_HD operator float() const {
#if defined(__CUDA_ARCH__)
        float value;
        asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
        return value;
#else
        const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
        const uint32_t magnitude = bits & 0x7fffu;
        if (magnitude >= 0x7c00u)
            return bits_to_float(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
        if (magnitude < 0x400u) {
            const float tiny = static_cast<float>(magnitude) * 5.9604644775390625e-8f; // 2^-24
            return sign ? -tiny : tiny;
        }
        return bits_to_float(sign | ((magnitude << 13) + 0x38000000u));
#endif
    }
};

struct BFloat16 {
    uint16_t bits;

    BFloat16() = default;
    ADASEG_HD explicit BFloat16(float value) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
        asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
        const uint32_t f = float_to_bits(value);
        const bool nan = (f & 0x7fffffffu) > 0x7f800000u;
        bits = static_cast<uint16_t>(nan ? 0x7fc0u : (f + 0x7fffu + ((f >> 16) & 1u)) >> 16);
#endif
    }
    ADASEG_HD operator float() const { return bits_to_float(static_cast<uint32_t>(bits) << 16); }
};

} // namespace adaseg
