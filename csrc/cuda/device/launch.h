// SPDX-License-Identifier: Apache-2.0
// How kernels are launched and what their threads can do together. A kernel is a plain struct of
// parameters with an operator(), called for each index, by each thread of a block, or by each
// thread of a tile (a warp or a power-of-two part of one). Compiled by nvcc it runs on the device;
// compiled by a C++ compiler it runs on host memory (host_run.h), so that tests need no device.
#pragma once

#include <stdexcept>
#include <string>

#include "core/config.h"
#include "cuda/device/stream.h"

namespace adaseg::cuda {

constexpr int block_threads = 256;

// Blocks needed for `count` pieces of work, `each` of them per block; at least one.
inline int64_t blocks_for(int64_t count, int64_t each) {
    return count > each ? (count + each - 1) / each : 1;
}

// Into how many parts to split `channels`, so that enough threads run; unsplit, the kernel has
// `threads` threads.
inline int64_t pieces_of_channels(int64_t threads, int64_t channels) {
    constexpr int64_t enough = int64_t{1} << 18;
    const int64_t pieces = blocks_for(enough, threads > 0 ? threads : enough);
    return pieces < channels ? pieces : (channels > 0 ? channels : 1);
}

// Kernels count pixels of an image, vertices of a grid and items in 32 bits; offsets have 64.
inline void check_counts(int64_t count, int64_t rows, const char *name) {
    if (count > UINT32_MAX || rows > UINT32_MAX)
        throw std::invalid_argument(std::string(name) +
                                    ": an image or batch of more than 2^32 elements");
}

} // namespace adaseg::cuda

#if defined(__CUDACC__)

#include <cuda_runtime.h>

#define ADASEG_DEVICE __device__ __forceinline__
#define ADASEG_PRAGMA(text) _Pragma(#text)
#define ADASEG_UNROLL(times) ADASEG_PRAGMA(unroll times)

namespace adaseg::cuda {

template <int lanes> class Tile {
public:
    ADASEG_DEVICE int lane() const { return threadIdx.x & (lanes - 1); }

    // The value of the lane whose number differs in the bits of `mask`.
    template <class T> ADASEG_DEVICE T shuffle_xor(T value, int mask) const {
        return __shfl_xor_sync(members(), value, mask, lanes);
    }
    // Bit k tells whether `holds` is true in lane k.
    ADASEG_DEVICE uint32_t ballot(bool holds) const {
        const uint32_t all = __ballot_sync(members(), holds);
        return lanes == 32 ? all : (all >> first()) & ((1u << (lanes & 31)) - 1u);
    }

private:
    ADASEG_DEVICE static int first() { return threadIdx.x & 31 & ~(lanes - 1); }
    ADASEG_DEVICE static uint32_t members() {
        return lanes == 32 ? 0xffffffffu : ((1u << (lanes & 31)) - 1u) << first();
    }
};

class Block {
public:
    ADASEG_DEVICE int64_t index() const { return blockIdx.x; }
    ADASEG_DEVICE int thread() const { return static_cast<int>(threadIdx.x); }
    ADASEG_DEVICE int warp() const { return thread() / 32; }
    ADASEG_DEVICE Tile<32> lanes() const { return {}; }
    ADASEG_DEVICE void sync() const { __syncthreads(); }
    // Whether `holds` is true in any thread; also a barrier.
    ADASEG_DEVICE bool any(bool holds) const { return __syncthreads_or(holds); }
};

ADASEG_DEVICE void atomic_max(int32_t *at, int32_t value) { atomicMax(at, value); }

template <class Kernel>
__global__ void __launch_bounds__(block_threads, 2)
    run_each(const Kernel kernel, int64_t count, int64_t rows) {
    const int64_t k = static_cast<int64_t>(blockIdx.x) * block_threads + threadIdx.x;
    if (k >= count)
        return;
    for (int64_t row = blockIdx.y; row < rows; row += gridDim.y)
        kernel(k, row);
}

template <class Kernel>
__global__ void __launch_bounds__(block_threads, 4) run_blocks(const Kernel kernel) {
    __shared__ typename Kernel::Shared shared;
    kernel(Block{}, shared);
}

template <int lanes, class Kernel>
__global__ void __launch_bounds__(block_threads, 2)
    run_tiles(const Kernel kernel, int64_t count, int64_t rows) {
    const int64_t k = (static_cast<int64_t>(blockIdx.x) * block_threads + threadIdx.x) / lanes;
    if (k >= count)
        return;
    for (int64_t row = blockIdx.y; row < rows; row += gridDim.y)
        kernel(Tile<lanes>{}, k, row);
}

inline dim3 launch_grid(int64_t blocks, int64_t rows) {
    return dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(rows < 65535 ? rows : 65535));
}

