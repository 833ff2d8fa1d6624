// SPDX-License-Identifier: Apache-2.0
// See device.h. In the tests' build for host memory, every device number is accepted.
#include "cuda/device/device.h"
#include "cuda/device/launch.h"

namespace adaseg::cuda {

#if defined(__CUDACC__)

namespace {

void require(cudaError_t error, const char *what) {
    if (error != cudaSuccess)
        throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

} // namespace

OnDevice::OnDevice(int device) : before_(device) {
    require(cudaGetDevice(&before_), "no CUDA device can be used");
    if (before_ != device)
        require(cudaSetDevice(device), "the CUDA device of the tensors cannot be used");
}

OnDevice::~OnDevice() {
    int now = before_;
    if (cudaGetDevice(&now) == cudaSuccess && now != before_)
        cudaSetDevice(before_);
}

std::string toolkit() {
    return std::to_string(__CUDACC_VER_MAJOR__) + "." + std::to_string(__CUDACC_VER_MINOR__);
}

#else

OnDevice::OnDevice(int device) : before_(device) {}
OnDevice::~OnDevice() = default;
std::string toolkit() { return "host"; }

#endif

} // namespace adaseg::cuda
