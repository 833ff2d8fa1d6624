// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels for Python: adaseg_fast._native.cuda. Arrays are tuples with device addresses
// (bindings/arrays.h). The last arguments of a call are the number of the device and its stream.
// What a kernel needs beside its outputs is `workspace`, an array of NAME_workspace(...) bytes.
#include "bindings/checks.h"
#include "cuda/device/device.h"
#include "cuda/kernels.h"

#ifndef ADASEG_CUDA_ARCHITECTURES
#define ADASEG_CUDA_ARCHITECTURES "unknown"
#endif

namespace adaseg {

namespace {

using cuda::Stream;

Stream stream_of(uintptr_t address) { return reinterpret_cast<Stream>(address); }

// The state of a call once its arguments are checked: the GIL released, the device current.
struct OnDevice {
    py::gil_scoped_release nogil;
    cuda::OnDevice on;

    explicit OnDevice(int device) : on(device) {}
};

// Kernels look up the type of coordinates as they run and trust it: it must be floating point.
View points_of(py::handle object, int64_t least) {
    const View phi = sampling_tensor(object, least);
    with_float_type(phi.type, [](auto) {});
    return phi;
}

View grid_of(py::handle object) { return points_of(object, 2); }

void *workspace_of(py::handle object, int64_t bytes) {
    const View space = view_of(object);
    require(space.type == DType::u8 && space.dims == 1 &&
                (space.shape[0] <= 1 || space.strides[0] == 1),
            "workspace must be a contiguous array of bytes");
    require(space.shape[0] >= bytes, "the workspace is too small");
    return space.data;
}

void py_sample(py::handle image_, py::handle phi_, py::handle out_, const std::vector<double> &mean,
               const std::vector<double> &std, int device, uintptr_t stream) {
    const View phi = points_of(phi_, 1);
    const auto [image, out] = sampled(image_, phi, out_, mean, std);
    const OnDevice on(device);
    cuda::sample(image, phi, out, mean, std, stream_of(stream));
}

void py_sample_keys(py::handle phi_, py::handle keys_, int64_t height, int64_t width, int device,
                    uintptr_t stream) {
    const View phi = points_of(phi_, 1);
    const View keys =
        output(keys_, {phi.shape[0] * phi.shape[2] * phi.shape[3]}, DType::i64, "keys");
    require(height > 0 && width > 0, "height and width must be at least 1");
    const OnDevice on(device);
    cuda::sample_keys(phi, keys, height, width, stream_of(stream));
}

void py_sample_backward(py::handle grad_, py::handle keys_, py::handle order_,
                        py::handle grad_image_, const std::vector<double> &std, int device,
                        uintptr_t stream) {
    const View grad = view_of(grad_), of = view_of(grad_image_);
    require_dims(grad, "(N, C, h, w)", 4, "grad");
    require_dims(of, "(N, C, H, W)", 4, "grad_image");
    const View grad_image =
        output(grad_image_, {grad.shape[0], grad.shape[1], of.shape[2], of.shape[3]}, "grad_image");
    const int64_t count = grad.shape[0] * grad.shape[2] * grad.shape[3];
    const View keys = output(keys_, {count}, DType::i64, "keys");
    const View order = output(order_, {count}, DType::i64, "order");
    require_std(std, grad.shape[1]);
    const OnDevice on(device);
    cuda::sample_backward(grad, keys, order, grad_image, std, stream_of(stream));
}

void py_triangles(py::handle phi_, py::handle out_, int64_t height, int64_t width, int diagonal,
                  int device, uintptr_t stream) {
    const View phi = grid_of(phi_), out = triangles_out(out_, phi, height, width);
    const Diagonal rule = diagonal_of(diagonal);
    const OnDevice on(device);
    cuda::triangles(phi, out, height, width, rule, stream_of(stream));
}

void py_rasterize(py::handle phi_, py::handle faces_, py::handle weights_, py::handle workspace,
                  int diagonal, int device, uintptr_t stream) {
    const View phi = grid_of(phi_);
    const auto [faces, weights] = raster_out(faces_, weights_, phi);
    require(weights.type == DType::f32 || weights.type == DType::f64,
            "weights must be float32 or float64");
    void *space = workspace_of(workspace, cuda::rasterize_workspace(phi));
    const Diagonal rule = diagonal_of(diagonal);
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
    const OnDevice on(device);
    cuda::interpolate_argmax(scores, phi, out, space, rule, stream_of(stream));
}

cuda::Boundaries boundaries_of(const Classes &classes, int64_t ignore_index) {
    cuda::Boundaries which;
    auto &others = which.others;
    which.rule.ignore_index = ignore_index;
    which.rule.all = !classes.has_value();
    for (const int64_t label : classes.value_or(std::vector<int64_t>{}))
        if (BoundaryRule::has_bit(label)) {
            which.rule.choose(label);
        } else {
            if (others.count == others.most)
                throw py::value_error("on CUDA, classes may hold at most " +
                                      std::to_string(others.most) + " labels outside of 0..255");
            others.label[others.count++] = label;
        }
    return which;
}

void py_boundary_mask(py::handle labels_, py::handle out_, const Classes &classes,
                      int64_t ignore_index, int device, uintptr_t stream) {
    const View labels = labels_in(labels_);
    const View out = mask_out(out_, labels);
    const cuda::Boundaries which = boundaries_of(classes, ignore_index);
    const OnDevice on(device);
    cuda::boundary_mask(labels, out, which, stream_of(stream));
}

void py_nearest_boundary(py::handle labels_, py::handle out_, py::handle workspace,
                         const Classes &classes, int64_t ignore_index, int device,
                         uintptr_t stream) {
    const View labels = labels_in(labels_), out = nearest_out(out_, labels);
    void *space = workspace_of(workspace, cuda::nearest_boundary_workspace(labels));
    const cuda::Boundaries which = boundaries_of(classes, ignore_index);
    const OnDevice on(device);
    cuda::nearest_boundary(labels, out, space, which, stream_of(stream));
}

} // namespace

void bind_cuda(py::module_ &m) {
    m.attr("toolkit") = cuda::toolkit();
    m.attr("architectures") = ADASEG_CUDA_ARCHITECTURES;
    using py::arg;
    const arg device("device"), stream("stream"), workspace("workspace");
    m.def("sample", &py_sample, arg("image"), arg("phi"), arg("out"), arg("mean"), arg("std"),
          device, stream, "As on the CPU.");
    m.def("sample_keys", &py_sample_keys, arg("phi"), arg("keys"), arg("height"), arg("width"),
          device, stream,
          "Write the number of each point's pixel in the whole batch to keys (N * h * w,) int64.");
    m.def("sample_backward", &py_sample_backward, arg("grad"), arg("keys"), arg("order"),
          arg("grad_image"), arg("std"), device, stream,
          "Scatter grad back to the sampled pixels.\n\n"
          "keys are those of sample_keys, sorted; order holds their former places. Equal keys must "
          "keep their order.");
    m.def("triangles", &py_triangles, arg("phi"), arg("out"), arg("height"), arg("width"),
          arg("diagonal"), device, stream, "As on the CPU.");
    m.def(
        "rasterize_workspace",
        [](py::handle phi) { return cuda::rasterize_workspace(grid_of(phi)); }, arg("phi"),
        "Bytes of workspace that rasterize needs.");
    m.def("rasterize", &py_rasterize, arg("phi"), arg("faces"), arg("weights"), workspace,
          arg("diagonal"), device, stream, "As on the CPU.");
    m.def(
        "interpolate_workspace",
        [](py::handle phi, int64_t height, int64_t width) {
            return cuda::interpolate_workspace(grid_of(phi), height, width);
        },
        arg("phi"), arg("height"), arg("width"),
        "Bytes of workspace that interpolate needs for an output of height x width.");
    m.def("interpolate", &py_interpolate, arg("scores"), arg("phi"), arg("out"), workspace,
          arg("diagonal"), device, stream, "As on the CPU.");
    m.def(
        "interpolate_backward_workspace",
        [](py::handle grad, py::handle phi) {
            return cuda::interpolate_backward_workspace(view_of(grad), grid_of(phi));
        },
        arg("grad"), arg("phi"), "Bytes of workspace that interpolate_backward needs.");
    m.def("interpolate_backward", &py_interpolate_backward, arg("grad"), arg("scores"), arg("phi"),
          arg("grad_scores"), arg("grad_phi"), workspace, arg("diagonal"), device, stream,
          "As on the CPU.");
    m.def(
        "interpolate_argmax_workspace",
        [](py::handle phi, int64_t height, int64_t width) {
            return cuda::interpolate_argmax_workspace(grid_of(phi), height, width);
        },
        arg("phi"), arg("height"), arg("width"),
        "Bytes of workspace that interpolate_argmax needs for an output of height x width.");
    m.def("interpolate_argmax", &py_interpolate_argmax, arg("scores"), arg("phi"), arg("out"),
          workspace, arg("diagonal"), device, stream, "As on the CPU.");
    m.def("boundary_mask", &py_boundary_mask, arg("labels"), arg("out"), arg("classes"),
          arg("ignore_index"), device, stream, "As on the CPU.");
    m.def(
        "nearest_boundary_workspace",
        [](py::handle labels) { return cuda::nearest_boundary_workspace(labels_in(labels)); },
        arg("labels"), "Bytes of workspace that nearest_boundary needs.");
    m.def("nearest_boundary", &py_nearest_boundary, arg("labels"), arg("out"), workspace,
          arg("classes"), arg("ignore_index"), device, stream, "As on the CPU.");
}

} // namespace adaseg
