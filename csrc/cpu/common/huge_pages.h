// SPDX-License-Identifier: Apache-2.0
// Asks for huge pages behind a large output. Page faults take most of the time to fill a fresh
// array: 160 MB cause 40,000 of them, or 80 with huge pages. Systems may ignore the hint. NumPy
// gives it for its own arrays too.
#pragma once

#include <cstdint>

#include "array/view.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace adaseg {

inline void advise_huge_pages([[maybe_unused]] const View &output) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    int64_t bytes = item_size(output.type);
    for (int k = 0; k < output.dims; ++k)
        bytes *= output.shape[k];
    constexpr int64_t page = 4096, worthwhile = int64_t{4} << 20;
    if (bytes < worthwhile)
        return;
    const uintptr_t begin = reinterpret_cast<uintptr_t>(output.data);
    const uintptr_t first = (begin + page - 1) / page * page;
    const uintptr_t last = (begin + static_cast<uintptr_t>(bytes)) / page * page;
    madvise(reinterpret_cast<void *>(first), last - first, MADV_HUGEPAGE);
#endif
}

} // namespace adaseg
