// SPDX-License-Identifier: Apache-2.0
// Scores at the grid's vertices -> scores at every pixel, affine in each triangle (sec. 3.3).
// A row is a sequence of spans, one per triangle, found once for all channels. A span's value at
// its first pixel comes from exact weights and changes by a constant from pixel to pixel. Where no
// grid is folded, the spans of a row are disjoint and are written from left to right as whole
// vectors: each span overwrites the overhang of the one before. In a folded grid later triangles
// must win, so only a span's own pixels are written.
#include <cstring>

#include "core/barycentric.h"
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

// The channels of each vertex side by side, so that find_lines takes them all at once.
template <class T, class R> std::vector<R> by_vertex(const View &scores, int64_t n) {
    const int64_t channels = scores.shape[1], rows = scores.shape[2], cols = scores.shape[3];
    std::vector<R> values(rows * cols * channels);
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

// For every channel: the value at a span's first pixel and the change from pixel to pixel.
template <class R>
void find_lines(const Span &span, const R *values, int64_t channels, R *start, R *change) {
    const R *s0 = values + span.corner[0] * channels, *s1 = values + span.corner[1] * channels,
            *s2 = values + span.corner[2] * channels;
    const R w0 = static_cast<R>(span.weights.at[0]), w1 = static_cast<R>(span.weights.at[1]),
            w2 = static_cast<R>(span.weights.at[2]);
    // The weights' changes add up to zero: differences keep a constant constant.
    const R d1 = static_cast<R>(span.weights.per_col[1]),
            d2 = static_cast<R>(span.weights.per_col[2]);
    for (int64_t c = 0; c < channels; ++c) {
        start[c] = s0[c] * w0 + s1[c] * w1 + s2[c] * w2;
        change[c] = (s1[c] - s0[c]) * d1 + (s2[c] - s0[c]) * d2;
    }
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
    std::vector<R> start, change, row_buffer(width + overhang);
    for (int64_t from = band.begin; from < band.end; from += rows_at_once) {
        const Range slice{from, std::min(from + rows_at_once, band.end)};
        find_spans(grid, slice, spans);
        for (size_t k = 0; k < spans.size(); ++k)
            at[(spans[k].row - from) * width + spans[k].first] = static_cast<int32_t>(k);
        for (int64_t row = slice.begin; row < slice.end; ++row) {
            first.clear();
            for (int64_t col = 0; col < width;) {
                const Span &span = spans[at[(row - from) * width + col]];
                const size_t lines = (first.size() + 1) * channels;
                if (start.size() < lines) {
                    start.resize(2 * lines);
                    change.resize(2 * lines);
                }
                find_lines(span, values.data(), channels, start.data() + lines - channels,
                           change.data() + lines - channels);
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
    std::vector<R> start(channels), change(channels);
    find_spans(grid, band, spans);
    for (const Span &span : spans) {
        find_lines(span, values.data(), channels, start.data(), change.data());
        for (int64_t c = 0; c < channels; ++c) {
            T *pixel = out + c * pixels + span.row * width + span.first;
            for (int32_t k = 0; k < span.last - span.first; ++k)
                pixel[k] = T(start[c] + static_cast<R>(k) * change[c]);
        }
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
