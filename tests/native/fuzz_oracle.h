// SPDX-License-Identifier: Apache-2.0
// Finds the triangle that owns each pixel, and the weights, in exact 128-bit integers: every pixel
// is compared with every triangle by the signs of three areas. Nothing of csrc/core is used.
// Included by fuzz.cpp only.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "fuzz_input.h"

namespace fuzz {

using Wide = __int128;

struct Vertex {
    Wide row, col; // in units of 2^-bits pixel
};

struct Plain {
    int64_t corner[3];
    Vertex at[3];
};

struct Ownership {
    std::vector<Plain> triangles; // none where phi is not finite
    std::vector<int32_t> face;    // highest owner of each pixel, -1 where there is none
    std::vector<int32_t> count;   // owners of each pixel
    bool finite = true;
    bool covers = true;  // (3) holds
    bool folded = false; // a triangle is inverted
    int64_t extent[2] = {};
    int bits = 0;
};

inline Wide area(const Vertex &p, const Vertex &q, Wide row, Wide col) {
    return (q.col - p.col) * (row - p.row) - (q.row - p.row) * (col - p.col);
}
inline Wide area(const Vertex &p, const Vertex &q, const Vertex &s) {
    return area(p, q, s.row, s.col);
}

inline Wide dot(const Vertex &apex, const Vertex &p, const Vertex &q) {
    return (p.row - apex.row) * (q.row - apex.row) + (p.col - apex.col) * (q.col - apex.col);
}

inline int sign(Wide x) { return (x > 0) - (x < 0); }

// `rule`: 0 Delaunay, 1 main, 2 the other one.
inline bool takes_main(int rule, const Vertex &a, const Vertex &b, const Vertex &c,
                       const Vertex &d) {
    if (rule != 0)
        return rule == 1;
    const bool main_fits = area(a, b, c) >= 0 && area(a, c, d) >= 0;
    const bool anti_fits = area(a, b, d) >= 0 && area(b, c, d) >= 0;
    if (main_fits != anti_fits)
        return main_fits;
    return !main_fits || area(a, b, c) * dot(d, a, c) + area(a, c, d) * dot(b, a, c) >= 0;
}

// Whether the open triangle holds a pixel moved by an infinitesimal amount in its column and a
// smaller one still in its row.
inline bool owns(const Plain &triangle, Wide row, Wide col, int move_row, int move_col) {
    int found[3];
    for (int k = 0; k < 3; ++k) {
        const Vertex &p = triangle.at[(k + 1) % 3], &q = triangle.at[(k + 2) % 3];
        found[k] = sign(area(p, q, row, col));
        if (found[k] == 0)
            found[k] = sign(p.row - q.row) * move_col;
        if (found[k] == 0)
            found[k] = sign(q.col - p.col) * move_row;
    }
    return found[0] != 0 && found[0] == found[1] && found[1] == found[2];
}

inline std::vector<Vertex> snap_all(const View &phi, int64_t item, const int64_t (&extent)[2],
                                    int bits, bool &finite) {
    const int64_t h = phi.shape[2], w = phi.shape[3];
    std::vector<Vertex> found;
    for (int64_t v = 0; v < h * w; ++v) {
        Wide at[2] = {};
        for (int64_t axis = 0; axis < 2; ++axis) {
            const double relative = get(phi, {item, axis, v / w, v % w});
            const double top = std::ldexp(static_cast<double>(extent[axis]), bits);
            finite &= std::isfinite(relative);
            if (std::isfinite(relative))
                at[axis] = std::llrint(std::min(std::max(relative * top, 0.0), top));
        }
        found.push_back({at[0], at[1]});
    }
    return found;
}

// Everything except the pixels' owners.
inline Ownership list_triangles(const View &phi, int64_t item, int64_t height, int64_t width,
                                int rule) {
    Ownership found;
    const int64_t h = phi.shape[2], w = phi.shape[3];
    int64_t (&extent)[2] = found.extent;
    extent[0] = std::max<int64_t>(height - 1, 1);
    extent[1] = std::max<int64_t>(width - 1, 1);
    while (std::max(extent[0], extent[1]) << (found.bits + 1) < int64_t{1} << 31)
        ++found.bits;
    const std::vector<Vertex> points = snap_all(phi, item, extent, found.bits, found.finite);
    if (!found.finite)
        return found;
    for (int64_t j = 0; j < w; ++j)
        found.covers &= points[j].row == 0 && points[(h - 1) * w + j].row == Wide{extent[0]}
                                                                                 << found.bits;
    for (int64_t i = 0; i < h; ++i)
        found.covers &= points[i * w].col == 0 && points[i * w + w - 1].col == Wide{extent[1]}
                                                                                   << found.bits;

    for (int64_t i = 0; i + 1 < h; ++i)
        for (int64_t j = 0; j + 1 < w; ++j) {
            const int64_t a = i * w + j, b = a + 1, c = a + w + 1, d = a + w;
            const bool main = takes_main(rule, points[a], points[b], points[c], points[d]);
            const int64_t corners[2][3] = {{a, b, main ? c : d}, {main ? a : b, c, d}};
            for (const auto &v : corners) {
                found.triangles.push_back(
                    {{v[0], v[1], v[2]}, {points[v[0]], points[v[1]], points[v[2]]}});
                found.folded |= area(points[v[0]], points[v[1]], points[v[2]]) < 0;
            }
        }
    return found;
}

inline Ownership find_owners(const View &phi, int64_t item, int64_t height, int64_t width,
                             int rule) {
    Ownership found = list_triangles(phi, item, height, width, rule);
    found.face.assign(height * width, -1);
    found.count.assign(height * width, 0);
    for (size_t number = 0; number < found.triangles.size(); ++number) {
        const Plain &t = found.triangles[number];
        const auto rows = std::minmax({t.at[0].row, t.at[1].row, t.at[2].row});
        const auto cols = std::minmax({t.at[0].col, t.at[1].col, t.at[2].col});
        for (Wide row = rows.first >> found.bits; row < height && row << found.bits <= rows.second;
             ++row)
            for (Wide col = cols.first >> found.bits;
                 col < width && col << found.bits <= cols.second; ++col)
                if (owns(t, row << found.bits, col << found.bits, row == found.extent[0] ? -1 : 1,
                         col == found.extent[1] ? -1 : 1)) {
                    const int64_t pixel = static_cast<int64_t>(row * width + col);
                    found.face[pixel] = static_cast<int32_t>(number);
                    ++found.count[pixel];
                }
    }
    return found;
}

// The weights of a pixel that a triangle owns: rational numbers, rounded once.
inline std::array<long double, 3> weights_of(const Ownership &found, const Plain &t, int64_t row,
                                             int64_t col) {
    const Wide whole = area(t.at[0], t.at[1], t.at[2]);
    std::array<long double, 3> weight;
    for (int k = 0; k < 3; ++k)
        weight[k] =
            static_cast<long double>(area(t.at[(k + 1) % 3], t.at[(k + 2) % 3],
                                          Wide{row} << found.bits, Wide{col} << found.bits)) /
            static_cast<long double>(whole);
    return weight;
}

} // namespace fuzz
