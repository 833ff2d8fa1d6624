// SPDX-License-Identifier: Apache-2.0
// Semantic boundaries and, for a few points, the nearest of them: b(u) of eq. (2).
// A pixel is on a boundary if a 4-neighbour has another label and neither is ignored; with classes
// given, one of the two labels must be among them. Rows are looked at only when a search reaches
// them, and of each row the boundary pixel nearest to every column of points is kept, so that a
// search costs a look-up a row.
#include "core/nearest.h"
#include "cpu/clones.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <type_traits>

namespace adaseg {

namespace {

// Tells whether a boundary between two labels counts.
class Counts {
public:
    explicit Counts(const Boundaries &which)
        : ignore_(which.ignore_index), all_(!which.classes.has_value()) {
        if (all_)
            return;
        chosen_ = *which.classes;
        std::sort(chosen_.begin(), chosen_.end());
        for (const int64_t label : chosen_)
            if (label >= 0 && label < 256)
                table_[label] = true;
    }

    template <class T> bool operator()(T a, T b) const {
        return !ignored(a) && !ignored(b) && (all_ || chosen(a) || chosen(b));
    }

private:
    // Classes are signed: a label beyond their range is none of them.
    template <class T> static bool is_class(T label) {
        return !std::is_same_v<T, uint64_t> || static_cast<int64_t>(label) >= 0;
    }
    template <class T> bool ignored(T label) const {
        return static_cast<int64_t>(label) == ignore_ && is_class(label);
    }
    template <class T> bool chosen(T value) const {
        if (!is_class(value))
            return false;
        const int64_t label = static_cast<int64_t>(value);
        if (label >= 0 && label < 256)
            return table_[label];
        return std::binary_search(chosen_.begin(), chosen_.end(), label);
    }

    int64_t ignore_;
    bool all_;
    std::vector<int64_t> chosen_;
    bool table_[256] = {};
};

// flag[col] = whether a label differs from one of its 4 neighbours; rows beyond the image repeat
// its border, and columns beyond it are not looked at.
template <class T>
inline void mark(const T *here, const T *above, const T *below, int64_t width, uint8_t *flag) {
    for (int64_t col = 0; col < width; ++col)
        flag[col] = (here[col] != above[col]) | (here[col] != below[col]);
    for (int64_t col = 0; col + 1 < width; ++col)
        flag[col] |= here[col] != here[col + 1];
    for (int64_t col = 1; col < width; ++col)
        flag[col] |= here[col] != here[col - 1];
}

ADASEG_CLONES void mark_changes(const uint8_t *here, const uint8_t *above, const uint8_t *below,
                                int64_t width, uint8_t *flag) {
    mark(here, above, below, width, flag);
}
ADASEG_CLONES void mark_changes(const uint16_t *here, const uint16_t *above, const uint16_t *below,
                                int64_t width, uint8_t *flag) {
    mark(here, above, below, width, flag);
}
ADASEG_CLONES void mark_changes(const uint32_t *here, const uint32_t *above, const uint32_t *below,
                                int64_t width, uint8_t *flag) {
    mark(here, above, below, width, flag);
}
ADASEG_CLONES void mark_changes(const uint64_t *here, const uint64_t *above, const uint64_t *below,
                                int64_t width, uint8_t *flag) {
    mark(here, above, below, width, flag);
}

// Room for one row at a time.
template <class T> struct Scratch {
    std::vector<T> rows[3];
    std::vector<uint8_t> flag;
    std::vector<int32_t> columns;
};

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
        using Bits = std::make_unsigned_t<T>;
        const T *above = read_row(std::max<int64_t>(row - 1, 0), scratch.rows[0]);
        const T *here = read_row(row, scratch.rows[1]);
        const T *below = read_row(std::min(row + 1, height_ - 1), scratch.rows[2]);
        scratch.flag.resize((width_ + 63) / 64 * 64); // what lies beyond the row stays 0
        uint8_t *flag = scratch.flag.data();
        mark_changes(reinterpret_cast<const Bits *>(here), reinterpret_cast<const Bits *>(above),
                     reinterpret_cast<const Bits *>(below), width_, flag);
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
    // A row whose labels lie side by side; `buffer` holds it where they do not.
    const T *read_row(int64_t row, std::vector<T> &buffer) const {
        const T *from = data_ + row * down_;
        if (right_ == 1)
            return from;
        buffer.resize(width_);
        for (int64_t col = 0; col < width_; ++col)
            buffer[col] = from[col * right_];
        return buffer.data();
    }

    bool counted(const Counts &counts, const T *above, const T *here, const T *below,
                 int64_t col) const {
        const T label = here[col], before = here[std::max<int64_t>(col - 1, 0)],
                after = here[std::min(col + 1, width_ - 1)];
        for (const T other : {above[col], below[col], before, after})
            if (other != label && counts(label, other))
                return true;
        return false;
    }

    const T *data_;
    int64_t height_, width_, down_, right_;
};

// For some columns, the nearest boundary pixel of each row, found when first asked for.
template <class T> class NearestInRows {
public:
    NearestInRows(const LabelMap<T> &labels, const Counts &counts, std::vector<int32_t> columns)
        : labels_(labels), counts_(counts), columns_(std::move(columns)), height_(labels.height()),
          known_(new std::atomic<bool>[height_]()),
          nearest_(new std::atomic<int32_t>[height_ * columns_.size()]) {}

    // Column of the boundary pixel of `row` that is nearest to the j-th column, the left one of
    // two; -1 if the row has none.
    int64_t find(int64_t row, int64_t j, Scratch<T> &scratch) {
        if (!known_[row].load(std::memory_order_acquire))
            fill(row, scratch);
        return nearest_[j * height_ + row].load(std::memory_order_relaxed);
    }

private:
    // Two threads may do the same row at a time: they write the same.
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

// The boundary pixel nearest to (row, j-th column, which is `col`); the uppermost, then leftmost of
// equal ones.
template <class T>
Nearest search(NearestInRows<T> &rows, int64_t height, int64_t row, int64_t j, int64_t col,
               Scratch<T> &scratch) {
    Nearest nearest;
    int64_t least = INT64_MAX; // squared distance
    const auto distance = [&](int64_t away, int64_t found) {
        return found < 0 ? INT64_MAX : away * away + (found - col) * (found - col);
    };
    for (int64_t away = 0; away < height && away * away <= least; ++away) {
        if (row - away >= 0) { // above all rows before it: wins a tie
            const int64_t found = rows.find(row - away, j, scratch);
            const int64_t at = distance(away, found);
            if (found >= 0 && at <= least) {
                least = at;
                nearest = {row - away, found};
            }
        }
        if (away > 0 && row + away < height) { // below them: loses it
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

void boundary_mask(const View &labels, const View &out, const Boundaries &which, int threads) {
    const Counts counts(which);
    with_integer_type(labels.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        const int64_t height = labels.shape[1], width = labels.shape[2];
        const int64_t bands = (height + 63) / 64;
        parallel_for(labels.shape[0] * bands, height * width > 65536 ? threads : 1, [&](int64_t k) {
            const LabelMap<T> map(labels, k / bands);
            const Range band = piece(height, bands, k % bands);
            Scratch<T> scratch;
            for (int64_t row = band.begin; row < band.end; ++row) {
                uint8_t *to = out.as<uint8_t>() + (k / bands * height + row) * width;
                std::fill(to, to + width, uint8_t{0});
                map.boundary_of_row(row, counts, scratch, [&](int64_t col) { to[col] = 1; });
            }
        });
    });
}

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
