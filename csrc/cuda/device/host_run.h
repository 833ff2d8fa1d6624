// SPDX-License-Identifier: Apache-2.0
// Stands in for a device, for tests only (launch.h includes it where nvcc does not compile). Blocks
// run one after another; the threads of a block are fibers that change places at barriers. A race
// shows as a result that depends on `run_backwards`, which reverses the order of blocks and
// threads. Threads that wait for different barriers are an error.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#define ADASEG_DEVICE inline
#define ADASEG_UNROLL(times)

namespace adaseg::cuda {

inline bool run_backwards = false;

inline int64_t in_order(int64_t k, int64_t count) { return run_backwards ? count - 1 - k : k; }

// Runs body(0), ..., body(count - 1) interleaved: `yield` goes to the next one. Fibers are made
// once; unlike swapcontext, jumps between them need no system call.
class Fibers {
public:
    static Fibers &get() {
        static Fibers fibers;
        return fibers;
    }

    void run(int count, const std::function<void(int)> &body) {
        while (static_cast<int>(all_.size()) < count)
            all_.push_back(std::make_unique<Fiber>());
        body_ = &body;
        for (int k = 0; k < count; ++k)
            all_[k]->done = false;
        for (int left = count; left > 0;) {
            moved_ = false;
            for (int k = 0; k < count; ++k) {
                current_ = static_cast<int>(in_order(k, count));
                Fiber &fiber = *all_[current_];
                if (fiber.done)
                    continue;
                go_on(fiber);
                if (fiber.done) {
                    moved_ = true;
                    --left;
                }
            }
            if (!moved_) {
                all_.clear(); // else they would wait in the next call too
                throw std::logic_error("the threads of a block wait for different barriers");
            }
        }
    }

    void yield() {
        Fiber &fiber = *all_[current_];
        if (_setjmp(fiber.here) == 0)
            _longjmp(home_, 1);
    }
    void progress() { moved_ = true; }

private:
    struct Fiber {
        jmp_buf here;
        bool made = false, done = false;
        ucontext_t first, back;
        char stack[64 * 1024];
    };

    void go_on(Fiber &fiber) {
        if (_setjmp(home_) != 0)
            return;
        if (fiber.made)
            _longjmp(fiber.here, 1);
        fiber.made = true;
        getcontext(&fiber.first);
        fiber.first.uc_stack.ss_sp = fiber.stack;
        fiber.first.uc_stack.ss_size = sizeof fiber.stack;
        makecontext(&fiber.first, &Fibers::live, 0);
        swapcontext(&fiber.back, &fiber.first);
    }

    static void live() {
        for (Fibers &fibers = get();;) {
            const int self = fibers.current_;
            (*fibers.body_)(self);
            fibers.all_[self]->done = true;
            fibers.yield();
        }
    }

    std::vector<std::unique_ptr<Fiber>> all_;
    jmp_buf home_;
    const std::function<void(int)> *body_ = nullptr;
    int current_ = 0;
    bool moved_ = false;
};

struct Barrier {
    int size = 0, arrived = 0;
    int64_t generation = 0;

    void wait() {
        Fibers &fibers = Fibers::get();
        const int64_t mine = generation;
        if (++arrived == size) {
            arrived = 0;
            ++generation;
            fibers.progress();
        }
        while (generation == mine)
            fibers.yield();
    }
};

struct TileState {
    Barrier barrier;
    uint64_t slot[32];
};

template <int lanes> class Tile {
public:
    Tile(TileState &state, int lane) : state_(state), lane_(lane) {}

    int lane() const { return lane_; }

    template <class T> T shuffle_xor(T value, int mask) const {
        exchange(&value, sizeof value);
        T other;
        std::memcpy(&other, &state_.slot[lane_ ^ mask], sizeof other);
        state_.barrier.wait();
        return other;
    }
    uint32_t ballot(bool holds) const {
        exchange(&holds, sizeof holds);
        uint32_t bits = 0;
        for (int k = 0; k < lanes; ++k)
            bits |= static_cast<uint32_t>(state_.slot[k] != 0) << k;
        state_.barrier.wait();
        return bits;
    }

private:
    void exchange(const void *value, size_t size) const {
        state_.slot[lane_] = 0;
        std::memcpy(&state_.slot[lane_], value, size);
        state_.barrier.wait();
    }

    TileState &state_;
    int lane_;
};

struct BlockState {
    Barrier barrier;
    bool vote = false;
    TileState warps[block_threads / 32];
};

class Block {
public:
    Block(BlockState &state, int64_t index, int thread)
        : state_(state), index_(index), thread_(thread) {}

    int64_t index() const { return index_; }
    int thread() const { return thread_; }
    int warp() const { return thread_ / 32; }
    Tile<32> lanes() const { return {state_.warps[warp()], thread_ % 32}; }
    void sync() const { state_.barrier.wait(); }
    bool any(bool holds) const {
        state_.vote |= holds;
        sync();
        const bool result = state_.vote;
        sync();
        state_.vote = false;
        sync();
        return result;
    }

private:
    BlockState &state_;
    int64_t index_;
    int thread_;
};

inline void atomic_max(int32_t *at, int32_t value) { *at = *at > value ? *at : value; }

inline void fill_zero(Stream, void *at, int64_t bytes) {
    std::memset(at, 0, static_cast<size_t>(bytes));
}

template <class Kernel>
void launch_each(Stream, int64_t count, int64_t rows, const Kernel &kernel, const char *name) {
    check_counts(count, rows, name);
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t k = 0; k < count; ++k)
            kernel(in_order(k, count), in_order(row, rows));
}

template <class Kernel>
void launch_blocks(Stream, int64_t blocks, const Kernel &kernel, const char *name) {
    check_counts(2 * blocks, 1, name);
    for (int64_t k = 0; k < blocks; ++k) {
        BlockState state;
        state.barrier.size = block_threads;
        for (TileState &warp : state.warps)
            warp.barrier.size = 32;
        typename Kernel::Shared shared;
        std::memset(static_cast<void *>(&shared), 0xa5, sizeof shared); // as undefined as there
        Fibers::get().run(block_threads, [&](int thread) {
            kernel(Block(state, in_order(k, blocks), thread), shared);
        });
    }
}

template <int lanes, class Kernel>
void launch_tiles(Stream, int64_t count, int64_t rows, const Kernel &kernel, const char *name) {
    check_counts(count, rows, name);
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t k = 0; k < count; ++k) {
            TileState state;
            state.barrier.size = lanes;
            Fibers::get().run(lanes, [&](int lane) {
                kernel(Tile<lanes>(state, lane), in_order(k, count), in_order(row, rows));
            });
        }
}

} // namespace adaseg::cuda
