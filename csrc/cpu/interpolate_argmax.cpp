// SPDX-License-Identifier: Apache-2.0
// Labels at every pixel straight from the scores at the grid's vertices; no score tensor at full
// size. Scores are affine in a triangle, hence:
//   - a class that wins at all three corners wins everywhere in it;
//   - a class beaten at all three corners by one other class is out;
//   - along a row the winner's value is convex, so a class that wins at both ends of a range wins
//     in between, and otherwise the next change of winner is where two lines cross.
// Ties go to the lowest class.
#include "core/barycentric.h"
#include "cpu/grid.h"
#include "cpu/kernels.h"

namespace adaseg {

namespace {

// Scores of one item with the classes of a vertex side by side, and each vertex's best class.
template <class R> struct VertexScores {
    int64_t classes;
    std::vector<R> values;
    std::vector<int32_t> best;

    const R *of(int64_t vertex) const { return values.data() + vertex * classes; }
};

template <class T, class R> VertexScores<R> gather_scores(const View &scores, int64_t n) {
    const int64_t classes = scores.shape[1], cols = scores.shape[3],
                  vertices = scores.shape[2] * cols;
    VertexScores<R> result{classes, std::vector<R>(vertices * classes),
                           std::vector<int32_t>(vertices)};
    const T *item = scores.item<T>(n);
    constexpr int64_t block = 64; // vertices at once, so that reads and writes both stay in cache
    for (int64_t from = 0; from < vertices; from += block) {
        const int64_t to = std::min(from + block, vertices);
        for (int64_t c = 0; c < classes; ++c)
            for (int64_t v = from; v < to; ++v)
                result.values[v * classes + c] = static_cast<R>(
                    item[c * scores.strides[1] + (v / cols) * scores.strides[2] +
                         (v % cols) * scores.strides[3]]);
    }
    for (int64_t v = 0; v < vertices; ++v) {
        const R *value = result.of(v);
        int32_t best = 0;
        for (int32_t c = 1; c < classes; ++c)
            if (value[c] > value[best])
                best = c;
        result.best[v] = best;
    }
    return result;
}

// The classes that may win somewhere in a triangle, in ascending order, with their corner scores.
template <class R> struct Candidates {
    std::vector<int32_t> number;
    std::vector<R> corner[3];
    std::vector<R> value, change; // along the range in hand

    void add(int32_t c, const R *const (&at)[3]) {
        number.push_back(c);
        for (int k = 0; k < 3; ++k)
            corner[k].push_back(at[k][c]);
    }

    void choose(const VertexScores<R> &scores, const Corners &corners) {
        number.clear();
        for (auto &scores_at_corner : corner)
            scores_at_corner.clear();
        const R *at[3];
        int32_t winner[3];
        for (int k = 0; k < 3; ++k) {
            at[k] = scores.of(corners.v[k]);
            winner[k] = scores.best[corners.v[k]];
        }
        for (int32_t c = 0; c < scores.classes; ++c) {
            bool beaten = false;
            for (const int32_t w : winner)
                beaten |= w != c && at[0][c] < at[0][w] && at[1][c] < at[1][w] && at[2][c] < at[2][w];
            if (!beaten)
                add(c, at);
        }
        value.resize(number.size());
        change.resize(number.size());
    }

    // Sets every candidate's line along a row, from the weights at its first pixel.
    void start_range(const Weights &w) {
        R at[3], per_col[3];
        for (int k = 0; k < 3; ++k) {
            at[k] = static_cast<R>(w.at[k]);
            per_col[k] = static_cast<R>(w.per_col[k]);
        }
        for (size_t k = 0; k < number.size(); ++k) {
            const R s0 = corner[0][k], s1 = corner[1][k], s2 = corner[2][k];
            value[k] = s0 * at[0] + s1 * at[1] + s2 * at[2];
            change[k] = (s1 - s0) * per_col[1] + (s2 - s0) * per_col[2];
        }
    }

    R line(size_t k, int64_t col) const { return value[k] + static_cast<R>(col) * change[k]; }

    size_t winner_at(int64_t col) const {
        size_t best = 0;
        R most = line(0, col);
        for (size_t k = 1; k < number.size(); ++k) {
            const R other = line(k, col);
            if (other > most) {
                most = other;
                best = k;
            }
        }
        return best;
    }

    // First column after `col`, at most `end`, where some class draws level with `winner`, which wins
    // at `col`. Rounding may put it one column off where two classes nearly tie.
    int64_t next_change(size_t winner, int64_t col, int64_t end) const {
        const R lead_value = line(winner, col);
        R nearest = static_cast<R>(end - col);
        for (size_t k = 0; k < number.size(); ++k) {
            const R gain = change[k] - change[winner];
            if (gain > 0)
                nearest = std::min(nearest, (lead_value - line(k, col)) / gain);
        }
        return std::min(end, col + static_cast<int64_t>(std::ceil(std::max(nearest, R(1)))));
    }
};

template <class L, class R> void fill_range(L *pixel, int64_t count, const Candidates<R> &candidates) {
    const size_t last = candidates.winner_at(count - 1);
    int64_t col = 0;
    size_t winner = candidates.winner_at(0);
    while (winner != last) {
        const int64_t change = candidates.next_change(winner, col, count - 1);
        std::fill(pixel + col, pixel + change, static_cast<L>(candidates.number[winner]));
        if (change >= count - 1) {
            col = count - 1;
            break;
        }
        col = change;
        winner = candidates.winner_at(col);
    }
    std::fill(pixel + col, pixel + count, static_cast<L>(candidates.number[last]));
}

template <class L, class R>
void label_band(const Grid &grid, const VertexScores<R> &scores, Range band, L *out) {
    const int64_t width = grid.lattice.width;
    if (!grid.covers) // 255 where labels are bytes, -1 where 255 is a class
        std::fill(out + band.begin * width, out + band.end * width, sizeof(L) == 1 ? L(255) : L(-1));
    Candidates<R> candidates;
    visit_triangles(grid, band, [&](int64_t i, int64_t j, int second) {
        const Corners corners = grid.corners(i, j, second);
        const int32_t best = scores.best[corners.v[0]];
        if (best == scores.best[corners.v[1]] && best == scores.best[corners.v[2]]) {
            scan_triangle(grid, corners, band, [&](int64_t row, int64_t first, int64_t last) {
                std::fill(out + row * width + first, out + row * width + last, static_cast<L>(best));
            });
            return;
        }
        candidates.choose(scores, corners);
        const Point p[3] = {grid.points[corners.v[0]], grid.points[corners.v[1]],
                            grid.points[corners.v[2]]};
        scan_triangle(grid, corners, band, [&](int64_t row, int64_t first, int64_t last) {
            candidates.start_range(weights_at(p, row, first, grid.lattice.bits));
            fill_range(out + row * width + first, last - first, candidates);
        });
    });
}

} // namespace

void interpolate_argmax(const View &scores, const View &phi, const View &out, Diagonal diagonal,
                        int threads) {
    const int64_t height = out.shape[1], width = out.shape[2];
    with_float_type(scores.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        using R = typename Compute<T>::type;
        std::vector<VertexScores<R>> vertices(scores.shape[0]);
        parallel_for(scores.shape[0], threads,
                     [&](int64_t n) { vertices[n] = gather_scores<T, R>(scores, n); });
        for_each_band(phi, height, width, diagonal, threads,
                      [&](const Grid &grid, int64_t n, Range band) {
            if (out.type == DType::u8)
                label_band(grid, vertices[n], band, out.as<uint8_t>() + n * height * width);
            else
                label_band(grid, vertices[n], band, out.as<int32_t>() + n * height * width);
        });
    });
}

} // namespace adaseg
