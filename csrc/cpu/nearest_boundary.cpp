// SPDX-License-Identifier: Apache-2.0
// For each point of a uniform grid the nearest pixel on a semantic boundary: b(u) of eq. (2).
// Rows are looked at only when a search reaches them. Of each row the boundary pixel nearest to
// every column of points is kept, so that a search costs one look-up per row.
#include <atomic>
#include <memory>

#include "core/nearest.h"
#include "cpu/common/label_map.h"
#include "cpu/common/parallel.h"
#include "cpu/kernels.h"

namespace adaseg {

namespace {

// For some columns, the nearest boundary pixel of each row. A row is looked at when it is first
// asked for.
template <class T> class NearestInRows {
public:
    NearestInRows(const LabelMap<T> &labels, const Counts &counts, std::vector<int32_t> columns)
        : labels_(labels), counts_(counts), columns_(std::move(columns)), height_(labels.height()),
          known_(new std::atomic<bool>[height_]()),
          nearest_(new std::atomic<int32_t>[height_ * columns_.size()]) {}

    // Column of the boundary pixel of `row` that is nearest to the j-th column; the left one on a
    // tie, -1 if the row has none.
    int64_t find(int64_t row, int64_t j, Scratch<T> &scratch) {
        if (!known_[row].load(std::memory_order_acquire))
            fill(row, scratch);
        return nearest_[j * height_ + row].load(std::memory_order_relaxed);
    }

private:
    // Two threads may fill the same row at the same time: they write the same values.
    void fill(int64_t row, Scratch<T> &scratch) {
        std::vector<int32_t> &found = scratch.columns;
        found.clear();
        labels_.boundary_of_row(row, counts_, scratch,
                                [&](int64_t col) { found.push_back(static_cast<int32_t>(col)); });
        auto right = found.begin();
        for (size_t j = 0; j < columns_.size(); ++j) {
            const int32_t col = columns_[j]; // ascending
            right = std::lower_bound(right, found.end(), col);
            int32_t nearest = right != found.end() ? *right : -1;
            if (right != found.begin() && (nearest < 0 || col - right[-1] <= nearest - col))
                nearest = right[-1];
            nearest_[j * height_ + row].store(nearest, std::memory_order_relaxed);
        }
        known_[row].store(true, std::memory_order_release);
    }

    const LabelMap<T> &labels_;
    const Counts &counts_;
    std::vector<int32_t> columns_;
    int64_t height_;
    std::unique_ptr<std::atomic<bool>[]> known_;
    std::unique_ptr<std::atomic<int32_t>[]> nearest_;
};

struct Nearest {
    int64_t row = -1, col = -1;
};

// The boundary pixel nearest to a row and the j-th column, which is `col`; on a tie the uppermost,
// then the leftmost.
template <class T>
Nearest search(NearestInRows<T> &rows, int64_t height, int64_t row, int64_t j, int64_t col,
               Scratch<T> &scratch) {
    Nearest nearest;
    int64_t least = INT64_MAX; // squared distance
    const auto distance = [&](int64_t away, int64_t found) {
        return found < 0 ? INT64_MAX : away * away + (found - col) * (found - col);
    };
    for (int64_t away = 0; away < height && away * away <= least; ++away) {
        if (row - away >= 0) { // it lies above all rows seen so far: wins a tie
            const int64_t found = rows.find(row - away, j, scratch);
            const int64_t at = distance(away, found);
            if (found >= 0 && at <= least) {
                least = at;
                nearest = {row - away, found};
            }
        }
        if (away > 0 && row + away < height) { // it lies below them: loses a tie
            const int64_t found = rows.find(row + away, j, scratch);
            const int64_t at = distance(away, found);
            if (at < least) {
                least = at;
                nearest = {row + away, found};
            }
        }
    }
    return nearest;
}

} // namespace

void nearest_boundary(const View &labels, const View &out, const Boundaries &which, int threads) {
    const Counts counts(which);
    const int64_t height = labels.shape[1], width = labels.shape[2];
    const int64_t h = out.shape[2], w = out.shape[3];
    std::vector<int32_t> columns(w);
    for (int64_t j = 0; j < w; ++j)
        columns[j] = static_cast<int32_t>(even_pixel(j, w, width));
    with_integer_type(labels.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        for (int64_t n = 0; n < labels.shape[0]; ++n) {
            const LabelMap<T> map(labels, n);
            NearestInRows<T> rows(map, counts, columns);
            float *row_plane = out.as<float>() + n * 2 * h * w, *col_plane = row_plane + h * w;
            parallel_for(h, threads, [&](int64_t i) {
                Scratch<T> scratch;
                for (int64_t j = 0; j < w; ++j) {
                    const Nearest found =
                        search(rows, height, even_pixel(i, h, height), j, columns[j], scratch);
                    const bool any = found.row >= 0;
                    row_plane[i * w + j] = static_cast<float>(
                        any ? relative_coordinate(found.row, height) : relative_coordinate(i, h));
                    col_plane[i * w + j] = static_cast<float>(
                        any ? relative_coordinate(found.col, width) : relative_coordinate(j, w));
                }
            });
        }
    });
}

} // namespace adaseg
