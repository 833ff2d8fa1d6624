// SPDX-License-Identifier: Apache-2.0
// Arrays from Python -> checked views; included by the bindings only.
// An array is a NumPy array or a tuple (address, type number, shape, strides in elements), which
// is how torch tensors come without this module knowing torch. Shapes that belong together have
// been checked in Python (adaseg_fast.backends.checks); what is checked again here is whatever an
// access out of bounds could come from.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/cell.h"
#include "array/view.h"

namespace py = pybind11;

namespace adaseg {

inline DType type_of(const py::dtype &type) {
    switch (type.kind()) {
    case 'b':
        return DType::boolean;
    case 'f':
        if (type.itemsize() == 2)
            return DType::f16;
        if (type.itemsize() == 4)
            return DType::f32;
        if (type.itemsize() == 8)
            return DType::f64;
        break;
    case 'i':
    case 'u': {
        const bool sign = type.kind() == 'i';
        switch (type.itemsize()) {
        case 1:
            return sign ? DType::i8 : DType::u8;
        case 2:
            return sign ? DType::i16 : DType::u16;
        case 4:
            return sign ? DType::i32 : DType::u32;
        default:
            return sign ? DType::i64 : DType::u64;
        }
    }
    default:
        break;
    }
    throw py::type_error("arrays of dtype " +
                         py::str(static_cast<py::handle>(type)).cast<std::string>() +
                         " are not supported");
}

inline View view_of_numpy(const py::array &array) {
    View view;
    view.type = type_of(array.dtype());
    if (!array.dtype().is(py::dtype::of<bool>()) && array.dtype().byteorder() == '>')
        throw py::type_error("arrays in big-endian byte order are not supported");
    view.data = const_cast<void *>(array.data());
    view.dims = static_cast<int>(array.ndim());
    if (view.dims > 4)
        throw py::value_error("arrays of at most 4 dimensions are wanted");
    const int size = item_size(view.type);
    for (int k = 0; k < view.dims; ++k) {
        view.shape[k] = array.shape(k);
        if (array.strides(k) % size != 0 && array.shape(k) > 1)
            throw py::value_error("arrays whose strides are whole elements are wanted");
        view.strides[k] = array.strides(k) / size;
    }
    if (reinterpret_cast<uintptr_t>(view.data) % size != 0)
        throw py::value_error("aligned arrays are wanted");
    return view;
}

inline View view_of(py::handle object) {
    if (py::isinstance<py::array>(object))
        return view_of_numpy(py::reinterpret_borrow<py::array>(object));
    const py::tuple parts = py::reinterpret_borrow<py::object>(object).cast<py::tuple>();
    const py::tuple shape = parts[2].cast<py::tuple>(), strides = parts[3].cast<py::tuple>();
    View view;
    view.data = reinterpret_cast<void *>(parts[0].cast<uintptr_t>());
    view.type = static_cast<DType>(parts[1].cast<int>());
    view.dims = static_cast<int>(shape.size());
    if (view.dims > 4 || strides.size() != shape.size())
        throw py::value_error("arrays of at most 4 dimensions are wanted");
    for (int k = 0; k < view.dims; ++k) {
        view.shape[k] = shape[k].cast<int64_t>();
        view.strides[k] = strides[k].cast<int64_t>();
    }
    return view;
}

inline void require(bool holds, const char *message) {
    if (!holds)
        throw py::value_error(message);
}

inline void require_shape(const View &view, const std::vector<int64_t> &shape, const char *name) {
    bool same = view.dims == static_cast<int>(shape.size());
    for (int k = 0; same && k < view.dims; ++k)
        same = view.shape[k] == shape[k];
    if (!same)
        throw py::value_error(std::string(name) + " has an unexpected shape");
}

// An output: of the given shape, C-contiguous.
inline View output(py::handle object, const std::vector<int64_t> &shape, const char *name) {
    const View view = view_of(object);
    require_shape(view, shape, name);
    if (std::count(shape.begin(), shape.end(), 0) > 0)
        return view; // NumPy gives empty arrays any strides
    int64_t stride = 1;
    for (int k = view.dims - 1; k >= 0; --k) {
        if (view.shape[k] > 1 && view.strides[k] != stride)
            throw py::value_error(std::string(name) + " is not contiguous");
        stride *= view.shape[k];
    }
    return view;
}

// A sampling tensor (items, 2, h, w), h and w at least `least`; numbers of its triangles fit int32.
inline View sampling_tensor(py::handle object, int64_t least) {
    const View phi = view_of(object);
    require(phi.dims == 4 && phi.shape[1] == 2 && phi.shape[2] >= least && phi.shape[3] >= least,
            "phi has an unexpected shape");
    require(phi.shape[2] <= (int64_t{1} << 30) / phi.shape[3], "phi has more than 2^30 points");
    return phi;
}

// Of an image that triangles are drawn in: numbers of columns just beyond it fit 31 bits, too.
inline void require_size(int64_t height, int64_t width) {
    constexpr int64_t largest = int64_t{1} << 30;
    require(height > 0 && width > 0 && height <= largest && width <= largest,
            "size has to be from 1 x 1 to 2^30 x 2^30");
}

inline Diagonal diagonal_of(int number) {
    require(number >= 0 && number <= 2, "diagonal is unknown");
    return static_cast<Diagonal>(number);
}

inline View scores_for(py::handle scores_, const View &phi) {
    const View scores = view_of(scores_);
    require_shape(
        scores, {phi.shape[0], scores.dims == 4 ? scores.shape[1] : -1, phi.shape[2], phi.shape[3]},
        "scores");
    return scores;
}

// What the kernels of the CPU and of CUDA take alike, checked.
struct Sampled {
    View image, out;
};

inline Sampled sampled(py::handle image_, const View &phi, py::handle out_,
                       const std::vector<double> &mean, const std::vector<double> &std) {
    const View image = view_of(image_);
    require(image.dims == 4 && image.shape[2] > 0 && image.shape[3] > 0,
            "image has an unexpected shape");
    require(image.shape[0] == phi.shape[0], "image and phi differ in batch size");
    const View out =
        output(out_, {image.shape[0], image.shape[1], phi.shape[2], phi.shape[3]}, "out");
    const size_t channels = std.empty() ? 0 : static_cast<size_t>(image.shape[1]);
    require(mean.size() == channels && std.size() == channels, "one mean and std a channel");
    const bool is_double = image.type == DType::f64;
    require(out.type == (std.empty() ? image.type
                         : is_double ? DType::f64
                                     : DType::f32),
            "out has an unexpected dtype");
    return {image, out};
}

inline View triangles_out(py::handle out_, const View &phi, int64_t height, int64_t width) {
    const View out =
        output(out_, {phi.shape[0], 2 * (phi.shape[2] - 1) * (phi.shape[3] - 1), 3}, "out");
    require(out.type == DType::i64, "out has an unexpected dtype");
    require_size(height, width);
    return out;
}

struct Raster {
    View faces, weights;
};

inline Raster raster_out(py::handle faces_, py::handle weights_, const View &phi) {
    const View shape = view_of(faces_);
    require(shape.dims == 3, "faces has an unexpected shape");
    require_size(shape.shape[1], shape.shape[2]);
    const View faces = output(faces_, {phi.shape[0], shape.shape[1], shape.shape[2]}, "faces");
    const View weights =
        output(weights_, {phi.shape[0], 3, shape.shape[1], shape.shape[2]}, "weights");
    require(faces.type == DType::i32, "faces has an unexpected dtype");
    return {faces, weights};
}

inline View values_out(py::handle out_, const View &scores) {
    const View shape = view_of(out_);
    require(shape.dims == 4, "out has an unexpected shape");
    require_size(shape.shape[2], shape.shape[3]);
    const View out =
        output(out_, {scores.shape[0], scores.shape[1], shape.shape[2], shape.shape[3]}, "out");
    require(out.type == scores.type, "out has an unexpected dtype");
    return out;
}

inline View labels_out(py::handle out_, const View &scores) {
    const View shape = view_of(out_);
    require(shape.dims == 3, "out has an unexpected shape");
    require_size(shape.shape[1], shape.shape[2]);
    const View out = output(out_, {scores.shape[0], shape.shape[1], shape.shape[2]}, "out");
    require(scores.shape[1] > 0, "scores has no class");
    require(out.type == (scores.shape[1] <= 256 ? DType::u8 : DType::i32),
            "out has an unexpected dtype");
    return out;
}

// Of the interpolation; without data where they are not asked for.
struct Gradients {
    View values, scores, phi;
};

inline Gradients gradients(py::handle grad_, py::handle grad_scores_, py::handle grad_phi_,
                           const View &scores, const View &phi) {
    Gradients found;
    found.values = view_of(grad_);
    require(found.values.dims == 4 && found.values.shape[0] == scores.shape[0] &&
                found.values.shape[1] == scores.shape[1],
            "grad has an unexpected shape");
    require(found.values.type == scores.type, "grad has an unexpected dtype");
    require_size(found.values.shape[2], found.values.shape[3]);
    if (!grad_scores_.is_none()) {
        found.scores =
            output(grad_scores_, {phi.shape[0], scores.shape[1], phi.shape[2], phi.shape[3]},
                   "grad_scores");
        require(found.scores.type == scores.type, "grad_scores has an unexpected dtype");
    }
    if (!grad_phi_.is_none()) {
        found.phi = output(grad_phi_, {phi.shape[0], 2, phi.shape[2], phi.shape[3]}, "grad_phi");
        require(found.phi.type == phi.type, "grad_phi has an unexpected dtype");
    }
    return found;
}

inline View mask_out(py::handle out_, const View &labels) {
    const View out = output(out_, {labels.shape[0], labels.shape[1], labels.shape[2]}, "out");
    require(out.type == DType::boolean, "out has an unexpected dtype");
    return out;
}

inline View nearest_out(py::handle out_, const View &labels) {
    const View shape = view_of(out_);
    require(shape.dims == 4, "out has an unexpected shape");
    const View out = output(out_, {labels.shape[0], 2, shape.shape[2], shape.shape[3]}, "out");
    require(out.type == DType::f32, "out has an unexpected dtype");
    return out;
}

} // namespace adaseg
