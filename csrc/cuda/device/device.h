// SPDX-License-Identifier: Apache-2.0
// The device that calls go to, and what the kernels were built for.
#pragma once

#include <string>

namespace adaseg::cuda {

// Makes a device the calling thread's for as long as the object lives.
class OnDevice {
public:
    explicit OnDevice(int device);
    ~OnDevice();
    OnDevice(const OnDevice &) = delete;
    OnDevice &operator=(const OnDevice &) = delete;

private:
    int before_;
};

// Version of the toolkit that the kernels were compiled with, as "13.0".
std::string toolkit();

} // namespace adaseg::cuda
