// SPDX-License-Identifier: Apache-2.0
// Checks of arguments that the CPU and the CUDA bindings share. Python has checked shapes that
// belong together (adaseg_fast.backends.specs); what is checked again here is what could lead to an
// access out of bounds.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "core/cell.h"
#include "core/label.h"

namespace adaseg {

// Target classes; without a value, all classes.
using Classes = std::optional<std::vector<int64_t>>;

inline void require(bool holds, const char *message) {
    if (!holds)
        throw py::value_error(message);
}

inline std::string shape_text(const int64_t *shape, size_t dims) {
    std::string text = "(";
    for (size_t k = 0; k < dims; ++k)
        text += (k > 0 ? ", " : "") + std::to_string(shape[k]);
    return text + ")";
}

// `wanted` says in words or numbers what the shape of `view` must be.
[[noreturn]] inline void refuse_shape(const View &view, const std::string &wanted,
                                      const char *name) {
    throw py::value_error(std::string(name) + " must be " + wanted + ", got " +
                          shape_text(view.shape.data(), view.dims));
}

inline void require_shape(const View &view, const std::vector<int64_t> &shape, const char *name) {
    bool same = view.dims == static_cast<int>(shape.size());
    for (int k = 0; same && k < view.dims; ++k)
        same = view.shape[k] == shape[k];
    if (!same)
        refuse_shape(view, shape_text(shape.data(), shape.size()), name);
}

inline void require_dims(const View &view, const char *wanted, int dims, const char *name) {
    if (view.dims != dims)
        refuse_shape(view, wanted, name);
}

// A batch of images or grids `wanted`, whose last two sizes must be at least `least`.
inline void require_planes(const View &view, const char *wanted, int dims, int64_t least,
                           const char *name) {
    require_dims(view, wanted, dims, name);
    if (view.shape[dims - 2] < least || view.shape[dims - 1] < least)
        refuse_shape(view,
                     std::string(wanted) + " of at least " + std::to_string(least) + " x " +
                         std::to_string(least),
                     name);
}

inline const char *name_of(DType type) { return type_table[static_cast<int>(type)].name; }

inline void require_type(const View &view, DType type, const char *name) {
    if (view.type != type)
        throw py::value_error(std::string(name) + " must be " + name_of(type) + ", got " +
                              name_of(view.type));
}

// An output: it must have the given shape and be C-contiguous.
inline View output(py::handle object, const std::vector<int64_t> &shape, const char *name) {
    const View view = view_of(object);
    require_shape(view, shape, name);
    if (std::count(shape.begin(), shape.end(), 0) > 0)
        return view; // NumPy gives empty arrays arbitrary strides
    int64_t stride = 1;
    for (int k = view.dims - 1; k >= 0; --k) {
        if (view.shape[k] > 1 && view.strides[k] != stride)
            throw py::value_error(std::string(name) + " must be C-contiguous");
        stride *= view.shape[k];
    }
    return view;
}

inline View output(py::handle object, const std::vector<int64_t> &shape, DType type,
                   const char *name) {
    const View view = output(object, shape, name);
    require_type(view, type, name);
    return view;
}

// A sampling tensor (items, 2, h, w) with h and w at least `least`. Its triangles' numbers fit
// int32.
inline View sampling_tensor(py::handle object, int64_t least) {
    const View phi = view_of(object);
    require_planes(phi, "(N, 2, h, w)", 4, least, "phi");
    if (phi.shape[1] != 2)
        refuse_shape(phi, "(N, 2, h, w)", "phi");
    require(phi.shape[2] <= (int64_t{1} << 30) / phi.shape[3], "phi must have at most 2^30 points");
    return phi;
}

// The size of an image that triangles are drawn in: columns just beyond it must fit 31 bits too.
inline void require_size(int64_t height, int64_t width) {
    constexpr int64_t largest = int64_t{1} << 30;
    require(height > 0 && width > 0 && height <= largest && width <= largest,
            "size must be from 1 x 1 to 2^30 x 2^30");
}

inline Diagonal diagonal_of(int number) {
    require(number >= 0 && number <= 2, "diagonal must be 0, 1 or 2");
    return static_cast<Diagonal>(number);
}

inline View scores_for(py::handle scores_, const View &phi) {
    const View scores = view_of(scores_);
    require_shape(
        scores, {phi.shape[0], scores.dims == 4 ? scores.shape[1] : -1, phi.shape[2], phi.shape[3]},
        "scores");
    return scores;
}

struct Sampled {
    View image, out;
};

inline Sampled sampled(py::handle image_, const View &phi, py::handle out_,
                       const std::vector<double> &mean, const std::vector<double> &std) {
    const View image = view_of(image_);
    require_planes(image, "(N, C, H, W)", 4, 1, "image");
    require(image.shape[0] == phi.shape[0], "image and phi must agree in batch size");
    const size_t channels = std.empty() ? 0 : static_cast<size_t>(image.shape[1]);
    require(mean.size() == channels && std.size() == channels,
            "mean and std must hold one number per channel");
    const DType normalized = image.type == DType::f64 ? DType::f64 : DType::f32;
    const View out = output(out_, {image.shape[0], image.shape[1], phi.shape[2], phi.shape[3]},
                            std.empty() ? image.type : normalized, "out");
    return {image, out};
}

inline void require_std(const std::vector<double> &std, int64_t channels) {
    require(std.empty() || static_cast<int64_t>(std.size()) == channels,
            "std must hold one number per channel");
}

inline View triangles_out(py::handle out_, const View &phi, int64_t height, int64_t width) {
    require_size(height, width);
    return output(out_, {phi.shape[0], triangle_count(phi.shape[2], phi.shape[3]), 3}, DType::i64,
                  "out");
}

struct Raster {
    View faces, weights;
};

inline Raster raster_out(py::handle faces_, py::handle weights_, const View &phi) {
    const View of = view_of(faces_);
    require_dims(of, "(N, H, W)", 3, "faces");
    require_size(of.shape[1], of.shape[2]);
    return {output(faces_, {phi.shape[0], of.shape[1], of.shape[2]}, DType::i32, "faces"),
            output(weights_, {phi.shape[0], 3, of.shape[1], of.shape[2]}, "weights")};
}

inline View values_out(py::handle out_, const View &scores) {
    const View of = view_of(out_);
    require_dims(of, "(N, C, H, W)", 4, "out");
    require_size(of.shape[2], of.shape[3]);
    return output(out_, {scores.shape[0], scores.shape[1], of.shape[2], of.shape[3]}, scores.type,
                  "out");
}

inline View labels_out(py::handle out_, const View &scores) {
    const View of = view_of(out_);
    require_dims(of, "(N, H, W)", 3, "out");
    require_size(of.shape[1], of.shape[2]);
    require(scores.shape[1] > 0, "scores must hold at least one class");
    return output(out_, {scores.shape[0], of.shape[1], of.shape[2]},
                  scores.shape[1] <= most_byte_classes ? DType::u8 : DType::i32, "out");
}

// Gradients of the interpolation; those that are not asked for have no data.
struct Gradients {
    View values, scores, phi;
};

inline Gradients gradients(py::handle grad_, py::handle grad_scores_, py::handle grad_phi_,
                           const View &scores, const View &phi) {
    Gradients found;
    found.values = view_of(grad_);
    require_dims(found.values, "(N, C, H, W)", 4, "grad");
    require(found.values.shape[0] == scores.shape[0] && found.values.shape[1] == scores.shape[1],
            "grad and scores must agree in batch size and channels");
    require_type(found.values, scores.type, "grad");
    require_size(found.values.shape[2], found.values.shape[3]);
    if (!grad_scores_.is_none())
        found.scores =
            output(grad_scores_, {phi.shape[0], scores.shape[1], phi.shape[2], phi.shape[3]},
                   scores.type, "grad_scores");
    if (!grad_phi_.is_none())
        found.phi =
            output(grad_phi_, {phi.shape[0], 2, phi.shape[2], phi.shape[3]}, phi.type, "grad_phi");
    return found;
}

inline View labels_in(py::handle labels_) {
    const View labels = view_of(labels_);
    require_planes(labels, "(N, H, W)", 3, 1, "labels");
    return labels;
}

inline View mask_out(py::handle out_, const View &labels) {
    return output(out_, {labels.shape[0], labels.shape[1], labels.shape[2]}, DType::boolean, "out");
}

inline View nearest_out(py::handle out_, const View &labels) {
    const View of = view_of(out_);
    require_dims(of, "(N, 2, h, w)", 4, "out");
    return output(out_, {labels.shape[0], 2, of.shape[2], of.shape[3]}, DType::f32, "out");
}

} // namespace adaseg
