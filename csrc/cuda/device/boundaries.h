// SPDX-License-Identifier: Apache-2.0
// Which boundaries count in a call (core/boundary.h).
#pragma once

#include "core/boundary.h"

namespace adaseg::cuda {

// Kernels take this by value, so the list has a fixed length.
struct Boundaries {
    struct Others { // target classes outside 0..255
        static constexpr int most = 128;

        int32_t count = 0;
        int64_t label[most] = {};

        ADASEG_HD bool operator()(int64_t wanted) const {
            for (int k = 0; k < count; ++k)
                if (label[k] == wanted)
                    return true;
            return false;
        }
    };

    BoundaryRule rule;
    Others others;
};

} // namespace adaseg::cuda
