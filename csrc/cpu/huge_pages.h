// SPDX-License-Identifier: Apache-2.0
// Asks for huge pages behind a large output. Most of the time a fresh one takes to fill is page
// faults: 40 thousand of them for 160 MB, or 80. A hint that systems may ignore; NumPy gives it for
// its arrays too.
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
