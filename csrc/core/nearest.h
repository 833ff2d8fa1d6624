// SPDX-License-Identifier: Apache-2.0
// The pixel nearest to a relative coordinate (eq. 1).
// The product is taken in double, where a 24-bit coordinate times a size is exact, so that ties are
// true ties; they go to the even pixel. NaN becomes pixel 0; everything else is clamped.
#pragma once

#include "core/config.h"
#include "core/round.h"

namespace adaseg {

ADASEG_HD int64_t nearest_pixel(double relative, int64_t size) {
    const double last = static_cast<double>(size - 1);
    double at = relative * last;
    at = at > 0.0 ? at : 0.0;
    return static_cast<int64_t>(round_even(at < last ? at : last));
}

// Pixel of point `index` of `count` points spread evenly over `size` pixels, ends included.
// For such small integers the rounded quotient is a tie only if the exact one is.
ADASEG_HD int64_t even_pixel(int64_t index, int64_t count, int64_t size) {
    if (count < 2)
        return 0;
    return static_cast<int64_t>(
        round_even(static_cast<double>(index * (size - 1)) / static_cast<double>(count - 1)));
}

ADASEG_HD double relative_coordinate(int64_t index, int64_t size) {
    return size > 1 ? static_cast<double>(index) / static_cast<double>(size - 1) : 0.0;
}

} // namespace adaseg
