// SPDX-License-Identifier: Apache-2.0
// Marks a hot loop to be compiled for several instruction sets; the best one is chosen when the
// module is loaded. Results do not depend on it: no sum is reordered and, with -ffp-contract=off,
// nothing is fused, so the bits stay the same.
#pragma once

#include <cstdint>

// With ADASEG_NO_CLONES defined, loops are compiled once, as the compiler's flags say.
#if !defined(ADASEG_NO_CLONES) && defined(__x86_64__) && defined(__GNUC__) &&                      \
    !defined(__clang__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) &&             \
    !defined(__SANITIZE_THREAD__)
#define ADASEG_HAS_CLONES
#define ADASEG_CLONES __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define ADASEG_CLONES
#endif

// Sixteen floats at a time, in the compiler's own vector types, which it lowers to what the
// instruction set has: in plain loops that carry a best value along, compilers spill it or branch.
// Other compilers, and builds with ADASEG_NO_VECTORS, take the plain loops.
#if defined(__GNUC__) && !defined(ADASEG_NO_VECTORS)
#define ADASEG_VECTORS
namespace adaseg {
typedef float Float16 __attribute__((vector_size(64)));
typedef int32_t Int16 __attribute__((vector_size(64)));
typedef uint8_t Byte16 __attribute__((vector_size(16)));
constexpr Float16 ramp = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
} // namespace adaseg
#endif
