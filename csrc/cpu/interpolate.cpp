// SPDX-License-Identifier: Apache-2.0
// Scores at the grid's vertices -> scores at every pixel, affine in each triangle (sec. 3.3).
// A row is a sequence of spans, one per triangle, found once for all channels. A span's value at
// its first pixel comes from exact weights and changes by a constant from pixel to pixel. Where no
// grid is folded, the spans of a row are disjoint and are written from left to right as whole
// vectors: each span overwrites the overhang of the one before. In a folded grid later triangles
// must win, so only a span's own pixels are written.
// No value leaves the range of its triangle's corners. Where a score is not finite or is close to
// the largest number, each pixel of the span has weights of its own.
#include <cstring>
#include <limits>

#include "core/barycentric.h"
#include "core/blend.h"
#include "cpu/common/grid.h"
#include "cpu/common/huge_pages.h"
#include "cpu/common/targets.h"
#include "cpu/kernels.h"

namespace adaseg {

namespace {

struct Span {
    int32_t row, first, last;
    int32_t corner[3];
    Weights weights;
};

// Spans of all triangles in a band, in triangle order.
void find_spans(const Grid &grid, Range band, std::vector<Span> &found) {
    found.clear();
    visit_triangles(grid, band, [&](int64_t i, int64_t j, int second) {
        const Corners corners = grid.corners(i, j, second);
        Point p[3];
        grid.read_points(corners, p);
        scan_triangle(grid, corners, band, [&](int64_t row, int64_t first, int64_t last) {
            Span span{static_cast<int32_t>(row),
                      static_cast<int32_t>(first),
                      static_cast<int32_t>(last),
                      {},
                      weights_at(p, row, first, grid.lattice.bits)};
            for (int k = 0; k < 3; ++k)
                span.corner[k] = static_cast<int32_t>(corners.v[k]);
            found.push_back(span);
        });
    });
}

constexpr int64_t padding = 16; // elements that loops may read or write beyond an array's end

// The channels of each vertex side by side, so that find_lines takes them all at once.
template <class T, class R> std::vector<R> by_vertex(const View &scores, int64_t n) {
    const int64_t channels = scores.shape[1], rows = scores.shape[2], cols = scores.shape[3];
    std::vector<R> values(rows * cols * channels + padding);
    constexpr int64_t block = 16; // vertices at once, so that reads and writes both stay in cache
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t from = 0; from < cols; from += block)
            for (int64_t c = 0; c < channels; ++c) {
                const T *row = scores.item<T>(n) + c * scores.strides[1] + i * scores.strides[2];
                for (int64_t j = from; j < std::min(from + block, cols); ++j)
                    values[(i * cols + j) * channels + c] =
                        static_cast<R>(row[j * scores.strides[3]]);
            }
    return values;
}

// Scores up to this size can be added and subtracted without overflow.
template <class R> constexpr R moderate = std::numeric_limits<R>::max() / 4;

// Lines of all channels; RealLoops::find_lines says more.
template <class R>
bool find_lines(const Span &span, const R *values, int64_t channels, R *start, R *change) {
    const R *const scores[3] = {values + span.corner[0] * channels,
                                values + span.corner[1] * channels,
                                values + span.corner[2] * channels};
    const double *at = span.weights.at, *per_col = span.weights.per_col;
    const R steps = static_cast<R>(span.last - span.first - 1);
    const SpanWeights<R> weights{
        {static_cast<R>(at[0]), static_cast<R>(at[1]), static_cast<R>(at[2])},
        static_cast<R>(per_col[1]),
        static_cast<R>(per_col[2]),
        steps,
        (R(1) - 4 * std::numeric_limits<R>::epsilon()) / std::max(steps, R(1)),
        moderate<R>,
        std::numeric_limits<R>::min()};
    return loops().in<R>().find_lines(scores, weights, channels, start, change);
}

// A span of one channel whose pixels are worked out one by one.
struct Careful {
    int32_t channel;
    size_t span;
};

// Lists the channels of a span whose scores are not moderate, or whose step is too small to be
// precise, unless the scores are all equal; and gives those of equal scores their lines.
template <class R>
void find_careful(const Span &span, size_t number, const R *values, int64_t channels, R *start,
                  R *change, std::vector<Careful> &found) {
    for (int64_t c = 0; c < channels; ++c) {
        const R a = values[span.corner[0] * channels + c],
                b = values[span.corner[1] * channels + c],
                d = values[span.corner[2] * channels + c];
        const R most = std::max(std::max(std::abs(a), std::abs(b)), std::abs(d));
        const bool known = b == b && d == d; // std::max passes over NaN in its second number
        const bool precise = std::abs(change[c]) >= std::numeric_limits<R>::min();
        if (most <= moderate<R> && known && precise)
            continue;
        start[c] = a;
        change[c] = R(0);
        if (a != b || a != d)
            found.push_back({static_cast<int32_t>(c), number});
    }
}

template <class R, class T>
void fill_carefully(const Grid &grid, const Span &span, const R *values, int64_t channels,
                    int64_t channel, T *row) {
    Point p[3];
    double score[3];
    for (int k = 0; k < 3; ++k) {
        p[k] = grid.points[span.corner[k]];
        score[k] = static_cast<double>(values[span.corner[k] * channels + channel]);
    }
    for (int64_t col = span.first; col < span.last; ++col)
        row[col] =
            T(static_cast<R>(blend(score, weights_at(p, span.row, col, grid.lattice.bits).at)));
}

template <class R, class T> void store_row(const R *from, int64_t count, T *to) {
    if constexpr (std::is_same_v<R, T>)
        std::memcpy(to, from, count * sizeof(T));
    else
        for (int64_t k = 0; k < count; ++k)
            to[k] = T(from[k]);
}

constexpr int64_t rows_at_once = 16; // so few that their spans stay in the cache

template <class T, class R>
void fill_simple(const Grid &grid, const std::vector<R> &values, int64_t channels, Range band,
                 T *out) {
    const int64_t width = grid.lattice.width, pixels = grid.lattice.height * width;
    std::vector<Span> spans;
    std::vector<int32_t> at(rows_at_once * width); // number of the span that begins at a pixel
    std::vector<int32_t> first;
    std::vector<Careful> careful;
    std::vector<R> start, change, row_buffer(width + overhang);
    for (int64_t from = band.begin; from < band.end; from += rows_at_once) {
        const Range slice{from, std::min(from + rows_at_once, band.end)};
        find_spans(grid, slice, spans);
        for (size_t k = 0; k < spans.size(); ++k)
            at[(spans[k].row - from) * width + spans[k].first] = static_cast<int32_t>(k);
        for (int64_t row = slice.begin; row < slice.end; ++row) {
            first.clear();
            careful.clear();
            for (int64_t col = 0; col < width;) {
                const size_t number = at[(row - from) * width + col];
                const Span &span = spans[number];
                const size_t lines = (first.size() + 1) * channels;
                if (start.size() < lines + padding) {
                    start.resize(2 * lines + padding);
                    change.resize(2 * lines + padding);
                }
                R *starts = start.data() + lines - channels,
                  *changes = change.data() + lines - channels;
                if (!find_lines(span, values.data(), channels, starts, changes))
                    find_careful(span, number, values.data(), channels, starts, changes, careful);
                first.push_back(span.first);
                col = span.last;
            }
            const int64_t count = static_cast<int64_t>(first.size());
            first.push_back(static_cast<int32_t>(width));
            for (int64_t c = 0; c < channels; ++c) {
                loops().in<R>().fill_lines(&start[c], &change[c], channels, first.data(), count,
                                           row_buffer.data());
                store_row(row_buffer.data(), width, out + c * pixels + row * width);
            }
            for (const Careful &one : careful)
                fill_carefully(grid, spans[one.span], values.data(), channels, one.channel,
                               out + one.channel * pixels + row * width);
        }
    }
}

template <class T, class R>
void fill_folded(const Grid &grid, const std::vector<R> &values, int64_t channels, Range band,
                 T *out) {
    const int64_t width = grid.lattice.width, pixels = grid.lattice.height * width;
    for (int64_t c = 0; c < channels && !grid.covers; ++c)
        std::fill(out + c * pixels + band.begin * width, out + c * pixels + band.end * width,
                  T(0.0f));
    std::vector<Span> spans;
    std::vector<Careful> careful;
    std::vector<R> start(channels + padding), change(channels + padding);
    find_spans(grid, band, spans);
    for (size_t number = 0; number < spans.size(); ++number) {
        const Span &span = spans[number];
        careful.clear();
        if (!find_lines(span, values.data(), channels, start.data(), change.data()))
            find_careful(span, number, values.data(), channels, start.data(), change.data(),
                         careful);
        for (int64_t c = 0; c < channels; ++c) {
            T *pixel = out + c * pixels + span.row * width + span.first;
            for (int32_t k = 0; k < span.last - span.first; ++k)
                pixel[k] = T(start[c] + static_cast<R>(k) * change[c]);
        }
        for (const Careful &one : careful)
            fill_carefully(grid, span, values.data(), channels, one.channel,
                           out + one.channel * pixels + span.row * width);
    }
}

} // namespace

void interpolate(const View &scores, const View &phi, const View &out, Diagonal diagonal,
                 int threads) {
    const int64_t channels = scores.shape[1], height = out.shape[2], width = out.shape[3];
    advise_huge_pages(out);
    with_float_type(scores.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        using R = typename Compute<T>::type;
        std::vector<std::vector<R>> values(scores.shape[0]);
        parallel_for(scores.shape[0], threads,
                     [&](int64_t n) { values[n] = by_vertex<T, R>(scores, n); });
        for_each_band(phi, height, width, diagonal, threads,
                      [&](const Grid &grid, int64_t n, Range band) {
                          T *to = out.as<T>() + n * channels * height * width;
                          if (grid.simple)
                              fill_simple(grid, values[n], channels, band, to);
                          else
                              fill_folded(grid, values[n], channels, band, to);
                      });
    });
}

} // namespace adaseg
