// SPDX-License-Identifier: Apache-2.0
// Runs independent pieces of work on threads. With one thread no OpenMP region is entered. A forked
// child always gets one thread: OpenMP's threads do not survive a fork, and a region in the child
// would wait for them forever. An exception in a piece reaches the caller.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>

namespace adaseg {

bool in_forked_child();

// No caller gets more, whatever it asks for: starting many thousands fails, and aborts the process.
constexpr int most_threads = 1024;

// The number of threads asked for, within its bounds.
inline int bounded(int threads) { return std::min(std::max(threads, 1), most_threads); }

template <class F> void parallel_for(int64_t count, int threads, F &&body) {
    const int used =
        in_forked_child() ? 1 : static_cast<int>(std::min<int64_t>(bounded(threads), count));
    if (used <= 1) {
        for (int64_t k = 0; k < count; ++k)
            body(k);
        return;
    }
    std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1) num_threads(used)
    for (int64_t k = 0; k < count; ++k) {
        try {
            body(k);
        } catch (...) {
#pragma omp critical
            failure = std::current_exception();
        }
    }
    if (failure)
        std::rethrow_exception(failure);
}

struct Range {
    int64_t begin, end; // [begin, end)
};

// Piece `k` of `total` cut into `pieces` nearly equal parts.
inline Range piece(int64_t total, int64_t pieces, int64_t k) {
    return {total * k / pieces, total * (k + 1) / pieces};
}

} // namespace adaseg
