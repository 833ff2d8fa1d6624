// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels, each named as its operation, with the meaning of cpu/kernels.h. Views hold
// device addresses and are checked by bindings/cuda.cpp. Nothing here allocates or synchronises:
// what an operation needs beside its outputs is a workspace of the size that NAME_workspace tells,
// aligned to 256 bytes, free again when the stream has come past the call. NaN in `phi` counts as
// 0 and infinity as the border; nothing is read or written out of bounds.
#pragma once

#include <vector>

#include "core/cell.h"
#include "array/view.h"

namespace adaseg::cuda {

using Stream = void *; // a cudaStream_t

// `mean` and `std`: one number a channel each, or both empty to copy the pixels as they are.
void sample(const View &image, const View &phi, const View &out, const std::vector<double> &mean,
            const std::vector<double> &std, Stream stream);

// The transpose of the gather in two steps, between which the caller sorts, keeping the order of
// equal keys: `keys` (N, points) int64 gets the number of each point's pixel in the whole batch;
// then, with the sorted keys and the points' former places `order` (both flat), each pixel's
// gradients are added up in ascending order.
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

// Which boundaries count; classes outside of 0..255 are listed, this many at most.
constexpr int most_other_classes = 128;

struct Boundaries {
    int64_t ignore_index = 255;
    bool all = true;
    int32_t others = 0;
    uint32_t chosen[8] = {}; // a bit for each class in 0..255
    int64_t other[most_other_classes] = {};
};

void boundary_mask(const View &labels, const View &out, const Boundaries &which, Stream stream);

int64_t nearest_boundary_workspace(const View &labels);
void nearest_boundary(const View &labels, const View &out, void *workspace, const Boundaries &which,
                      Stream stream);

} // namespace adaseg::cuda
