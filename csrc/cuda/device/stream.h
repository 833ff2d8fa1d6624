// SPDX-License-Identifier: Apache-2.0
// The order in which a device works: calls on one stream run one after the other.
#pragma once

namespace adaseg::cuda {

using Stream = void *; // a cudaStream_t

} // namespace adaseg::cuda
