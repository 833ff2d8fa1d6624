// SPDX-License-Identifier: Apache-2.0
// Semantic boundaries and, for a few points, the nearest of them: b(u) of eq. (2).
// A pixel is on a boundary if a 4-neighbour has another label and neither is ignored; with classes
// given, one of the two labels must be among them. Rows are looked at only when a search reaches
// them, and each row's boundary columns are kept, so that a search costs a look-up a row.
#include "core/nearest.h"
#include "cpu/clones.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

#include <cstring>
#include <memory>
#include <mutex>
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

    bool operator()(int64_t a, int64_t b) const {
        return a != ignore_ && b != ignore_ && (all_ || chosen(a) || chosen(b));
    }

private:
    bool chosen(int64_t label) const {
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

template <class T> class LabelMap {
public:
    LabelMap(const View &labels, int64_t n)
        : data_(labels.item<T>(n)), height_(labels.shape[1]), width_(labels.shape[2]),
          down_(labels.strides[1]), right_(labels.strides[2]) {}

    // Calls body(column) for each boundary pixel of a row, in order.
    template <class F> void boundary_of_row(int64_t row, const Counts &counts, F &&body) const {
        using Bits = std::make_unsigned_t<T>;
        std::vector<T> rows[3];
        const T *above = read_row(std::max<int64_t>(row - 1, 0), rows[0]);
        const T *here = read_row(row, rows[1]);
        const T *below = read_row(std::min(row + 1, height_ - 1), rows[2]);
        std::vector<uint8_t> flag((width_ + 7) / 8 * 8);
        mark_changes(reinterpret_cast<const Bits *>(here), reinterpret_cast<const Bits *>(above),
                     reinterpret_cast<const Bits *>(below), width_, flag.data());
        for (int64_t from = 0; from < width_; from += 8) {
            uint64_t word;
            std::memcpy(&word, &flag[from], 8);
            for (int64_t col = from; word != 0 && col < std::min(from + 8, width_); ++col) {
                const T before = here[std::max<int64_t>(col - 1, 0)];
                const T after = here[std::min(col + 1, width_ - 1)];
                if (flag[col] && counted(counts, here[col], above[col], below[col], before, after))
                    body(col);
            }
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

    static bool counted(const Counts &counts, T label, T above, T below, T before, T after) {
        for (const T other : {above, below, before, after})
            if (other != label && counts(static_cast<int64_t>(label), static_cast<int64_t>(other)))
                return true;
        return false;
    }

    const T *data_;
    int64_t height_, width_, down_, right_;
};

// Boundary columns of each row, found when first asked for.
template <class T> class BoundaryRows {
public:
    BoundaryRows(const LabelMap<T> &labels, int64_t height, const Counts &counts)
        : labels_(labels), counts_(counts), known_(new std::once_flag[height]), columns_(height) {}

    const std::vector<int32_t> &operator[](int64_t row) {
        std::call_once(known_[row], [&] {
            labels_.boundary_of_row(row, counts_, [&](int64_t col) {
                columns_[row].push_back(static_cast<int32_t>(col));
            });
        });
        return columns_[row];
    }

private:
    const LabelMap<T> &labels_;
    const Counts &counts_;
    std::unique_ptr<std::once_flag[]> known_;
    std::vector<std::vector<int32_t>> columns_;
};

struct Nearest {
    int64_t distance = INT64_MAX, row = -1, col = -1; // squared, in pixels

    void consider(int64_t row_, int64_t col_, int64_t distance_) {
        if (distance_ < distance ||
            (distance_ == distance && (row_ < row || (row_ == row && col_ < col))))
            *this = {distance_, row_, col_};
    }
};

template <class T> Nearest search(BoundaryRows<T> &rows, int64_t height, int64_t row, int64_t col) {
    Nearest nearest;
    const auto look_at = [&](int64_t at) {
        const std::vector<int32_t> &columns = rows[at];
        const auto right = std::lower_bound(columns.begin(), columns.end(), col);
        const int64_t dr = at - row;
        if (right != columns.begin())
            nearest.consider(at, right[-1], dr * dr + (col - right[-1]) * (col - right[-1]));
        if (right != columns.end())
            nearest.consider(at, *right, dr * dr + (*right - col) * (*right - col));
    };
    for (int64_t away = 0; away < height && away * away <= nearest.distance; ++away) {
        if (row - away >= 0)
            look_at(row - away);
        if (away > 0 && row + away < height)
            look_at(row + away);
    }
    return nearest;
}

} // namespace

void boundary_mask(const View &labels, const View &out, const Boundaries &which, int threads) {
    const Counts counts(which);
    with_integer_type(labels.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        const int64_t height = labels.shape[1], width = labels.shape[2];
        parallel_for(
            labels.shape[0] * height, height * width > 65536 ? threads : 1, [&](int64_t k) {
                uint8_t *row = out.as<uint8_t>() + k * width;
                std::fill(row, row + width, uint8_t{0});
                LabelMap<T>(labels, k / height)
                    .boundary_of_row(k % height, counts, [&](int64_t col) { row[col] = 1; });
            });
    });
}

void nearest_boundary(const View &labels, const View &out, const Boundaries &which, int threads) {
    const Counts counts(which);
    const int64_t height = labels.shape[1], width = labels.shape[2];
    const int64_t h = out.shape[2], w = out.shape[3];
    with_integer_type(labels.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        for (int64_t n = 0; n < labels.shape[0]; ++n) {
            const LabelMap<T> map(labels, n);
            BoundaryRows<T> rows(map, height, counts);
            float *row_plane = out.as<float>() + n * 2 * h * w, *col_plane = row_plane + h * w;
            parallel_for(h * w, threads, [&](int64_t p) {
                const int64_t i = p / w, j = p % w;
                const Nearest found =
                    search(rows, height, even_pixel(i, h, height), even_pixel(j, w, width));
                const bool any = found.row >= 0;
                row_plane[p] = static_cast<float>(any ? relative_coordinate(found.row, height)
                                                      : relative_coordinate(i, h));
                col_plane[p] = static_cast<float>(any ? relative_coordinate(found.col, width)
                                                      : relative_coordinate(j, w));
            });
        }
    });
}

} // namespace adaseg
