// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels as a Python module that runs them on host memory (csrc/cuda/device/host_run.h).
#include <pybind11/pybind11.h>

#include "cuda/device/launch.h"

namespace adaseg {
void bind_cuda(pybind11::module_ &m);
}

namespace {

// Half of the threads never reach the barrier that the others wait for.
struct Diverge {
    struct Shared {};
    void operator()(const adaseg::cuda::Block &block, Shared &) const {
        if (block.thread() % 2 == 0)
            block.sync();
        else
            block.any(block.lanes().ballot(true) != 0);
    }
};

} // namespace

PYBIND11_MODULE(cuda_on_host, m) {
    adaseg::bind_cuda(m);
    m.def("diverge", [] { adaseg::cuda::launch_blocks(nullptr, 1, Diverge{}, "diverge"); });
    m.def("run_backwards", [](bool on) { adaseg::cuda::run_backwards = on; }, pybind11::arg("on"));
}
