// SPDX-License-Identifier: Apache-2.0
// Finds out what this machine can run; see targets.h.
#include "cpu/common/targets.h"

#include <stdexcept>

namespace adaseg {

namespace {

bool runs_avx2() {
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

bool runs_avx512() {
#if defined(__x86_64__) && defined(__GNUC__)
    return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

// Best first.
std::vector<const Loops *> runnable() {
    std::vector<const Loops *> found;
    if (avx512_loops != nullptr && runs_avx512())
        found.push_back(avx512_loops);
    if (avx2_loops != nullptr && runs_avx2())
        found.push_back(avx2_loops);
    found.push_back(baseline_loops);
    return found;
}

} // namespace

std::atomic<const Loops *> loops_in_use{runnable().front()};

std::vector<std::string> cpu_targets() {
    std::vector<std::string> names;
    for (const Loops *table : runnable())
        names.emplace_back(table->name);
    return names;
}

void set_cpu_target(const std::string &name) {
    std::string names;
    for (const Loops *table : runnable()) {
        if (name == table->name) {
            loops_in_use.store(table, std::memory_order_relaxed);
            return;
        }
        names += (names.empty() ? "" : ", ") + std::string(table->name);
    }
    throw std::invalid_argument("the CPU target must be one that this machine has (" + names +
                                "), got '" + name + "'");
}

} // namespace adaseg
