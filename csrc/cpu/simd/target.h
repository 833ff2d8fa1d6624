// SPDX-License-Identifier: Apache-2.0
// Included once per target_*.cpp, which defines ADASEG_TARGET, the target's name, and ADASEG_WIDTH,
// that of its vectors in bytes: compiles the loops and fills their table.
#pragma once

#include "cpu/simd/argmax_loops.h"
#include "cpu/simd/row_loops.h"
#include "cpu/simd/solve_loops.h"

namespace adaseg {
namespace {

template <class R>
constexpr RealLoops<R> real_loops = {
    find_planes<R>,  label_bytes<R>, label_words<R>, find_unbeaten<R>,
    improve_best<R>, find_lines<R>,  fill_lines<R>,  solve_planes<R>,
};

constexpr Loops table = {
    ADASEG_TARGET,          real_loops<float>,     real_loops<double>,     snap_row,
    offsets_of_row,         mark_changes<uint8_t>, mark_changes<uint16_t>, mark_changes<uint32_t>,
    mark_changes<uint64_t>,
};

} // namespace
} // namespace adaseg
