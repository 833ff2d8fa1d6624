// SPDX-License-Identifier: Apache-2.0
// The device that calls go to, and the toolkit that compiled the kernels.
#pragma once

#include <string>

namespace adaseg::cuda {

// Makes a device current in the calling thread for as long as the object lives.
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
