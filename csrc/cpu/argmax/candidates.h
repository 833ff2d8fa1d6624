// SPDX-License-Identifier: Apache-2.0
// The classes that may win somewhere in a triangle, and which of them wins along a row of it.
// Scores are affine in a triangle. So a class that another class, or a mean of classes, beats at
// all three corners wins nowhere. A plane is held relative to a corner, in double, so that thin
// triangles lose no precision. Where one of the classes left has scores that are not finite or
// close to the largest number, or the triangle is so thin that a plane would lose precision all the
// same, each pixel has weights of its own (core/blend.h).
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/barycentric.h"
#include "core/blend.h"
#include "cpu/argmax/vertex_scores.h"
#include "cpu/common/grid.h"

namespace adaseg {

// The classes left in a triangle, numbers ascending, and their scores as planes; PlaneArrays says
// more.
template <class R> struct Planes {
    int64_t count = 0;
    std::vector<int32_t> number;
    std::vector<double> base, by_row, by_col;
    std::vector<R> step, start;

    explicit Planes(int64_t classes) {
        const size_t padded = (classes + 15) / 16 * 16;
        number.resize(padded);
        for (auto *plane : {&base, &by_row, &by_col})
            plane->resize(padded);
        for (auto *plane : {&step, &start})
            plane->resize(padded);
    }

    PlaneArrays<R> arrays() {
        return {count,         number.data(), base.data(), by_row.data(),
                by_col.data(), step.data(),   start.data()};
    }
};

constexpr int64_t span_block = 64; // pixels that a loop labels at once
template <class L> using SpanLabels = L[span_block];

// Copies a few bytes, up to about 64, which is cheaper than a call of memcpy.
inline void copy_few(const uint8_t *from, int64_t bytes, uint8_t *to) {
    const auto ends = [&](auto word) {
        std::memcpy(&word, from, sizeof word);
        std::memcpy(to, &word, sizeof word);
        std::memcpy(&word, from + bytes - sizeof word, sizeof word);
        std::memcpy(to + bytes - sizeof word, &word, sizeof word);
    };
    for (; bytes > 16; bytes -= 16, from += 16, to += 16)
        std::memcpy(to, from, 16);
    if (bytes >= 8)
        return ends(uint64_t{});
    if (bytes >= 4)
        return ends(uint32_t{});
    for (int64_t k = 0; k < bytes; ++k)
        to[k] = from[k];
}

template <class T> class Candidates {
public:
    using R = typename Compute<T>::type;

    explicit Candidates(const VertexScores<T> &scores)
        : scores_(scores), vertex_(scores), planes_(scores.classes()) {}

    // Scores of all classes at a vertex.
    const R *scores_at(int64_t vertex) { return vertex_(vertex); }

    // Chooses the classes of a triangle of non-zero area.
    void choose(const Corners &corners, const Grid &grid) {
        grid.read_points(corners, p_);
        bits_ = grid.lattice.bits;
        for (int k = 0; k < 3; ++k)
            at_[k] = vertex_(corners.v[k]);
        Lead<R> leads[4];
        for (int w = 0; w < 3; ++w)
            for (int k = 0; k < 3; ++k)
                leads[w].at[k] = at_[k][scores_.best(corners.v[w])];
        const bool moderate =
            is_moderate(leads[0]) && is_moderate(leads[1]) && is_moderate(leads[2]);
        for (int k = 0; k < 3; ++k)
            leads[3].at[k] = moderate ? (leads[0].at[k] + leads[1].at[k] + leads[2].at[k]) / R(3)
                                      : leads[0].at[k];
        planes_.count =
            loops().in<R>().find_unbeaten(at_, leads, scores_.classes(), planes_.number.data());
        if (planes_.count == 0) // rounding has put the mean of equal leads above them
            planes_.number[planes_.count++] = scores_.best(corners.v[0]);
        const bool tiny = is_tiny(leads[0]) && is_tiny(leads[1]) && is_tiny(leads[2]);
        careful_ = !moderate || tiny || !make_planes();
        if (planes_.count == 2 && !careful_)
            divide();
    }

    // Whether only these two classes may win, on the two sides of a line that crosses every row at
    // one place, which `line` gives to within 1e-6 pixels.
    bool parted(int32_t a, int32_t b) const {
        return planes_.count == 2 && !careful_ && sharp_ && planes_.number[0] == std::min(a, b) &&
               planes_.number[1] == std::max(a, b);
    }
    int32_t left() const { return planes_.number[left_]; }
    int32_t right() const { return planes_.number[!left_]; }

    // With two classes: the first pixel of [first, last) where the right one wins, `last` if there
    // is none. On a pixel of the line, a tie, the lower class wins.
    int64_t first_right(int64_t row, int64_t first, int64_t last) const {
        const double at = line(row);
        if (level_)
            return at > 0.0 ? last : first;
        const double low = static_cast<double>(first) - 1.0, high = static_cast<double>(last);
        const double inside = at > low ? (at < high ? at : high) : low;
        const int64_t down = static_cast<int64_t>(inside + 1.0) - 1; // rounds down: inside >= -1
        const int64_t cut = left_ ? down + (static_cast<double>(down) < inside) : down + 1;
        return std::min(std::max(cut, first), last);
    }

    // With two parted classes: the column of the line on a row.
    double line(int64_t row) const {
        return divide_col_ + (static_cast<double>(row) - origin_row_) * divide_by_row_;
    }

    // Calls body(first, label) where each run of the pixels [first, last) of a row begins;
    // neighbouring runs may have the same label.
    template <class F> void for_each_run(int64_t row, int64_t first, int64_t last, F &&body) {
        if (planes_.count == 2 && !careful_) {
            const int64_t cut = first_right(row, first, last);
            if (first < cut)
                body(first, left());
            if (cut < last)
                body(cut, right());
            return;
        }
        int32_t labels[span_block];
        for (; first < last; first += span_block) {
            const int64_t count = label(row, first, last, labels);
            body(first, labels[0]);
            for (int64_t k = 1; k < count; ++k)
                if (labels[k] != labels[k - 1])
                    body(first + k, labels[k]);
        }
    }

    // Writes the labels of the pixels [first, last) of a row.
    template <class L> void fill(int64_t row, int64_t first, int64_t last, L *labels) {
        if (planes_.count == 2 && !careful_) {
            const int64_t cut = first_right(row, first, last);
            std::fill(labels + first, labels + cut, static_cast<L>(left()));
            std::fill(labels + cut, labels + last, static_cast<L>(right()));
            return;
        }
        L block[span_block];
        for (; first < last; first += span_block) {
            const int64_t count = label(row, first, last, block);
            copy_few(reinterpret_cast<const uint8_t *>(block), count * sizeof(L),
                     reinterpret_cast<uint8_t *>(labels + first));
        }
    }

private:
    // Up to this size numbers can be added and subtracted without overflow. False for NaN.
    static bool is_moderate(double x) { return std::abs(x) <= std::numeric_limits<R>::max() / 4; }
    static bool is_moderate(const Lead<R> &lead) {
        return is_moderate(lead.at[0]) && is_moderate(lead.at[1]) && is_moderate(lead.at[2]);
    }
    // Differences of such scores may be denormal, which have lost digits.
    static bool is_tiny(const Lead<R> &lead) {
        constexpr double limit = std::numeric_limits<R>::min() * (1 << 24);
        return std::abs(lead.at[0]) < limit && std::abs(lead.at[1]) < limit &&
               std::abs(lead.at[2]) < limit;
    }

    // Returns whether all planes hold moderate numbers and are as precise as they must be.
    bool make_planes() {
        const WeightGradients g = weight_gradients(p_, bits_);
        const double pixel = 1.0 / static_cast<double>(int64_t{1} << bits_);
        origin_row_ = p_[0].row * pixel;
        origin_col_ = p_[0].col * pixel;
        double steepest = 1.0, reach = 1.0; // of a corner's weight; pixels from the first corner
        for (int k = 1; k < 3; ++k) {
            steepest = std::max({steepest, std::abs(g.row[k]), std::abs(g.col[k])});
            reach += std::abs(p_[k].row * pixel - origin_row_) +
                     std::abs(p_[k].col * pixel - origin_col_);
        }
        turn_ = steepest * reach;
        const double limit = std::numeric_limits<R>::max() / 4;
        return loops().in<R>().find_planes(at_, g, limit, planes_.arrays()) && turn_ < 1e8;
    }

    // Finds the line between two classes: on each row the class of the higher number wins where an
    // affine function of the column is positive. The line's column is affine in the row.
    void divide() {
        const double base = planes_.base[1] - planes_.base[0];
        const double by_row = planes_.by_row[1] - planes_.by_row[0];
        const double by_col = planes_.by_col[1] - planes_.by_col[0];
        const double col = origin_col_ - base / by_col, per_row = -by_row / by_col;
        // Then one class wins on all of a row.
        level_ = by_col == 0.0 || !std::isfinite(col) || !std::isfinite(per_row);
        left_ = level_ || !(by_col > 0.0);
        divide_col_ = level_ ? base : col;
        divide_by_row_ = level_ ? by_row : per_row;
        sharp_ = !level_ && std::abs(divide_by_row_) <= 1e6 && error_of_line(by_col) < 1e-6;
    }

    // A bound of the rounding error of the line's column on the triangle's rows. In thin triangles
    // the slopes are small differences of large numbers.
    double error_of_line(double by_col) const {
        double largest = 0.0;
        for (int k = 0; k < 3; ++k)
            for (int64_t c = 0; c < 2; ++c)
                largest =
                    std::max(largest, std::abs(static_cast<double>(at_[k][planes_.number[c]])));
        return 32.0 * std::numeric_limits<double>::epsilon() *
               (largest * turn_ * (1.0 + std::abs(divide_by_row_)) / std::abs(by_col) +
                std::abs(divide_col_));
    }

    // Labels the first pixels of [first, last), as many as a block holds; returns their number.
    template <class L>
    int64_t label(int64_t row, int64_t first, int64_t last, SpanLabels<L> &labels) {
        const int64_t count = std::min(last - first, span_block);
        if (careful_) {
            for (int64_t k = 0; k < count; ++k)
                labels[k] = static_cast<L>(label_carefully(row, first + k));
            return count;
        }
        const double dr = static_cast<double>(row) - origin_row_,
                     dc = static_cast<double>(first) - origin_col_;
        if constexpr (sizeof(L) == 1)
            loops().in<R>().label_bytes(planes_.arrays(), dr, dc, count, labels);
        else
            loops().in<R>().label_words(planes_.arrays(), dr, dc, count, labels);
        return count;
    }

    int32_t label_carefully(int64_t row, int64_t col) const {
        const Weights weights = weights_at(p_, row, col, bits_);
        double most = 0.0;
        int32_t found = 0;
        for (int64_t k = 0; k < planes_.count; ++k) {
            const int32_t c = planes_.number[k];
            const double scores[3] = {at_[0][c], at_[1][c], at_[2][c]};
            const double value = blend(scores, weights.at);
            if (k == 0 || beats(value, most)) {
                most = value;
                found = c;
            }
        }
        return found;
    }

    const VertexScores<T> &scores_;
    VertexCache<T> vertex_;
    Planes<R> planes_;
    // Of the triangle: its corners, the scores there, and how far planes magnify rounding errors.
    Point p_[3] = {};
    const R *at_[3] = {};
    int bits_ = 0;
    double turn_ = 0, origin_row_ = 0, origin_col_ = 0, divide_col_ = 0, divide_by_row_ = 0;
    int left_ = 0; // of two classes, which one wins to the left of the line
    bool level_ = false, sharp_ = false, careful_ = false;
};

} // namespace adaseg
