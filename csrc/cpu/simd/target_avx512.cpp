// SPDX-License-Identifier: Apache-2.0
// The loops for x86-64 with AVX-512. Compiled only where the build gives this file its own flags:
// Flags: -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mprefer-vector-width=512
#if defined(__AVX512VL__) && defined(__GNUC__) && !defined(ADASEG_NO_VECTORS)
#define ADASEG_TARGET "avx512"
#define ADASEG_WIDTH 64
#include "cpu/simd/target.h"

namespace adaseg {
const Loops *const avx512_loops = &table;
} // namespace adaseg
#else
#include "cpu/simd/loops.h"

namespace adaseg {
const Loops *const avx512_loops = nullptr;
} // namespace adaseg
#endif
