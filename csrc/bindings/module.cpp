// SPDX-License-Identifier: Apache-2.0
// The Python module: arrays -> checked views, GIL released, call.
// The CUDA kernels, where they were built, are the submodule `cuda` (bindings/cuda.cpp).
#include "bindings/views.h"
#include "cpu/clones.h"
#include "cpu/kernels.h"

#ifndef ADASEG_VERSION
#define ADASEG_VERSION "unknown"
#endif

namespace adaseg {

#ifdef ADASEG_CUDA
void bind_cuda(py::module_ &m); // bindings/cuda.cpp
#endif

namespace {

void py_sample(py::handle image_, py::handle phi_, py::handle out_, const std::vector<double> &mean,
               const std::vector<double> &std, int threads) {
    const View phi = sampling_tensor(phi_, 1);
    const auto [image, out] = sampled(image_, phi, out_, mean, std);
    py::gil_scoped_release nogil;
    sample(image, phi, out, {mean, std}, threads);
}

void py_sample_backward(py::handle grad_, py::handle phi_, py::handle grad_image_,
                        const std::vector<double> &std, int threads) {
    const View grad = view_of(grad_), phi = sampling_tensor(phi_, 1);
    const View target = view_of(grad_image_);
    require(target.dims == 4 && target.shape[2] > 0 && target.shape[3] > 0,
            "grad_image has an unexpected shape");
    const View grad_image =
        output(grad_image_, {phi.shape[0], target.shape[1], target.shape[2], target.shape[3]},
               "grad_image");
    require_shape(grad, {phi.shape[0], target.shape[1], phi.shape[2], phi.shape[3]}, "grad");
    require(std.empty() || static_cast<int64_t>(std.size()) == target.shape[1],
            "one std a channel");
    py::gil_scoped_release nogil;
    sample_backward(grad, phi, grad_image, std, threads);
}

void py_triangles(py::handle phi_, py::handle out_, int64_t height, int64_t width, int diagonal,
                  int threads) {
    const View phi = sampling_tensor(phi_, 2), out = triangles_out(out_, phi, height, width);
    py::gil_scoped_release nogil;
    triangles(phi, out, height, width, diagonal_of(diagonal), threads);
}

void py_rasterize(py::handle phi_, py::handle faces_, py::handle weights_, int diagonal,
                  int threads) {
    const View phi = sampling_tensor(phi_, 2);
    const auto [faces, weights] = raster_out(faces_, weights_, phi);
    py::gil_scoped_release nogil;
    rasterize(phi, faces, weights, diagonal_of(diagonal), threads);
}

void py_interpolate(py::handle scores_, py::handle phi_, py::handle out_, int diagonal,
                    int threads) {
    const View phi = sampling_tensor(phi_, 2), scores = scores_for(scores_, phi);
    const View out = values_out(out_, scores);
    py::gil_scoped_release nogil;
    interpolate(scores, phi, out, diagonal_of(diagonal), threads);
}

void py_interpolate_backward(py::handle grad_, py::handle scores_, py::handle phi_,
                             py::handle grad_scores_, py::handle grad_phi_, int diagonal,
                             int threads) {
    const View phi = sampling_tensor(phi_, 2), scores = scores_for(scores_, phi);
    const Gradients grad = gradients(grad_, grad_scores_, grad_phi_, scores, phi);
    py::gil_scoped_release nogil;
    interpolate_backward(grad.values, scores, phi, grad.scores, grad.phi, diagonal_of(diagonal),
                         threads);
}

void py_interpolate_argmax(py::handle scores_, py::handle phi_, py::handle out_, int diagonal,
                           int threads) {
    const View phi = sampling_tensor(phi_, 2), scores = scores_for(scores_, phi);
    const View out = labels_out(out_, scores);
    py::gil_scoped_release nogil;
    interpolate_argmax(scores, phi, out, diagonal_of(diagonal), threads);
}

using Classes = std::optional<std::vector<int64_t>>;

void py_boundary_mask(py::handle labels_, py::handle out_, const Classes &classes,
                      int64_t ignore_index, int threads) {
    const View labels = view_of(labels_);
    require(labels.dims == 3, "labels has an unexpected shape");
    const View out = mask_out(out_, labels);
    py::gil_scoped_release nogil;
    boundary_mask(labels, out, {classes, ignore_index}, threads);
}

void py_nearest_boundary(py::handle labels_, py::handle out_, const Classes &classes,
                         int64_t ignore_index, int threads) {
    const View labels = view_of(labels_);
    require(labels.dims == 3 && labels.shape[1] > 0 && labels.shape[2] > 0,
            "labels has an unexpected shape");
    const View out = nearest_out(out_, labels);
    py::gil_scoped_release nogil;
    nearest_boundary(labels, out, {classes, ignore_index}, threads);
}

void py_solve_sampling(py::handle targets_, py::handle out_, double lam, bool homogeneous,
                       int threads) {
    const View targets = sampling_tensor(targets_, 2);
    const View out = output(out_, {targets.shape[0], 2, targets.shape[2], targets.shape[3]}, "out");
    require(out.type == targets.type, "out has an unexpected dtype");
    py::gil_scoped_release nogil;
    solve_sampling(targets, out, lam, homogeneous, threads);
}

// The instruction set that the loops marked ADASEG_CLONES run with on this machine.
const char *instruction_set() {
#ifdef ADASEG_HAS_CLONES
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4"))
        return "AVX-512 (x86-64-v4)";
    if (__builtin_cpu_supports("avx2"))
        return "AVX2";
#endif
    return "baseline";
}

} // namespace

} // namespace adaseg

PYBIND11_MODULE(_native, m) {
    using namespace adaseg;
    m.doc() = "Compiled kernels of adaseg_fast; use adaseg_fast.backends or adaseg_fast.ops.";
    m.attr("__version__") = ADASEG_VERSION;
#ifdef _OPENMP
    m.attr("openmp") = true;
#else
    m.attr("openmp") = false;
#endif
    m.attr("instruction_set") = instruction_set();
#ifdef ADASEG_CUDA
    py::module_ cuda = m.def_submodule("cuda");
    bind_cuda(cuda);
#endif
    m.def("sample", &py_sample);
    m.def("sample_backward", &py_sample_backward);
    m.def("triangles", &py_triangles);
    m.def("rasterize", &py_rasterize);
    m.def("interpolate", &py_interpolate);
    m.def("interpolate_backward", &py_interpolate_backward);
    m.def("interpolate_argmax", &py_interpolate_argmax);
    m.def("boundary_mask", &py_boundary_mask);
    m.def("nearest_boundary", &py_nearest_boundary);
    m.def("solve_sampling", &py_solve_sampling);
}
