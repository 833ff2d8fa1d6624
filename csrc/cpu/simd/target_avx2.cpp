// SPDX-License-Identifier: Apache-2.0
// The loops for x86-64 with AVX2. Compiled only where the build gives this file its own flags:
// Flags: -mavx2
#if defined(__AVX2__) && defined(__GNUC__) && !defined(ADASEG_NO_VECTORS)
#define ADASEG_TARGET "avx2"
#define ADASEG_WIDTH 32
#include "cpu/simd/target.h"

namespace adaseg {
const Loops *const avx2_loops = &table;
} // namespace adaseg
#else
#include "cpu/simd/loops.h"

namespace adaseg {
const Loops *const avx2_loops = nullptr;
} // namespace adaseg
#endif
