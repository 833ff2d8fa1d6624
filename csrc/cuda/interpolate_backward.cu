// SPDX-License-Identifier: Apache-2.0
// Gradients of the interpolation to the scores and to the positions of the vertices, without atomic
// additions: a few threads per triangle add up gradient times weight over its own pixels in a fixed
// order, then one thread per vertex adds up the sums of its triangles in their order.
#include "core/barycentric.h"
#include "cuda/device/faces.h"
#include "cuda/kernels.h"

namespace adaseg::cuda {

namespace {

constexpr int lanes = 8;               // threads per triangle
constexpr int channels_at_once = 3;    // that use the same weights
constexpr int64_t slice_pixels = 1024; // larger triangles are cut into slices of their rows

// Sums of gradient times weight, (items, slices, channels, 3 corners, triangles).
template <class R> struct Sums {
    R *at;
    int64_t slices, channels, triangles;

    ADASEG_DEVICE R &operator()(int64_t item, int64_t slice, int64_t channel, int corner,
                                int64_t triangle) const {
        return at[(((item * slices + slice) * channels + channel) * 3 + corner) * triangles +
                  triangle];
    }
    ADASEG_DEVICE double total(int64_t item, int64_t channel, int corner, int64_t triangle) const {
        double sum = 0;
        for (int64_t slice = 0; slice < slices; ++slice)
            sum += static_cast<double>((*this)(item, slice, channel, corner, triangle));
        return sum;
    }
};

// Which of the corners a vertex is; -1 if it is none of them.
ADASEG_DEVICE int slot_of(int64_t vertex, const Corners &corners) {
    return vertex == corners.v[0]   ? 0
           : vertex == corners.v[1] ? 1
           : vertex == corners.v[2] ? 2
                                    : -1;
}

template <class T> struct SumTriangles {
    using R = typename Compute<T>::type;

    Grids grids;
    const int32_t *faces;
    Array grad;
    Sums<R> sums;
    int64_t chunks; // of channels_at_once

    ADASEG_DEVICE void operator()(const Tile<lanes> &tile, int64_t k, int64_t part) const {
        const auto [item, chunk] = place_of(part, chunks);
        const auto [number, slice] = place_of(k, sums.slices);
        const int64_t channel = chunk * channels_at_once;
        const ScanTriangle t = read_triangle(grids, item, number);
        double sum[channels_at_once][3] = {}; // by t's order of the corners
        const int64_t rows = end_row(t, grids.lattice) - t.row;
        if (rows > 0) {
            const int64_t end = piece_begin(rows, sums.slices, slice + 1);
            for (int64_t at = piece_begin(rows, sums.slices, slice); at < end; ++at)
                add_row(tile.lane(), item, channel, t, t.row + at, sum);
        }
        const Corners corners = grids.corners(item, number);
        ADASEG_UNROLL(3)
        for (int n = 0; n < 3; ++n) {
            const int corner = slot_of(t.vertex[n], corners);
            ADASEG_UNROLL(3)
            for (int c = 0; c < channels_at_once; ++c) {
                const double all = sum_over(tile, sum[c][n]);
                if (tile.lane() == 0 && channel + c < sums.channels)
                    sums(item, slice, channel + c, corner, number) = static_cast<R>(all);
            }
        }
    }

private:
    ADASEG_DEVICE void add_row(int lane, int64_t item, int64_t channel, const ScanTriangle &t,
                               int64_t row, double (&sum)[channels_at_once][3]) const {
        Span span;
        span.row = row;
        find_span(t, grids.lattice, span);
        if (span.first >= span.last)
            return;
        const Weights w = weights_at(t.p, row, span.first, grids.lattice.bits);
        const T *from = grad.as<T>() + grad.offset(item, channel, row, 0);
        const int32_t *owner = faces + item * grids.pixels() + row * grids.lattice.width;
        for (int64_t col = span.first + lane; col < span.last; col += lanes) {
            if (owner[col] != t.number)
                continue;
            double weight[3];
            for (int n = 0; n < 3; ++n)
                weight[n] = w.at[n] + static_cast<double>(col - span.first) * w.per_col[n];
            ADASEG_UNROLL(3)
            for (int c = 0; c < channels_at_once; ++c) {
                if (channel + c >= sums.channels)
                    continue;
                const double value = static_cast<double>(
                    static_cast<R>(from[c * grad.strides[1] + col * grad.strides[3]]));
                for (int n = 0; n < 3; ++n)
                    sum[c][n] += value * weight[n];
            }
        }
    }
};

// Calls body(triangle, corners, k) for each triangle that has `vertex` as its k-th corner, in the
// order of the triangles.
template <class F>
ADASEG_DEVICE void visit_triangles_of(const Grids &grids, int64_t item, int64_t vertex, F &&body) {
    const Place at = place_of(vertex, grids.cols);
    for (int64_t i = at.row - 1; i <= at.row; ++i)
        for (int64_t j = at.col - 1; j <= at.col; ++j) {
            if (i < 0 || j < 0 || i + 1 >= grids.rows || j + 1 >= grids.cols)
                continue;
            for (int second = 0; second < 2; ++second) {
                const int64_t triangle = triangle_number(i, j, grids.cols, second);
                const Corners corners = grids.corners(item, triangle);
                const int k = slot_of(vertex, corners);
                if (k >= 0)
                    body(triangle, corners, k);
            }
        }
}

template <class R> struct GatherScores {
    Grids grids;
    Sums<R> sums;
    Array grad_scores; // contiguous

    ADASEG_DEVICE void operator()(int64_t vertex, int64_t plane) const {
        const Place of = place_of(plane, sums.channels); // item, channel
        double total = 0;
        visit_triangles_of(grids, of.row, vertex, [&](int64_t triangle, const Corners &, int k) {
            total += sums.total(of.row, of.col, k, triangle);
        });
        grad_scores.write_float(plane * grids.vertices() + vertex, total);
    }
};

// -weight * gradient of the triangle's affine function, per unit of phi.
template <class R> struct GatherPhi {
    Grids grids;
    Sums<R> sums;
    Array scores, phi, grad_phi; // the last contiguous

    ADASEG_DEVICE void operator()(int64_t vertex, int64_t item) const {
        double motion[2] = {0, 0};
        visit_triangles_of(grids, item, vertex,
                           [&](int64_t triangle, const Corners &corners, int k) {
                               add_motion(item, triangle, corners, k, motion);
                           });
        const Place at = place_of(vertex, grids.cols);
        for (int axis = 0; axis < 2; ++axis) {
            const double here = phi.read_float(phi.offset(item, axis, at.row, at.col));
            grad_phi.write_float((item * 2 + axis) * grids.vertices() + vertex,
                                 moves_point(here) ? motion[axis] : 0.0);
        }
    }

private:
    ADASEG_DEVICE void add_motion(int64_t item, int64_t triangle, const Corners &corners, int k,
                                  double (&motion)[2]) const {
        Point p[3];
        grids.read_points(item, corners, p);
        if (area2(p[0], p[1], p[2]) == 0)
            return; // owns no pixel
        const WeightGradients g = weight_gradients(p, grids.lattice.bits);
        int64_t from[3];
        for (int n = 0; n < 3; ++n) {
            const Place at = place_of(corners.v[n], grids.cols);
            from[n] = scores.offset(item, 0, at.row, at.col);
        }
        double by_row = 0, by_col = 0;
        for (int64_t c = 0; c < sums.channels; ++c) {
            double s[3];
            ADASEG_UNROLL(3)
            for (int n = 0; n < 3; ++n)
                s[n] = scores.read_float(from[n] + c * scores.strides[1]);
            const double sum = sums.total(item, c, k, triangle);
            const Slope slope = finite_slope_of(s, g);
            by_row += sum * slope.row;
            by_col += sum * slope.col;
        }
        motion[0] -= by_row * static_cast<double>(grids.lattice.row_extent);
        motion[1] -= by_col * static_cast<double>(grids.lattice.col_extent);
    }
};

struct Pieces {
    Grids grids;
    int32_t *faces;
    int64_t slices;
    void *sums; // floats, or doubles where the gradient is double
};

Pieces lay_out(Workspace &space, const View &grad, const View &phi, Diagonal diagonal) {
    Pieces pieces;
    pieces.grids = lay_out_grids(space, phi, grad.shape[2], grad.shape[3], diagonal);
    const Grids &grids = pieces.grids;
    pieces.faces = space.take<int32_t>(grids.items * grids.pixels());
    pieces.slices = blocks_for(grids.pixels() / grids.triangles(), slice_pixels);
    const int64_t count = grids.items * pieces.slices * grad.shape[1] * 3 * grids.triangles();
    if (grad.type == DType::f64)
        pieces.sums = space.take<double>(count);
    else
        pieces.sums = space.take<float>(count);
    return pieces;
}

} // namespace

int64_t interpolate_backward_workspace(const View &grad, const View &phi) {
    Workspace space(nullptr);
    lay_out(space, grad, phi, Diagonal::delaunay);
    return space.used();
}

void interpolate_backward(const View &grad, const View &scores, const View &phi,
                          const View &grad_scores, const View &grad_phi, void *workspace,
                          Diagonal diagonal, Stream stream) {
    Workspace space(workspace);
    const Pieces pieces = lay_out(space, grad, phi, diagonal);
    const Grids &grids = pieces.grids;
    const int64_t channels = grad.shape[1];
    find_faces(grids, phi, pieces.faces, stream);
    with_float_type(grad.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        using R = typename Compute<T>::type;
        const Sums<R> sums{static_cast<R *>(pieces.sums), pieces.slices, channels,
                           grids.triangles()};
        const int64_t chunks = blocks_for(channels, channels_at_once);
        if (channels > 0)
            launch_tiles<lanes>(stream, grids.triangles() * pieces.slices, grids.items * chunks,
                                SumTriangles<T>{grids, pieces.faces, grad, sums, chunks},
                                "interpolate_backward, triangles");
        if (grad_scores.data)
            launch_each(stream, grids.vertices(), grids.items * channels,
                        GatherScores<R>{grids, sums, grad_scores}, "interpolate_backward, scores");
        if (grad_phi.data)
            launch_each(stream, grids.vertices(), grids.items,
                        GatherPhi<R>{grids, sums, scores, phi, grad_phi},
                        "interpolate_backward, phi");
    });
}

} // namespace adaseg::cuda
