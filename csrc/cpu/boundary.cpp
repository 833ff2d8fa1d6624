// SPDX-License-Identifier: Apache-2.0
// Semantic boundaries and, for a few points, the nearest of them: b(u) of eq. (2).
// A pixel is on a boundary if a 4-neighbour has another label and neither is ignored; with classes
// given, one of the two labels must be among them. Rows are looked at only when a search reaches
// them, and each row's boundary columns are kept, so that a search costs a look-up a row.
#include "core/nearest.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

#include <atomic>
#include <memory>
#include <mutex>

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

template <class T> struct LabelMap {
    const T *data;
    int64_t height, width, down, right;

    LabelMap(const View &labels, int64_t n)
        : data(labels.item<T>(n)), height(labels.shape[1]), width(labels.shape[2]),
          down(labels.strides[1]), right(labels.strides[2]) {}

    // Calls body(column) for each boundary pixel of a row, in order.
    template <class F> void boundary_of_row(int64_t row, const Counts &counts, F &&body) const {
        const T *here = data + row * down;
        const T *above = row > 0 ? here - down : here;
        const T *below = row + 1 < height ? here + down : here;
        for (int64_t col = 0; col < width; ++col) {
            const int64_t k = col * right;
            const int64_t before = col > 0 ? k - right : k, after = col + 1 < width ? k + right : k;
            const T label = here[k];
            if (label == above[k] && label == below[k] && label == here[before] &&
                label == here[after])
                continue;
            for (const T other : {above[k], below[k], here[before], here[after]})
                if (other != label &&
                    counts(static_cast<int64_t>(label), static_cast<int64_t>(other))) {
                    body(col);
                    break;
                }
        }
    }
};

// Boundary columns of each row, found when first asked for.
template <class T> class BoundaryRows {
  public:
    BoundaryRows(const LabelMap<T> &labels, const Counts &counts)
        : labels_(labels), counts_(counts), known_(new std::once_flag[labels.height]),
          columns_(labels.height) {}

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

template <class T>
Nearest search(BoundaryRows<T> &rows, int64_t height, int64_t row, int64_t col) {
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
        parallel_for(labels.shape[0] * height, height * width > 65536 ? threads : 1, [&](int64_t k) {
            uint8_t *row = out.as<uint8_t>() + k * width;
            std::fill(row, row + width, uint8_t{0});
            LabelMap<T>(labels, k / height).boundary_of_row(k % height, counts, [&](int64_t col) {
                row[col] = 1;
            });
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
            BoundaryRows<T> rows(map, counts);
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
