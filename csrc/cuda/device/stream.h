// SPDX-License-Identifier: Apache-2.0
// A CUDA stream as void *, so that headers need no cuda_runtime.h. Calls on one stream run one
// after the other.
#pragma once

namespace adaseg::cuda {

using Stream = void *; // a cudaStream_t

} // namespace adaseg::cuda
