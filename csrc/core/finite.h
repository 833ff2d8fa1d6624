// SPDX-License-Identifier: Apache-2.0
// The check for NaN and infinity.
#pragma once

#include "core/config.h"

namespace adaseg {

// Unlike std::isfinite, loops over it vectorise on every machine.
ADASEG_HD bool is_finite(double x) { return x - x == 0.0; }

} // namespace adaseg
