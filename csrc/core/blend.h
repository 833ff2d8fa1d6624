// SPDX-License-Identifier: Apache-2.0
// The value of a class at a point of a triangle, from its scores at the corners and their weights.
// Scores may be infinite, NaN or as large as their type allows. A corner whose weight is exactly 0
// does not count. Of the others a NaN makes the value NaN; else -inf, which rules a class out,
// makes it -inf; else +inf makes it +inf. A finite value lies in the range of the corners.
#pragma once

#include "core/config.h"

namespace adaseg {

// Whether the value of a class makes it better than those before it, whose best value is `most`.
// NaN wins only where all are NaN.
template <class R> ADASEG_HD bool beats(R value, R most) {
    return value > most || (most != most && value == value);
}

template <class R> ADASEG_HD R clamp_between(R value, R least, R most) {
    return value < least ? least : value > most ? most : value;
}

// `blend` where a score is not finite, or the sum overflows.
template <class R> ADASEG_HD R blend_any(const R (&score)[3], const R (&weight)[3]) {
    R sum = 0, least = 0, most = 0;
    bool none = true, ruled_out = false, unknown = false;
    for (int k = 0; k < 3; ++k) {
        if (!(weight[k] > R(0)))
            continue;
        const R s = score[k];
        unknown |= s != s;
        ruled_out |= s < R(0) && s - s != R(0); // -inf, as no finite number gives NaN here
        least = none || s < least ? s : least;
        most = none || s > most ? s : most;
        sum += s * weight[k];
        none = false;
    }
    if (unknown)
        return sum; // NaN
    return ruled_out ? least : most - most != R(0) ? most : clamp_between(sum, least, most);
}

template <class R> ADASEG_HD R blend(const R (&score)[3], const R (&weight)[3]) {
    const R sum = score[0] * weight[0] + score[1] * weight[1] + score[2] * weight[2];
    if (sum - sum != R(0))
        return blend_any(score, weight);
    R least = score[0] < score[1] ? score[0] : score[1];
    R most = score[0] < score[1] ? score[1] : score[0];
    least = score[2] < least ? score[2] : least;
    most = score[2] > most ? score[2] : most;
    return clamp_between(sum, least, most);
}

} // namespace adaseg
