// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels for Python: adaseg_fast._native.cuda. Arrays are tuples of device addresses (see
// bindings/views.h); each call ends with the number of the device and its stream. What a kernel
// needs beside its outputs is one array of bytes, of the size that NAME_workspace tells.
#include "bindings/views.h"

#include <optional>

#include "cuda/device/device.h"
#include "cuda/kernels.h"

#ifndef ADASEG_CUDA_ARCHITECTURES
#define ADASEG_CUDA_ARCHITECTURES "unknown"
#endif

namespace adaseg {

namespace {

using cuda::OnDevice;
using cuda::Stream;

Stream stream_of(uintptr_t address) { return reinterpret_cast<Stream>(address); }

// Kernels look the type of coordinates up as they run, and trust it.
View points_of(py::handle object, int64_t least) {
    const View phi = sampling_tensor(object, least);
    with_float_type(phi.type, [](auto) {});
    return phi;
}

View grid_of(py::handle object) { return points_of(object, 2); }

void *workspace_of(py::handle object, int64_t bytes) {
    const View space = view_of(object);
    require(space.type == DType::u8 && space.dims == 1 && space.shape[0] >= bytes &&
                (bytes == 0 || space.strides[0] == 1),
            "the workspace is too small");
    return space.data;
}

void py_sample(py::handle image_, py::handle phi_, py::handle out_, const std::vector<double> &mean,
               const std::vector<double> &std, int device, uintptr_t stream) {
    const View phi = points_of(phi_, 1);
    const auto [image, out] = sampled(image_, phi, out_, mean, std);
    const py::gil_scoped_release nogil;
    const OnDevice on(device);
    cuda::sample(image, phi, out, mean, std, stream_of(stream));
}

void py_sample_keys(py::handle phi_, py::handle keys_, int64_t height, int64_t width, int device,
                    uintptr_t stream) {
    const View phi = points_of(phi_, 1);
    const View keys = output(keys_, {phi.shape[0] * phi.shape[2] * phi.shape[3]}, "keys");
    require(keys.type == DType::i64 && height > 0 && width > 0, "keys has an unexpected dtype");
    const py::gil_scoped_release nogil;
    const OnDevice on(device);
    cuda::sample_keys(phi, keys, height, width, stream_of(stream));
}

void py_sample_backward(py::handle grad_, py::handle keys_, py::handle order_,
                        py::handle grad_image_, const std::vector<double> &std, int device,
                        uintptr_t stream) {
    const View grad = view_of(grad_), target = view_of(grad_image_);
    require(grad.dims == 4 && target.dims == 4, "grad has an unexpected shape");
    const View grad_image =
        output(grad_image_, {grad.shape[0], grad.shape[1], target.shape[2], target.shape[3]},
               "grad_image");
    const int64_t count = grad.shape[0] * grad.shape[2] * grad.shape[3];
    const View keys = output(keys_, {count}, "keys"), order = output(order_, {count}, "order");
    require(keys.type == DType::i64 && order.type == DType::i64, "keys has an unexpected dtype");
    require(std.empty() || static_cast<int64_t>(std.size()) == grad.shape[1], "one std a channel");
    const py::gil_scoped_release nogil;
    const OnDevice on(device);
    cuda::sample_backward(grad, keys, order, grad_image, std, stream_of(stream));
}

void py_triangles(py::handle phi_, py::handle out_, int64_t height, int64_t width, int diagonal,
                  int device, uintptr_t stream) {
    const View phi = grid_of(phi_), out = triangles_out(out_, phi, height, width);
    const Diagonal rule = diagonal_of(diagonal);
    const py::gil_scoped_release nogil;
    const OnDevice on(device);
    cuda::triangles(phi, out, height, width, rule, stream_of(stream));
}

void py_rasterize(py::handle phi_, py::handle faces_, py::handle weights_, py::handle workspace,
                  int diagonal, int device, uintptr_t stream) {
    const View phi = grid_of(phi_);
    const auto [faces, weights] = raster_out(faces_, weights_, phi);
    require(weights.type == DType::f32 || weights.type == DType::f64,
            "weights has an unexpected dtype");
    void *space = workspace_of(workspace, cuda::rasterize_workspace(phi));
    const Diagonal rule = diagonal_of(diagonal);
    const py::gil_scoped_release nogil;
    const OnDevice on(device);
    cuda::rasterize(phi, faces, weights, space, rule, stream_of(stream));
}

void py_interpolate(py::handle scores_, py::handle phi_, py::handle out_, py::handle workspace,
                    int diagonal, int device, uintptr_t stream) {
    const View phi = grid_of(phi_), scores = scores_for(scores_, phi);
    const View out = values_out(out_, scores);
    void *space =
        workspace_of(workspace, cuda::interpolate_workspace(phi, out.shape[2], out.shape[3]));
    const Diagonal rule = diagonal_of(diagonal);
    const py::gil_scoped_release nogil;
    const OnDevice on(device);
    cuda::interpolate(scores, phi, out, space, rule, stream_of(stream));
}

void py_interpolate_backward(py::handle grad_, py::handle scores_, py::handle phi_,
                             py::handle grad_scores_, py::handle grad_phi_, py::handle workspace,
                             int diagonal, int device, uintptr_t stream) {
    const View phi = grid_of(phi_), scores = scores_for(scores_, phi);
    const Gradients grad = gradients(grad_, grad_scores_, grad_phi_, scores, phi);
    void *space = workspace_of(workspace, cuda::interpolate_backward_workspace(grad.values, phi));
    const Diagonal rule = diagonal_of(diagonal);
    const py::gil_scoped_release nogil;
    const OnDevice on(device);
    cuda::interpolate_backward(grad.values, scores, phi, grad.scores, grad.phi, space, rule,
                               stream_of(stream));
}

void py_interpolate_argmax(py::handle scores_, py::handle phi_, py::handle out_,
                           py::handle workspace, int diagonal, int device, uintptr_t stream) {
    const View phi = grid_of(phi_), scores = scores_for(scores_, phi);
    const View out = labels_out(out_, scores);
    void *space = workspace_of(workspace,
                               cuda::interpolate_argmax_workspace(phi, out.shape[1], out.shape[2]));
    const Diagonal rule = diagonal_of(diagonal);
    const py::gil_scoped_release nogil;
    const OnDevice on(device);
    cuda::interpolate_argmax(scores, phi, out, space, rule, stream_of(stream));
}

using Classes = std::optional<std::vector<int64_t>>;

cuda::Boundaries boundaries_of(const Classes &classes, int64_t ignore_index) {
    cuda::Boundaries which;
    which.ignore_index = ignore_index;
    which.all = !classes.has_value();
    for (const int64_t label : classes.value_or(std::vector<int64_t>{}))
        if (label >= 0 && label < 256) {
            which.chosen[label / 32] |= 1u << (label % 32);
        } else {
            if (which.others == cuda::most_other_classes)
                throw py::value_error("on CUDA, classes may hold at most " +
                                      std::to_string(cuda::most_other_classes) +
                                      " labels outside of 0..255");
            which.other[which.others++] = label;
        }
    return which;
}

View labels_of(py::handle object) {
    const View labels = view_of(object);
    require(labels.dims == 3 && labels.shape[1] > 0 && labels.shape[2] > 0,
            "labels has an unexpected shape");
    return labels;
}

void py_boundary_mask(py::handle labels_, py::handle out_, const Classes &classes,
                      int64_t ignore_index, int device, uintptr_t stream) {
    const View labels = labels_of(labels_);
    const View out = mask_out(out_, labels);
    const cuda::Boundaries which = boundaries_of(classes, ignore_index);
    const py::gil_scoped_release nogil;
    const OnDevice on(device);
    cuda::boundary_mask(labels, out, which, stream_of(stream));
}

void py_nearest_boundary(py::handle labels_, py::handle out_, py::handle workspace,
                         const Classes &classes, int64_t ignore_index, int device,
                         uintptr_t stream) {
    const View labels = labels_of(labels_), out = nearest_out(out_, labels);
    void *space = workspace_of(workspace, cuda::nearest_boundary_workspace(labels));
    const cuda::Boundaries which = boundaries_of(classes, ignore_index);
    const py::gil_scoped_release nogil;
    const OnDevice on(device);
    cuda::nearest_boundary(labels, out, space, which, stream_of(stream));
}

} // namespace

void bind_cuda(py::module_ &m) {
    m.attr("toolkit") = cuda::toolkit();
    m.attr("architectures") = ADASEG_CUDA_ARCHITECTURES;
    m.def("sample", &py_sample);
    m.def("sample_keys", &py_sample_keys);
    m.def("sample_backward", &py_sample_backward);
    m.def("triangles", &py_triangles);
    m.def("rasterize_workspace",
          [](py::handle phi) { return cuda::rasterize_workspace(grid_of(phi)); });
    m.def("rasterize", &py_rasterize);
    m.def("interpolate_workspace", [](py::handle phi, int64_t height, int64_t width) {
        return cuda::interpolate_workspace(grid_of(phi), height, width);
    });
    m.def("interpolate", &py_interpolate);
    m.def("interpolate_backward_workspace", [](py::handle grad, py::handle phi) {
        return cuda::interpolate_backward_workspace(view_of(grad), grid_of(phi));
    });
    m.def("interpolate_backward", &py_interpolate_backward);
    m.def("interpolate_argmax_workspace", [](py::handle phi, int64_t height, int64_t width) {
        return cuda::interpolate_argmax_workspace(grid_of(phi), height, width);
    });
    m.def("interpolate_argmax", &py_interpolate_argmax);
    m.def("boundary_mask", &py_boundary_mask);
    m.def("nearest_boundary_workspace",
          [](py::handle labels) { return cuda::nearest_boundary_workspace(labels_of(labels)); });
    m.def("nearest_boundary", &py_nearest_boundary);
}

} // namespace adaseg
