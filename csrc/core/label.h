// SPDX-License-Identifier: Apache-2.0
// How labels are stored: in bytes while a byte can hold every class, else in int32.
#pragma once

#include "core/config.h"

namespace adaseg {

constexpr int64_t most_byte_classes = 256;

// The label of a pixel that no triangle covers: 255 in bytes, -1 in int32, where 255 is a class.
template <class L> ADASEG_HD constexpr L uncovered_label() {
    return static_cast<L>(sizeof(L) == 1 ? 255 : -1);
}

} // namespace adaseg
