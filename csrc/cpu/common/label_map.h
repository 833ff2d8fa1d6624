// SPDX-License-Identifier: Apache-2.0
// Finds the boundary pixels of a label map, row by row: pixels with a 4-neighbour whose label makes
// a boundary with theirs (core/boundary.h).
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "array/view.h"
#include "core/boundary.h"
#include "cpu/common/boundaries.h"
#include "cpu/common/targets.h"

namespace adaseg {

// The rule of core/boundary.h with the target classes of a call.
class Counts {
public:
    explicit Counts(const Boundaries &which) {
        rule_.ignore_index = which.ignore_index;
        rule_.all = !which.classes.has_value();
        if (rule_.all)
            return;
        for (const int64_t label : *which.classes)
            if (BoundaryRule::has_bit(label))
                rule_.choose(label);
            else
                others_.push_back(label);
        std::sort(others_.begin(), others_.end());
    }

    // Whether two neighbours make a boundary.
    template <class T> bool operator()(T a, T b) const {
        return rule_.counts(label_of(a), label_of(b), [&](int64_t label) {
            return std::binary_search(others_.begin(), others_.end(), label);
        });
    }

private:
    BoundaryRule rule_;
    std::vector<int64_t> others_; // target classes outside 0..255
};

// What a thread needs to look at one row at a time.
template <class T> struct Scratch {
    std::vector<T> rows[3];
    std::vector<uint8_t> flag;
    std::vector<int32_t> columns; // of boundary pixels
};

// The labels of one item.
template <class T> class LabelMap {
public:
    LabelMap(const View &labels, int64_t n)
        : data_(labels.item<T>(n)), height_(labels.shape[1]), width_(labels.shape[2]),
          down_(labels.strides[1]), right_(labels.strides[2]) {}

    int64_t height() const { return height_; }
    int64_t width() const { return width_; }

    // Calls body(column) for each boundary pixel of a row, in order.
    template <class F>
    void boundary_of_row(int64_t row, const Counts &counts, Scratch<T> &scratch, F &&body) const {
        const T *above = read_row(std::max<int64_t>(row - 1, 0), scratch.rows[0]);
        const T *here = read_row(row, scratch.rows[1]);
        const T *below = read_row(std::min(row + 1, height_ - 1), scratch.rows[2]);
        scratch.flag.resize((width_ + 63) / 64 * 64); // flags beyond the row stay 0
        uint8_t *flag = scratch.flag.data();
        mark_changes(here, above, below, flag);
        for (int64_t from = 0; from < width_; from += 64) {
            uint64_t words[8], any = 0;
            std::memcpy(words, flag + from, sizeof words);
            for (const uint64_t word : words)
                any |= word;
            for (int k = 0; any != 0 && k < 8; ++k)
                if (words[k] != 0)
                    for (int64_t col = from + 8 * k; col < std::min(from + 8 * k + 8, width_);
                         ++col)
                        if (flag[col] && counted(counts, above, here, below, col))
                            body(col);
        }
    }

private:
    // A row of labels side by side: in place, or copied into `buffer` where they lie apart.
    const T *read_row(int64_t row, std::vector<T> &buffer) const {
        const T *from = data_ + row * down_;
        if (right_ == 1)
            return from;
        buffer.resize(width_);
        for (int64_t col = 0; col < width_; ++col)
            buffer[col] = from[col * right_];
        return buffer.data();
    }

    // flag[col] = whether a label differs from one of its 4 neighbours.
    void mark_changes(const T *here, const T *above, const T *below, uint8_t *flag) const {
        using Bits = std::make_unsigned_t<T>;
        const auto mark = [&](auto *loop) {
            loop(reinterpret_cast<const Bits *>(here), reinterpret_cast<const Bits *>(above),
                 reinterpret_cast<const Bits *>(below), width_, flag);
        };
        if constexpr (sizeof(T) == 1)
            mark(loops().mark_changes8);
        else if constexpr (sizeof(T) == 2)
            mark(loops().mark_changes16);
        else if constexpr (sizeof(T) == 4)
            mark(loops().mark_changes32);
        else
            mark(loops().mark_changes64);
    }

    bool counted(const Counts &counts, const T *above, const T *here, const T *below,
                 int64_t col) const {
        const T label = here[col], before = here[std::max<int64_t>(col - 1, 0)],
                after = here[std::min(col + 1, width_ - 1)];
        for (const T other : {above[col], below[col], before, after})
            if (counts(label, other))
                return true;
        return false;
    }

    const T *data_;
    int64_t height_, width_, down_, right_;
};

} // namespace adaseg
