// SPDX-License-Identifier: Apache-2.0
// The Python module: arrays become checked views, the GIL is released, the kernel is called. The
// CUDA kernels, where they were built, are the submodule `cuda` (bindings/cuda.cpp).
#include "bindings/checks.h"
#include "cpu/common/targets.h"
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
    const View grad = view_of(grad_), phi = sampling_tensor(phi_, 1), of = view_of(grad_image_);
    require_planes(of, "(N, C, H, W)", 4, 1, "grad_image");
    const View grad_image =
        output(grad_image_, {phi.shape[0], of.shape[1], of.shape[2], of.shape[3]}, "grad_image");
    require_shape(grad, {phi.shape[0], of.shape[1], phi.shape[2], phi.shape[3]}, "grad");
    require_std(std, of.shape[1]);
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

void py_boundary_mask(py::handle labels_, py::handle out_, const Classes &classes,
                      int64_t ignore_index, int threads) {
    const View labels = labels_in(labels_), out = mask_out(out_, labels);
    py::gil_scoped_release nogil;
    boundary_mask(labels, out, {classes, ignore_index}, threads);
}

void py_nearest_boundary(py::handle labels_, py::handle out_, const Classes &classes,
                         int64_t ignore_index, int threads) {
    const View labels = labels_in(labels_), out = nearest_out(out_, labels);
    py::gil_scoped_release nogil;
    nearest_boundary(labels, out, {classes, ignore_index}, threads);
}

void py_solve_sampling(py::handle targets_, py::handle out_, double lam, bool homogeneous,
                       int threads) {
    const View targets = sampling_tensor(targets_, 2);
    const View out = output(out_, {targets.shape[0], 2, targets.shape[2], targets.shape[3]},
                            targets.type, "out");
    py::gil_scoped_release nogil;
    solve_sampling(targets, out, lam, homogeneous, threads);
}

void bind_cpu(py::module_ &m) {
    using py::arg;
    m.def("sample", &py_sample, arg("image"), arg("phi"), arg("out"), arg("mean"), arg("std"),
          arg("threads"),
          "Gather the pixel nearest to each grid point (eq. (1)) into out (N, C, h, w).\n\n"
          "With std, (pixel - mean) / std with one number per channel each; with both empty, the "
          "pixels as they are.");
    m.def("sample_backward", &py_sample_backward, arg("grad"), arg("phi"), arg("grad_image"),
          arg("std"), arg("threads"),
          "Scatter grad (N, C, h, w) back to the sampled pixels of grad_image (N, C, H, W).");
    m.def("triangles", &py_triangles, arg("phi"), arg("out"), arg("height"), arg("width"),
          arg("diagonal"), arg("threads"),
          "List the grid's triangles as vertex numbers in out (N, T, 3), for an image of "
          "height x width.");
    m.def("rasterize", &py_rasterize, arg("phi"), arg("faces"), arg("weights"), arg("diagonal"),
          arg("threads"),
          "Find the triangle that owns each pixel, faces (N, H, W), and the pixel's barycentric "
          "weights (N, 3, H, W).");
    m.def("interpolate", &py_interpolate, arg("scores"), arg("phi"), arg("out"), arg("diagonal"),
          arg("threads"),
          "Interpolate scores (N, C, h, w) at every pixel of out (N, C, H, W) (sec. 3.3).");
    m.def("interpolate_backward", &py_interpolate_backward, arg("grad"), arg("scores"), arg("phi"),
          arg("grad_scores"), arg("grad_phi"), arg("diagonal"), arg("threads"),
          "Turn grad (N, C, H, W) into the gradients to scores and phi; None for one that is not "
          "wanted.");
    m.def("interpolate_argmax", &py_interpolate_argmax, arg("scores"), arg("phi"), arg("out"),
          arg("diagonal"), arg("threads"),
          "Label every pixel of out (N, H, W) with the class of the highest interpolated score.\n\n"
          "NaN never wins; where every class is NaN the label is 0.");
    m.def("boundary_mask", &py_boundary_mask, arg("labels"), arg("out"), arg("classes"),
          arg("ignore_index"), arg("threads"),
          "Mark the pixels on semantic boundaries in out (N, H, W).\n\n"
          "classes holds the target classes; None means all of them.");
    m.def("nearest_boundary", &py_nearest_boundary, arg("labels"), arg("out"), arg("classes"),
          arg("ignore_index"), arg("threads"),
          "Find the boundary pixel nearest to each point of a uniform grid, b(u) of eq. (2), as "
          "relative coordinates in out (N, 2, h, w).");
    m.def("solve_sampling", &py_solve_sampling, arg("targets"), arg("out"), arg("lam"),
          arg("homogeneous"), arg("threads"),
          "Minimise eq. (2) subject to eq. (3) for targets (N, 2, h, w).\n\n"
          "With homogeneous, all fixed borders are 0: the linear part of the solution.");
    m.def("cpu_targets", &cpu_targets,
          "List the targets that this machine can run the loops of, best first.");
    m.def("cpu_target", [] { return loops().name; }, "Return the target in use.");
    m.def("set_cpu_target", &set_cpu_target, arg("name"),
          "Use the loops of another target from now on.");
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
    m.attr("dtypes") = dtype_numbers();
#ifdef ADASEG_CUDA
    py::module_ cuda = m.def_submodule("cuda");
    bind_cuda(cuda);
#endif
    bind_cpu(m);
}
