// SPDX-License-Identifier: Apache-2.0
// What counts as a boundary between two neighbouring labels (sec. 3.1): the labels differ, neither
// is ignored and, where target classes are given, at least one of the two is a target class.
#pragma once

#include <type_traits>

#include "core/config.h"

namespace adaseg {

// Class numbers are int64. An unsigned label beyond their range wraps to a negative value, and
// `is_class` tells that it equals no class number.
struct Label {
    int64_t value;
    bool is_class;
};

template <class T> ADASEG_HD Label label_of(T label) {
    const int64_t value = static_cast<int64_t>(label);
    return {value, std::is_signed<T>::value || value >= 0};
}

struct BoundaryRule {
    int64_t ignore_index = 255;
    bool all = true;         // no target classes are given: every class is one
    uint32_t chosen[8] = {}; // a bit for each target class in 0..255

    static ADASEG_HD bool has_bit(int64_t label) { return label >= 0 && label < 256; }

    ADASEG_HD void choose(int64_t label) { chosen[label / 32] |= 1u << (label % 32); }

    // `others(label)` tells whether a label outside 0..255 is a target class.
    template <class Others>
    ADASEG_HD bool counts(const Label &a, const Label &b, const Others &others) const {
        return a.value != b.value && !ignores(a) && !ignores(b) &&
               (all || is_target(a, others) || is_target(b, others));
    }

private:
    ADASEG_HD bool ignores(const Label &label) const {
        return label.value == ignore_index && label.is_class;
    }
    template <class Others>
    ADASEG_HD bool is_target(const Label &label, const Others &others) const {
        if (has_bit(label.value))
            return (chosen[label.value / 32] >> (label.value % 32) & 1u) != 0;
        return label.is_class && others(label.value);
    }
};

} // namespace adaseg
