// SPDX-License-Identifier: Apache-2.0
// Rounding of coordinates, for everything in core/ that turns one into an integer.
#pragma once

#include "core/config.h"

namespace adaseg {

// Rounds a number in [0, 2^51], ties to even: doubles above 2^52 are integers, so that the sum is
// rounded there as IEEE 754 demands. Unlike calls of rint, loops over it vectorise on every
// machine.
ADASEG_HD double round_even(double x) {
    const double big = 4503599627370496.0; // 2^52
    return (x + big) - big;
}

} // namespace adaseg