inline cudaStream_t handle(Stream stream) { return static_cast<cudaStream_t>(stream); }

inline void check_launch(const char *name) {
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess)
        throw std::runtime_error("CUDA kernel " + std::string(name) + ": " +
                                 cudaGetErrorString(error));
}

// kernel(k, row) for all k < count and row < rows.
template <class Kernel>
void launch_each(Stream stream, int64_t count, int64_t rows, const Kernel &kernel,
                 const char *name) {
    if (count <= 0 || rows <= 0)
        return;
    check_counts(count, rows, name);
    run_each<<<launch_grid(blocks_for(count, block_threads), rows), block_threads, 0,
               handle(stream)>>>(kernel, count, rows);
    check_launch(name);
}

// kernel(block, shared) for every thread of `blocks` blocks; Kernel::Shared is what a block shares.
template <class Kernel>
void launch_blocks(Stream stream, int64_t blocks, const Kernel &kernel, const char *name) {
    if (blocks <= 0)
        return;
    check_counts(2 * blocks, 1, name);
    run_blocks<<<launch_grid(blocks, 1), block_threads, 0, handle(stream)>>>(kernel);
    check_launch(name);
}

// kernel(tile, k, row) for every lane of one tile for each k < count and row < rows.
template <int lanes, class Kernel>
void launch_tiles(Stream stream, int64_t count, int64_t rows, const Kernel &kernel,
                  const char *name) {
    if (count <= 0 || rows <= 0)
        return;
    check_counts(count, rows, name);
    const int64_t blocks = blocks_for(count, block_threads / lanes);
    run_tiles<lanes>
        <<<launch_grid(blocks, rows), block_threads, 0, handle(stream)>>>(kernel, count, rows);
    check_launch(name);
}

inline void fill_zero(Stream stream, void *at, int64_t bytes) {
    cudaMemsetAsync(at, 0, static_cast<size_t>(bytes), handle(stream));
    check_launch("fill_zero");
}

} // namespace adaseg::cuda

#else
#include "cuda/device/host_run.h"
#endif

namespace adaseg::cuda {

ADASEG_DEVICE int lowest_bit(uint32_t bits) {
#if defined(__CUDA_ARCH__)
    return __ffs(static_cast<int>(bits)) - 1;
#else
    int at = 0;
    while (!(bits >> at & 1u))
        ++at;
    return at;
#endif
}

ADASEG_DEVICE int highest_bit(uint32_t bits) {
#if defined(__CUDA_ARCH__)
    return 31 - __clz(static_cast<int>(bits));
#else
    int at = 31;
    while (!(bits >> at & 1u))
        --at;
    return at;
#endif
}

// Reductions over a tile: every lane gets the result. Sums have a fixed order.
template <int lanes, class T> ADASEG_DEVICE T sum_over(const Tile<lanes> &tile, T value) {
    for (int mask = lanes / 2; mask > 0; mask /= 2)
        value += tile.shuffle_xor(value, mask);
    return value;
}

// Sum over the lanes before this one; `value` becomes the sum over all.
template <int lanes, class T> ADASEG_DEVICE T sum_before(const Tile<lanes> &tile, T &value) {
    T before = 0;
    for (int mask = 1; mask < lanes; mask *= 2) {
        const T other = tile.shuffle_xor(value, mask);
        before += tile.lane() & mask ? other : 0;
        value += other;
    }
    return before;
}

template <int lanes, class T> ADASEG_DEVICE T least_over(const Tile<lanes> &tile, T value) {
    for (int mask = lanes / 2; mask > 0; mask /= 2) {
        const T other = tile.shuffle_xor(value, mask);
        value = other < value ? other : value;
    }
    return value;
}

} // namespace adaseg::cuda
