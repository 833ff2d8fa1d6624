// SPDX-License-Identifier: Apache-2.0
// The CPU kernels, each named as its operation. Views are checked by bindings/module.cpp: outputs
// are C-contiguous, inputs have any strides, shapes are those of the operations' Python docstrings.
// `threads` bounds the number of threads; results do not depend on it.
#pragma once

#include <vector>

#include "array/view.h"
#include "core/cell.h"
#include "cpu/common/boundaries.h"

namespace adaseg {

// (x - mean) / std, with one number per channel in each; empty vectors copy the pixels as they are.
struct Normalization {
    std::vector<double> mean, std;
};

void sample(const View &image, const View &phi, const View &out, const Normalization &normalization,
            int threads);
void sample_backward(const View &grad, const View &phi, const View &grad_image,
                     const std::vector<double> &std, int threads);

void triangles(const View &phi, const View &out, int64_t height, int64_t width, Diagonal diagonal,
               int threads);
void rasterize(const View &phi, const View &faces, const View &weights, Diagonal diagonal,
               int threads);
void interpolate(const View &scores, const View &phi, const View &out, Diagonal diagonal,
                 int threads);
// `grad_scores` and `grad_phi` are each optional (null data).
void interpolate_backward(const View &grad, const View &scores, const View &phi,
                          const View &grad_scores, const View &grad_phi, Diagonal diagonal,
                          int threads);
void interpolate_argmax(const View &scores, const View &phi, const View &out, Diagonal diagonal,
                        int threads);

void boundary_mask(const View &labels, const View &out, const Boundaries &which, int threads);
void nearest_boundary(const View &labels, const View &out, const Boundaries &which, int threads);

// With `homogeneous` the fixed borders are all 0: the linear part of the solution.
void solve_sampling(const View &targets, const View &out, double lam, bool homogeneous,
                    int threads);

} // namespace adaseg
