// SPDX-License-Identifier: Apache-2.0
// Labels at every pixel straight from the scores at the grid's vertices; no score tensor at full
// size. A class that wins at all three corners of a triangle wins everywhere in it, so only
// triangles whose corners differ are scanned. They bound regions of one label, which are filled as
// runs: on every row an edge between such a region and a scanned triangle adds the region's label
// (plus one) where the region begins and takes it away where it ends, and the running sum is the
// label. The order of coinciding edges does not matter to a sum, and edges between two scanned
// triangles cancel. Folded grids, where a pixel may have several triangles, are painted triangle by
// triangle instead.
#include "cpu/candidates.h"
#include "cpu/grid.h"
#include "cpu/kernels.h"

namespace adaseg {

namespace {

struct Change {
    int32_t col, value; // label + 1, negative where its region ends
};

// Changes of the rows of a band, appended in any order.
class RowChanges {
public:
    RowChanges(Range band, int64_t expected) : band_(band), rows_(band.end - band.begin) {
        for (auto &row : rows_)
            row.reserve(expected);
    }

    void add(int64_t row, int64_t col, int32_t value) {
        rows_[row - band_.begin].push_back({static_cast<int32_t>(col), value});
    }

    // Calls body(first, last, label) for each run of a row.
    template <class F> void runs(int64_t row, int64_t width, F &&body) {
        std::vector<Change> &changes = rows_[row - band_.begin];
        if (changes.size() > 32)
            std::sort(changes.begin(), changes.end(),
                      [](Change a, Change b) { return a.col < b.col; });
        else
            for (size_t k = 1; k < changes.size(); ++k) {
                const Change moved = changes[k];
                size_t to = k;
                for (; to > 0 && changes[to - 1].col > moved.col; --to)
                    changes[to] = changes[to - 1];
                changes[to] = moved;
            }
        int32_t sum = 0;
        for (size_t k = 0; k < changes.size(); ++k) {
            sum += changes[k].value;
            const int64_t first = changes[k].col;
            // Clipped: an image one pixel wide has edges two pixels to the right.
            const int64_t last =
                std::min<int64_t>(width, k + 1 < changes.size() ? changes[k + 1].col : width);
            if (sum > 0 && first < last)
                body(first, last, sum - 1);
        }
    }

private:
    Range band_;
    std::vector<std::vector<Change>> rows_;
};

// What an edge adds: its label plus one where both its ends have the same best class, else nothing.
template <class T> int32_t edge_label(const VertexScores<T> &scores, int64_t a, int64_t b) {
    return scores.best(a) == scores.best(b) ? scores.best(a) + 1 : 0;
}

template <class T, class L>
void label_triangle(const Grid &grid, const VertexScores<T> &scores, const Corners &corners,
                    Range band, Candidates<T> &candidates, RowChanges &changes, L *out) {
    const Ordered o = order_corners(grid, corners);
    const Point p[3] = {grid.points[corners.v[0]], grid.points[corners.v[1]],
                        grid.points[corners.v[2]]};
    const int32_t across = edge_label(scores, o.v[0], o.v[2]);
    const int32_t side[2] = {edge_label(scores, o.v[0], o.v[1]),
                             edge_label(scores, o.v[1], o.v[2])};
    bool chosen = false;
    walk_triangle(grid.lattice, o, band, [&](int64_t row, int64_t left, int64_t right, int half) {
        const int32_t at_left = o.middle_right ? across : side[half];
        const int32_t at_right = o.middle_right ? side[half] : across;
        if (at_left)
            changes.add(row, left, -at_left);
        if (at_right)
            changes.add(row, right, at_right);
        const int64_t last = std::min(right, grid.lattice.width);
        if (left >= last)
            return;
        if (!chosen)
            candidates.choose(corners, p, grid.lattice.bits);
        chosen = true;
        candidates.fill(row, left, last, out + row * grid.lattice.width);
    });
}

// The regions that begin at the left border of the image.
template <class T>
void add_left_border(const Grid &grid, const VertexScores<T> &scores, Range band,
                     RowChanges &changes) {
    for (int64_t i = 0; i + 1 < grid.rows; ++i) {
        const int64_t a = i * grid.cols, d = a + grid.cols;
        const int32_t label = edge_label(scores, a, d);
        if (label == 0)
            continue;
        // Borders that run back and forth (rows need not ascend) end what they began.
        const int64_t from = first_row(grid.points[a].row, grid.lattice);
        const int64_t to = first_row(grid.points[d].row, grid.lattice);
        const int32_t value = from <= to ? label : -label;
        for (int64_t row = std::max(std::min(from, to), band.begin);
             row < std::min(std::max(from, to), band.end); ++row)
            changes.add(row, 0, value);
    }
}

template <class T, class L>
void label_simple(const Grid &grid, const VertexScores<T> &scores, Range band, L *out) {
    const int64_t w = grid.cols, width = grid.lattice.width;
    RowChanges changes(band, 32);
    Candidates<T> candidates(scores);
    add_left_border(grid, scores, band, changes);
    for (int64_t i = 0; i + 1 < grid.rows; ++i) {
        const Range touched = grid.image_rows[i];
        if (touched.end <= band.begin || touched.begin >= band.end)
            continue;
        for (int64_t j = 0; j + 1 < w; ++j) {
            const int64_t a = i * w + j;
            const int32_t best = scores.best(a);
            if (best == scores.best(a + 1) && best == scores.best(a + w) &&
                best == scores.best(a + w + 1))
                continue;
            for (int second = 0; second < 2; ++second) {
                const Corners corners = grid.corners(i, j, second);
                const int32_t first = scores.best(corners.v[0]);
                if (first != scores.best(corners.v[1]) || first != scores.best(corners.v[2]))
                    label_triangle(grid, scores, corners, band, candidates, changes, out);
            }
        }
    }
    for (int64_t row = band.begin; row < band.end; ++row)
        changes.runs(row, width, [&](int64_t first, int64_t last, int32_t label) {
            std::fill(out + row * width + first, out + row * width + last, static_cast<L>(label));
        });
}

template <class T, class L>
void label_folded(const Grid &grid, const VertexScores<T> &scores, Range band, L *out) {
    const int64_t width = grid.lattice.width;
    if (!grid.covers) // 255 where labels are bytes, -1 where 255 is a class
        std::fill(out + band.begin * width, out + band.end * width,
                  static_cast<L>(sizeof(L) == 1 ? 255 : -1));
    Candidates<T> candidates(scores);
    visit_triangles(grid, band, [&](int64_t i, int64_t j, int second) {
        const Corners corners = grid.corners(i, j, second);
        const Point p[3] = {grid.points[corners.v[0]], grid.points[corners.v[1]],
                            grid.points[corners.v[2]]};
        const int32_t best = scores.best(corners.v[0]);
        const bool constant =
            best == scores.best(corners.v[1]) && best == scores.best(corners.v[2]);
        bool chosen = false;
        scan_triangle(grid, corners, band, [&](int64_t row, int64_t first, int64_t last) {
            if (constant)
                return std::fill(out + row * width + first, out + row * width + last,
                                 static_cast<L>(best));
            if (!chosen)
                candidates.choose(corners, p, grid.lattice.bits);
            chosen = true;
            candidates.fill(row, first, last, out + row * width);
        });
    });
}

} // namespace

void interpolate_argmax(const View &scores, const View &phi, const View &out, Diagonal diagonal,
                        int threads) {
    const int64_t height = out.shape[1], width = out.shape[2];
    with_float_type(scores.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        std::vector<VertexScores<T>> vertices(scores.shape[0]);
        parallel_for(scores.shape[0], threads,
                     [&](int64_t n) { vertices[n] = VertexScores<T>(scores, n); });
        const auto label = [&](const Grid &grid, int64_t n, Range band, auto *labels) {
            labels += n * height * width;
            if (grid.simple)
                label_simple(grid, vertices[n], band, labels);
            else
                label_folded(grid, vertices[n], band, labels);
        };
        for_each_band(phi, height, width, diagonal, threads,
                      [&](const Grid &grid, int64_t n, Range band) {
                          if (out.type == DType::u8)
                              label(grid, n, band, out.as<uint8_t>());
                          else
                              label(grid, n, band, out.as<int32_t>());
                      });
    });
}

} // namespace adaseg
