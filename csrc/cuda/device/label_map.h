// SPDX-License-Identifier: Apache-2.0
// A label map on the device, and which of its pixels lie on a boundary (core/boundary.h).
#pragma once

#include <type_traits>

#include "cuda/device/array.h"
#include "cuda/device/boundaries.h"

namespace adaseg::cuda {

// The labels of a batch as unsigned integers T of their size: one kernel serves both signs.
template <class T> struct LabelMap {
    using Bits = T;

    Array labels;
    int64_t height, width;
    bool is_signed;
    Boundaries which;

    ADASEG_DEVICE bool on_boundary(int64_t item, int64_t row, int64_t col) const {
        const int64_t down = labels.strides[1], right = labels.strides[2];
        const T *at = labels.as<T>() + item * labels.strides[0] + row * down + col * right;
        const T here = *at;
        return (row > 0 && counts(here, at[-down])) || (col > 0 && counts(here, at[-right])) ||
               (col + 1 < width && counts(here, at[right])) ||
               (row + 1 < height && counts(here, at[down]));
    }

private:
    ADASEG_DEVICE bool counts(T here, T other) const {
        return here != other && which.rule.counts(label(here), label(other), which.others);
    }
    ADASEG_DEVICE Label label(T bits) const {
        return is_signed ? label_of(static_cast<std::make_signed_t<T>>(bits)) : label_of(bits);
    }
};

// Calls body(map) with the label map of `labels`.
template <class F> void with_label_map(const View &labels, const Boundaries &which, F &&body) {
    with_bits_type(labels.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        body(LabelMap<T>{labels, labels.shape[1], labels.shape[2], is_signed_integer(labels.type),
                         which});
    });
}

} // namespace adaseg::cuda
