// SPDX-License-Identifier: Apache-2.0
// Rows of labels as sums of changes: a pixel's label is the sum of all changes at columns up to its
// own. Changes are added in any order; those at the same place may cancel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cpu/common/parallel.h"

namespace adaseg {

class RowChanges {
public:
    explicit RowChanges(Range band) : band_(band), start_(band.end - band.begin + 1, 0) {}

    void add(int64_t row, int64_t col, int32_t value) {
        const int32_t at = static_cast<int32_t>(row - band_.begin);
        changes_.push_back({at, {static_cast<int32_t>(col), value}});
        ++start_[at];
    }

    // Calls body(row, first, last, label) for the runs of each row, from left to right; neighbours
    // may have the same label.
    template <class F> void for_each_run(int64_t width, F &&body) {
        group_by_row();
        for (int64_t row = band_.begin; row < band_.end; ++row) {
            Step *step = &sorted_[start_[row - band_.begin]],
                 *end = &sorted_[start_[row - band_.begin + 1]];
            sort(step, end);
            int64_t first = 0;
            int32_t label = 0;
            for (; step != end && step->col < width; ++step) {
                if (step->col > first)
                    body(row, first, static_cast<int64_t>(step->col), label);
                first = step->col;
                label += step->value;
            }
            body(row, first, width, label);
        }
    }

private:
    struct Step {
        int32_t col, value;
    };
    struct Change {
        int32_t row;
        Step step;
    };

    // A counting sort. Afterwards the steps of row k begin at start_[k].
    void group_by_row() {
        int64_t end = 0;
        for (int64_t &start : start_)
            start = end += start;
        sorted_.resize(changes_.size() + 1); // one more, so that &sorted_[size] is an element
        for (const Change &change : changes_)
            sorted_[--start_[change.row]] = change.step;
    }

    static void sort(Step *begin, Step *end) {
        if (end - begin > 64)
            return std::sort(begin, end, [](Step a, Step b) { return a.col < b.col; });
        for (Step *next = begin + 1; next < end; ++next) {
            const Step moved = *next;
            Step *to = next;
            for (; to != begin && to[-1].col > moved.col; --to)
                *to = to[-1];
            *to = moved;
        }
    }

    Range band_;
    std::vector<Change> changes_;
    std::vector<Step> sorted_;
    std::vector<int64_t> start_;
};

} // namespace adaseg
