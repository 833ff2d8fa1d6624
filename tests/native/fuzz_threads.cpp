// SPDX-License-Identifier: Apache-2.0
// OpenMP's parallel loops on plain std::threads, for the thread sanitizer only: it does not see how
// libgomp's threads wait for one another and would report false races. Code compiled with GCC's
// -fopenmp calls these functions; the program is linked without -fopenmp.
#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>

namespace {

struct Loop {
    std::mutex mutex;
    long next = 0, end = 0, step = 0, chunk = 0;
    bool begun = false;
};

thread_local Loop *team = nullptr;
std::mutex critical;

bool take(Loop &loop, long *from, long *to) {
    if (loop.next >= loop.end)
        return false;
    *from = loop.next;
    *to = std::min(loop.next + loop.chunk * loop.step, loop.end);
    loop.next = *to;
    return true;
}

} // namespace

extern "C" {

void GOMP_parallel(void (*body)(void *), void *data, unsigned count, unsigned) {
    Loop loop;
    const auto work = [&] {
        team = &loop;
        body(data);
        team = nullptr;
    };
    std::vector<std::thread> others;
    for (unsigned k = 1; k < count; ++k)
        others.emplace_back(work);
    work();
    for (std::thread &other : others)
        other.join();
}

// The first thread sets up the loop.
bool GOMP_loop_nonmonotonic_dynamic_start(long start, long end, long step, long chunk, long *from,
                                          long *to) {
    const std::lock_guard<std::mutex> lock(team->mutex);
    if (!team->begun) {
        team->next = start;
        team->end = end;
        team->step = step;
        team->chunk = chunk;
        team->begun = true;
    }
    return take(*team, from, to);
}

bool GOMP_loop_nonmonotonic_dynamic_next(long *from, long *to) {
    const std::lock_guard<std::mutex> lock(team->mutex);
    return take(*team, from, to);
}

void GOMP_loop_end_nowait() {}
void GOMP_critical_start() { critical.lock(); }
void GOMP_critical_end() { critical.unlock(); }
}
