// SPDX-License-Identifier: Apache-2.0
// The classes that may win somewhere in a triangle, and who wins along a row of it.
// Scores are affine in a triangle: a class beaten at all three corners by one other class is out,
// and the winning value along a row is convex, so a class that wins at both ends of a range wins
// between. A plane is held relative to a corner, in double, so that thin triangles lose no
// precision.
#pragma once

#include <cmath>
#include <vector>

#include "core/barycentric.h"
#include "core/cell.h"
#include "cpu/vertex_scores.h"

namespace adaseg {

// Labels of `count` pixels, at most `label_block`, on which class k scores start[k] + pixel *
// change[k]; numbers ascend. `labels` has room for a whole block.
constexpr int64_t label_block = 64;
void label_lines(const float *start, const float *change, const int32_t *number, int64_t classes,
                 int64_t count, int32_t *labels);
void label_lines(const double *start, const double *change, const int32_t *number, int64_t classes,
                 int64_t count, int32_t *labels);
// keep[c] = no one of three classes beats c at all three corners (at[k][c] < lead[k][w] for each
// k).
void find_unbeaten(const float *const (&at)[3], const float (&lead)[3][3], int64_t classes,
                   uint8_t *keep);
void find_unbeaten(const double *const (&at)[3], const double (&lead)[3][3], int64_t classes,
                   uint8_t *keep);

template <class T> class Candidates {
public:
    using R = typename Compute<T>::type;

    explicit Candidates(const VertexScores<T> &scores)
        : scores_(scores), corner_(3 * scores.classes()), keep_(scores.classes()) {}

    // Chooses the classes of a triangle of non-zero area.
    void choose(const Corners &corners, const Point (&p)[3], int bits) {
        const int64_t classes = scores_.classes();
        const R *at[3];
        R lead[3][3];
        for (int k = 0; k < 3; ++k) {
            scores_.read_vertex(corners.v[k], &corner_[k * classes]);
            at[k] = &corner_[k * classes];
        }
        for (int k = 0; k < 3; ++k)
            for (int w = 0; w < 3; ++w)
                lead[k][w] = at[k][scores_.best(corners.v[w])];
        find_unbeaten(at, lead, classes, keep_.data());
        number_.clear();
        for (int32_t c = 0; c < classes; ++c)
            if (keep_[c])
                number_.push_back(c);
        const size_t count = number_.size();
        for (auto *plane : {&base_, &by_row_, &by_col_})
            plane->resize(count);
        start_.resize(count);
        change_.resize(count);
        const WeightGradients g = weight_gradients(p, bits);
        const double pixel = 1.0 / static_cast<double>(int64_t{1} << bits);
        origin_row_ = p[0].row * pixel;
        origin_col_ = p[0].col * pixel;
        for (size_t k = 0; k < count; ++k) {
            const double s = at[0][number_[k]];
            const double d1 = at[1][number_[k]] - s, d2 = at[2][number_[k]] - s;
            base_[k] = s;
            by_row_[k] = d1 * g.row[1] + d2 * g.row[2];
            by_col_[k] = d1 * g.col[1] + d2 * g.col[2];
        }
    }

    // Labels of the pixels [first, last) of a row.
    template <class L> void fill(int64_t row, int64_t first, int64_t last, L *labels) {
        const double dr = static_cast<double>(row) - origin_row_;
        const double dc = static_cast<double>(first) - origin_col_;
        if (number_.size() == 2)
            return fill_two(dr, dc, last - first, labels + first);
        for (size_t k = 0; k < number_.size(); ++k) {
            start_[k] = static_cast<R>(base_[k] + dr * by_row_[k] + dc * by_col_[k]);
            change_[k] = static_cast<R>(by_col_[k]);
        }
        labels += first;
        for (int64_t left = last - first; left > 0;) {
            const int64_t count = std::min(left, label_block);
            fill_block(count, labels);
            labels += count;
            left -= count;
            for (size_t k = 0; left > 0 && k < number_.size(); ++k)
                start_[k] += static_cast<R>(count) * change_[k];
        }
    }

private:
    // The upper class wins where a line is positive: one division finds where that changes.
    template <class L> void fill_two(double dr, double dc, int64_t count, L *labels) const {
        const double change = by_col_[1] - by_col_[0];
        const double start = (base_[1] - base_[0]) + dr * (by_row_[1] - by_row_[0]) + dc * change;
        const double span = static_cast<double>(count);
        double turn = start > 0.0 ? span : 0.0; // pixels before it differ from those after
        bool upper_first = true;
        if (change != 0.0) {
            const double zero = -start / change;
            const double inside = zero > 0.0 ? (zero < span ? zero : span) : 0.0;
            // Zero itself, a tie, is the lower class's.
            turn = change < 0.0 ? std::ceil(inside) : std::floor(inside) + (zero >= 0.0);
            upper_first = change < 0.0;
        }
        const int64_t cut = std::min(count, static_cast<int64_t>(turn));
        const L before = static_cast<L>(number_[upper_first]),
                after = static_cast<L>(number_[!upper_first]);
        std::fill(labels, labels + cut, before);
        std::fill(labels + cut, labels + count, after);
    }

    template <class L> void fill_block(int64_t count, L *labels) const {
        int32_t winner[label_block];
        if (count > 16) {
            label_lines(start_.data(), change_.data(), number_.data(), number_.size(), 1, winner);
            const int32_t first = winner[0];
            std::vector<R> &end = end_;
            end.resize(start_.size());
            for (size_t k = 0; k < start_.size(); ++k)
                end[k] = start_[k] + static_cast<R>(count - 1) * change_[k];
            label_lines(end.data(), change_.data(), number_.data(), number_.size(), 1, winner);
            if (winner[0] == first) {
                std::fill(labels, labels + count, static_cast<L>(first));
                return;
            }
        }
        label_lines(start_.data(), change_.data(), number_.data(), number_.size(), count, winner);
        for (int64_t k = 0; k < count; ++k)
            labels[k] = static_cast<L>(winner[k]);
    }

    const VertexScores<T> &scores_;
    std::vector<R> corner_, start_, change_;
    mutable std::vector<R> end_;
    std::vector<double> base_, by_row_, by_col_;
    std::vector<int32_t> number_;
    std::vector<uint8_t> keep_;
    double origin_row_ = 0, origin_col_ = 0;
};

} // namespace adaseg
