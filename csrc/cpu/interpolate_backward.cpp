// SPDX-License-Identifier: Apache-2.0
// Gradients of the interpolation to the scores and to the positions of the vertices.
// Sums are taken per triangle, then per vertex, always in the same order, so that they do not
// depend on the number of threads. A map of owners tells which pixels a triangle owns, since later
// triangles take pixels from earlier ones where the grid is folded.
#include "core/barycentric.h"
#include "cpu/common/grid.h"
#include "cpu/kernels.h"

namespace adaseg {

namespace {

// Number of the triangle that owns each pixel of one item.
std::vector<int32_t> owners(const Grid &grid) {
    const int64_t height = grid.lattice.height, width = grid.lattice.width;
    std::vector<int32_t> face(height * width, -1);
    visit_triangles(grid, {0, height}, [&](int64_t i, int64_t j, int second) {
        const int32_t number = static_cast<int32_t>(triangle_number(i, j, grid.cols, second));
        scan_triangle(grid, grid.corners(i, j, second), {0, height},
                      [&](int64_t row, int64_t first, int64_t last) {
                          std::fill(&face[row * width + first], &face[row * width] + last, number);
                      });
    });
    return face;
}

// Sums gradient times each corner's weight over a triangle's own pixels: three sums per channel.
template <class T>
void add_triangle(const Grid &grid, const std::vector<int32_t> &face, int32_t number,
                  const Corners &corners, const View &grad, int64_t n, std::vector<double> &sums) {
    const int64_t channels = grad.shape[1], width = grid.lattice.width, step = grad.strides[3];
    Point p[3];
    grid.read_points(corners, p);
    std::fill(sums.begin(), sums.end(), 0.0);
    scan_triangle(
        grid, corners, {0, grid.lattice.height}, [&](int64_t row, int64_t first, int64_t last) {
            const int32_t *owner = &face[row * width];
            const Weights w = weights_at(p, row, first, grid.lattice.bits);
            for (int64_t c = 0; c < channels; ++c) {
                const T *g = grad.item<T>(n) + c * grad.strides[1] + row * grad.strides[2];
                double sum = 0, moment = 0;
                for (int64_t col = first; col < last; ++col)
                    if (owner[col] == number) {
                        const double value = static_cast<double>(g[col * step]);
                        sum += value;
                        moment += value * static_cast<double>(col - first);
                    }
                for (int k = 0; k < 3; ++k)
                    sums[3 * c + k] += w.at[k] * sum + w.per_col[k] * moment;
            }
        });
}

// Adds -weight * gradient of the triangle's affine function, per unit of phi.
template <class T>
void add_motion(const Grid &grid, const Corners &corners, const View &scores, int64_t n,
                const std::vector<double> &sums, double (&motion)[3][2]) {
    Point p[3];
    grid.read_points(corners, p);
    if (area2(p[0], p[1], p[2]) == 0)
        return; // owns no pixel
    const WeightGradients g = weight_gradients(p, grid.lattice.bits);
    for (int64_t c = 0; c < scores.shape[1]; ++c) {
        double s[3];
        for (int k = 0; k < 3; ++k)
            s[k] = static_cast<double>(scores.item<T>(
                n)[c * scores.strides[1] + (corners.v[k] / grid.cols) * scores.strides[2] +
                   (corners.v[k] % grid.cols) * scores.strides[3]]);
        const Slope by = finite_slope_of(s, g);
        for (int k = 0; k < 3; ++k) {
            motion[k][0] -= sums[3 * c + k] * by.row * static_cast<double>(grid.lattice.row_extent);
            motion[k][1] -= sums[3 * c + k] * by.col * static_cast<double>(grid.lattice.col_extent);
        }
    }
}

template <class T>
void backward_item(const View &phi, const View &grad, const View &scores, int64_t n,
                   const View &grad_scores, const View &grad_phi, Diagonal diagonal, int threads) {
    const Grid grid = make_grid(phi, n, grad.shape[2], grad.shape[3], diagonal);
    const std::vector<int32_t> face = owners(grid);
    const int64_t channels = grad.shape[1], w = grid.cols, vertices = grid.rows * w;
    const int64_t bins = channels + 2; // scores, then the two coordinates
    // For each row of cells: what its triangles add to the vertices above and below it.
    std::vector<double> added((grid.rows - 1) * 2 * w * bins, 0.0);
    parallel_for(grid.rows - 1, threads, [&](int64_t i) {
        std::vector<double> sums(3 * channels);
        double *row = added.data() + i * 2 * w * bins;
        for (int64_t j = 0; j + 1 < w; ++j)
            for (int second = 0; second < 2; ++second) {
                const Corners corners = grid.corners(i, j, second);
                const int32_t number = static_cast<int32_t>(triangle_number(i, j, w, second));
                add_triangle<T>(grid, face, number, corners, grad, n, sums);
                double motion[3][2] = {};
                if (grad_phi.data)
                    add_motion<T>(grid, corners, scores, n, sums, motion);
                for (int k = 0; k < 3; ++k) {
                    double *bin = row + (corners.v[k] - i * w) * bins;
                    for (int64_t c = 0; c < channels; ++c)
                        bin[c] += sums[3 * c + k];
                    bin[channels] += motion[k][0];
                    bin[channels + 1] += motion[k][1];
                }
            }
    });
    const auto total = [&](int64_t v, int64_t bin) {
        const int64_t i = v / w, j = v % w;
        double sum = 0;
        if (i > 0)
            sum += added[(((i - 1) * 2 + 1) * w + j) * bins + bin];
        if (i + 1 < grid.rows)
            sum += added[(i * 2 * w + j) * bins + bin];
        return sum;
    };
    if (grad_scores.data)
        for (int64_t c = 0; c < channels; ++c)
            for (int64_t v = 0; v < vertices; ++v)
                grad_scores.as<T>()[(n * channels + c) * vertices + v] = T(total(v, c));
    if (grad_phi.data)
        with_float_type(grad_phi.type, [&](auto tag) {
            using P = typename decltype(tag)::type;
            for (int axis = 0; axis < 2; ++axis)
                for (int64_t v = 0; v < vertices; ++v) {
                    const double at = static_cast<double>(
                        phi.item<P>(n)[axis * phi.strides[1] + (v / w) * phi.strides[2] +
                                       (v % w) * phi.strides[3]]);
                    grad_phi.as<P>()[(n * 2 + axis) * vertices + v] =
                        P(moves_point(at) ? total(v, channels + axis) : 0.0);
                }
        });
}

} // namespace

void interpolate_backward(const View &grad, const View &scores, const View &phi,
                          const View &grad_scores, const View &grad_phi, Diagonal diagonal,
                          int threads) {
    with_float_type(grad.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        for (int64_t n = 0; n < grad.shape[0]; ++n)
            backward_item<T>(phi, grad, scores, n, grad_scores, grad_phi, diagonal, threads);
    });
}

} // namespace adaseg
