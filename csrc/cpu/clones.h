// SPDX-License-Identifier: Apache-2.0
// Marks a hot loop to be compiled for several instruction sets, the best of which is chosen when the
// module is loaded. Only for loops whose result does not depend on it: no sum is reordered and, with
// -ffp-contract=off, nothing is fused, so the bits stay the same.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__gnu_linux__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ADASEG_CLONES __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define ADASEG_CLONES
#endif
