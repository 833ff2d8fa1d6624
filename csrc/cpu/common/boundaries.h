// SPDX-License-Identifier: Apache-2.0
// Which boundaries count in a call (core/boundary.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace adaseg {

struct Boundaries {
    std::optional<std::vector<int64_t>> classes; // target classes; without it, all classes
    int64_t ignore_index;
};

} // namespace adaseg
