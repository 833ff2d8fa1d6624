// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels, each named as its operation, with the meaning of cpu/kernels.h. Views hold
// device addresses and are checked by bindings/cuda.cpp. Nothing here allocates or synchronises.
// What an operation needs beside its outputs is a workspace of NAME_workspace bytes, aligned to 256
// bytes, which is free again once the stream has finished the call. NaN in `phi` counts as 0 and
// infinity as the border; nothing is read or written out of bounds.
#pragma once

#include <vector>

#include "array/view.h"
#include "core/cell.h"
#include "cuda/device/boundaries.h"
#include "cuda/device/stream.h"

namespace adaseg::cuda {

// `mean` and `std` hold one number per channel, or are both empty to copy the pixels as they are.
void sample(const View &image, const View &phi, const View &out, const std::vector<double> &mean,
            const std::vector<double> &std, Stream stream);

// The transpose of the gather, in two steps. sample_keys writes the number of each point's pixel in
// the whole batch to `keys`, (N, points) int64. Then the caller sorts the keys, keeping the order
// of equal ones. sample_backward takes the sorted keys and the points' former places, `order`, both
// flat, and adds up each pixel's gradients in ascending order.
void sample_keys(const View &phi, const View &keys, int64_t height, int64_t width, Stream stream);
void sample_backward(const View &grad, const View &keys, const View &order, const View &grad_image,
                     const std::vector<double> &std, Stream stream);

void triangles(const View &phi, const View &out, int64_t height, int64_t width, Diagonal diagonal,
               Stream stream);

int64_t rasterize_workspace(const View &phi);
void rasterize(const View &phi, const View &faces, const View &weights, void *workspace,
               Diagonal diagonal, Stream stream);

int64_t interpolate_workspace(const View &phi, int64_t height, int64_t width);
void interpolate(const View &scores, const View &phi, const View &out, void *workspace,
                 Diagonal diagonal, Stream stream);

int64_t interpolate_backward_workspace(const View &grad, const View &phi);
// `grad_scores` and `grad_phi` are each optional (null data).
void interpolate_backward(const View &grad, const View &scores, const View &phi,
                          const View &grad_scores, const View &grad_phi, void *workspace,
                          Diagonal diagonal, Stream stream);

int64_t interpolate_argmax_workspace(const View &phi, int64_t height, int64_t width);
void interpolate_argmax(const View &scores, const View &phi, const View &out, void *workspace,
                        Diagonal diagonal, Stream stream);

void boundary_mask(const View &labels, const View &out, const Boundaries &which, Stream stream);

int64_t nearest_boundary_workspace(const View &labels);
void nearest_boundary(const View &labels, const View &out, void *workspace, const Boundaries &which,
                      Stream stream);

} // namespace adaseg::cuda
