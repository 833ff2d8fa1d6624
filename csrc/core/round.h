// SPDX-License-Identifier: Apache-2.0
// Rounding of coordinates, for everything in core/ that turns one into an integer.
#pragma once

#include "core/config.h"

namespace adaseg {

// Rounds to even a number in [0, 2^51]: beyond 2^52 doubles are integers, so the sum is rounded
// there as IEEE 754 asks. Unlike a call of rint, loops over it vectorise on every machine.
ADASEG_HD double round_even(double x) {
    const double big = 4503599627370496.0; // 2^52
    return (x + big) - big;
}

} // namespace adaseg
