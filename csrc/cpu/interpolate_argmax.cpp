// SPDX-License-Identifier: Apache-2.0
// Labels at every pixel straight from the scores at the grid's vertices, without scores at full
// size. A class that wins at all three corners of a triangle wins everywhere in it.
// Where most triangles are of that kind and none is folded, only the others are scanned, and only
// for the places where the label changes. A row's labels are running sums of changes: every edge
// has one label on each row that it crosses, the same seen from both of its triangles, and a
// triangle adds the changes that lead from the label of its left edge to that of its right edge.
// Noisy scores and folded grids, where a pixel may have several triangles, are painted triangle by
// triangle.
#include "core/label.h"
#include "cpu/argmax/candidates.h"
#include "cpu/argmax/row_changes.h"
#include "cpu/common/grid.h"
#include "cpu/common/huge_pages.h"
#include "cpu/kernels.h"

namespace adaseg {

namespace {

// Labels along an edge: the best class of its upper end, then, from the row where their scores
// cross, that of its lower end.
struct EdgeLabels {
    int32_t upper, lower;
    int64_t first_lower; // row

    int32_t operator[](int64_t row) const { return row < first_lower ? upper : lower; }
};

template <class T> class Labeller {
public:
    Labeller(const Grid &grid, const VertexScores<T> &scores, Range band)
        : grid_(grid), scores_(scores), band_(band), candidates_(scores), changes_(band) {}

    // `out` is the whole image.
    template <class L> void run(L *out) {
        const int64_t w = grid_.cols, width = grid_.lattice.width;
        add_left_border();
        for (int64_t i = 0; i + 1 < grid_.rows; ++i) {
            const Range touched = grid_.image_rows[i];
            if (touched.end <= band_.begin || touched.begin >= band_.end)
                continue;
            for (int64_t j = 0; j + 1 < w; ++j)
                if (!scores_.same(i * w + j))
                    for (int second = 0; second < 2; ++second)
                        add_triangle(grid_.corners(i, j, second));
        }
        changes_.for_each_run(width, [&](int64_t row, int64_t first, int64_t last, int32_t label) {
            std::fill(out + row * width + first, out + row * width + last, static_cast<L>(label));
        });
    }

private:
    EdgeLabels edge_labels(int64_t upper, int64_t lower) {
        if (grid_.points[upper].row > grid_.points[lower].row)
            std::swap(upper, lower);
        const int32_t a = scores_.best(upper), b = scores_.best(lower);
        if (a == b)
            return {a, b, 0};
        const auto *from = candidates_.scores_at(upper), *to = candidates_.scores_at(lower);
        const double ahead = static_cast<double>(from[a]) - from[b];
        const double behind = static_cast<double>(to[b]) - to[a];
        double part = ahead / (ahead + behind);
        // NaN where scores are infinite or huge. No triangle at the edge is parted by a line then:
        // which label the edge has is of no concern, as long as both triangles say the same.
        part = part >= 0.0 && part <= 1.0 ? part : 0.5;
        const int32_t begin = grid_.points[upper].row, end = grid_.points[lower].row;
        const double down = part * (end - begin);
        const int32_t whole = static_cast<int32_t>(down);
        return {a, b, first_row_beyond(begin + whole, whole < down, grid_.lattice)};
    }

    // The regions that begin at the left border of the image.
    void add_left_border() {
        for (int64_t i = 0; i + 1 < grid_.rows; ++i) {
            const int64_t a = i * grid_.cols, d = a + grid_.cols;
            // Rows need not ascend along the border: where they descend, labels are subtracted.
            const bool down = grid_.points[a].row <= grid_.points[d].row;
            const int64_t upper = down ? a : d, lower = down ? d : a;
            const EdgeLabels labels = edge_labels(upper, lower);
            const int64_t end =
                std::min(first_row(grid_.points[lower].row, grid_.lattice), band_.end);
            for (int64_t row =
                     std::max(first_row(grid_.points[upper].row, grid_.lattice), band_.begin);
                 row < end; ++row)
                changes_.add(row, 0, down ? labels[row] : -labels[row]);
        }
    }

    void add_triangle(const Corners &corners) {
        const int32_t best[3] = {scores_.best(corners.v[0]), scores_.best(corners.v[1]),
                                 scores_.best(corners.v[2])};
        if (best[0] == best[1] && best[0] == best[2])
            return;
        const Ordered o = order_corners(grid_, corners);
        if (area2(o.p[0], o.p[1], o.p[2]) != 0) {
            candidates_.choose(corners, grid_);
            const int odd_corner = best[0] == best[1] ? 2 : best[0] == best[2];
            if (candidates_.parted(best[odd_corner], best[(odd_corner + 1) % 3]))
                return add_parting_line(corners, odd_corner);
        }
        const EdgeLabels across = edge_labels(o.v[0], o.v[2]);
        const EdgeLabels side[2] = {edge_labels(o.v[0], o.v[1]), edge_labels(o.v[1], o.v[2])};
        walk_triangle(grid_.lattice, o, band_,
                      [&](int64_t row, int64_t left, int64_t right, int half) {
                          const int32_t on_long = across[row], on_short = side[half][row];
                          add_row(row, left, right, o.middle_right ? on_long : on_short,
                                  o.middle_right ? on_short : on_long);
                      });
    }

    // Two classes, one of which wins at the corner `odd_corner` alone: the line between them runs
    // from one edge of that corner to the other and crosses each row between two pixels of the
    // triangle.
    void add_parting_line(const Corners &corners, int odd_corner) {
        const int64_t one =
            edge_labels(corners.v[odd_corner], corners.v[(odd_corner + 1) % 3]).first_lower;
        const int64_t two =
            edge_labels(corners.v[odd_corner], corners.v[(odd_corner + 2) % 3]).first_lower;
        const int64_t end = std::min(std::max(one, two), band_.end);
        const int32_t value = candidates_.right() - candidates_.left();
        for (int64_t row = std::max(std::min(one, two), band_.begin); row < end; ++row) {
            const double line = candidates_.line(row);
            const int64_t col = static_cast<int64_t>(line);
            const double part = line - static_cast<double>(col);
            // Where a pixel lies on the line, or nearly, rounding must not move the change out of
            // the triangle: it would be in the wrong order with those of its neighbours.
            const bool clear = part > 1e-5 && part < 1.0 - 1e-5;
            changes_.add(row, clear ? col + 1 : first_right_inside(corners, row), value);
        }
    }

    int64_t first_right_inside(const Corners &corners, int64_t row) const {
        int64_t left = grid_.lattice.width, right = 0;
        for (int k = 0; k < 3; ++k) {
            Point p = grid_.points[corners.v[k]], q = grid_.points[corners.v[(k + 1) % 3]];
            if (p.row > q.row)
                std::swap(p, q);
            if (row < first_row(p.row, grid_.lattice) || row >= first_row(q.row, grid_.lattice))
                continue;
            const int64_t at = walk_edge(p, q, row, grid_.lattice).first();
            left = std::min(left, at);
            right = std::max(right, at);
        }
        return candidates_.first_right(row, left, std::min(right, grid_.lattice.width));
    }

    // Adds the changes that lead from the label of the left edge to that of the right one.
    void add_row(int64_t row, int64_t left, int64_t right, int32_t label, int32_t after) {
        const int64_t last = std::min(right, grid_.lattice.width);
        if (left < last)
            candidates_.for_each_run(row, left, last, [&](int64_t first, int32_t next) {
                if (next != label)
                    changes_.add(row, first, next - label);
                label = next;
            });
        if (label != after)
            changes_.add(row, right, after - label);
    }

    const Grid &grid_;
    const VertexScores<T> &scores_;
    Range band_;
    Candidates<T> candidates_;
    RowChanges changes_;
};

template <class T, class L>
void paint(const Grid &grid, const VertexScores<T> &scores, Range band, L *out) {
    const int64_t width = grid.lattice.width;
    if (!grid.covers)
        std::fill(out + band.begin * width, out + band.end * width, uncovered_label<L>());
    Candidates<T> candidates(scores);
    visit_triangles(grid, band, [&](int64_t i, int64_t j, int second) {
        const Corners corners = grid.corners(i, j, second);
        const int32_t best = scores.best(corners.v[0]);
        const bool constant =
            best == scores.best(corners.v[1]) && best == scores.best(corners.v[2]);
        bool chosen = false;
        scan_triangle(grid, corners, band, [&](int64_t row, int64_t first, int64_t last) {
            if (constant)
                return std::fill(out + row * width + first, out + row * width + last,
                                 static_cast<L>(best));
            if (!chosen)
                candidates.choose(corners, grid);
            chosen = true;
            candidates.fill(row, first, last, out + row * width);
        });
    });
}

} // namespace

void interpolate_argmax(const View &scores, const View &phi, const View &out, Diagonal diagonal,
                        int threads) {
    const int64_t height = out.shape[1], width = out.shape[2];
    advise_huge_pages(out);
    with_float_type(scores.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        std::vector<VertexScores<T>> vertices(scores.shape[0]);
        parallel_for(scores.shape[0], threads,
                     [&](int64_t n) { vertices[n] = VertexScores<T>(scores, n); });
        const auto label = [&](const Grid &grid, int64_t n, Range band, auto *labels) {
            labels += n * height * width;
            if (grid.simple && vertices[n].calm())
                Labeller<T>(grid, vertices[n], band).run(labels);
            else
                paint(grid, vertices[n], band, labels);
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
