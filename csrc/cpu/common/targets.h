// SPDX-License-Identifier: Apache-2.0
// Which table of loops (cpu/simd/loops.h) the kernels use: at first that of the best target of this
// machine.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "cpu/simd/loops.h"

namespace adaseg {

extern std::atomic<const Loops *> loops_in_use;

inline const Loops &loops() { return *loops_in_use.load(std::memory_order_relaxed); }

// Names of the targets that this machine can run, best first.
std::vector<std::string> cpu_targets();

// Throws std::invalid_argument where this machine has no target of that name.
void set_cpu_target(const std::string &name);

} // namespace adaseg
