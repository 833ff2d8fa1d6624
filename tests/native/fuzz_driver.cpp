// SPDX-License-Identifier: Apache-2.0
// Makes inputs for the harness in fuzz.cpp: random ones, and changed copies of those that reached
// new code (-fsanitize-coverage=trace-pc tells).
//
//   fuzz --grids N [--seed S] [--workers W]   until N grids had their owners compared
//   fuzz --input HEX                          one input again, as a failure printed it
//
// With several workers, each runs its own random inputs at the same time, every kernel on one
// thread and on two. This file must be compiled without -fsanitize-coverage.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>

#include "fuzz_check.h"

namespace fuzz {
Counts run_input(const uint8_t *data, size_t size); // fuzz.cpp
} // namespace fuzz

namespace {

using Input = std::vector<uint8_t>;

constexpr size_t places = 1 << 16;
std::atomic<uint8_t> seen[places]; // by the hash of an address in the code
std::atomic<int64_t> reached{0};
thread_local const Input *running = nullptr;

void print_running() {
    if (!running)
        return;
    std::fprintf(stderr, "\ninput: ");
    for (const uint8_t byte : *running)
        std::fprintf(stderr, "%02x", byte);
    std::fprintf(stderr, "\n");
}

fuzz::Counts run(const Input &input) {
    running = &input;
    const fuzz::Counts counts = fuzz::run_input(input.data(), input.size());
    running = nullptr;
    return counts;
}

Input random_bytes(std::mt19937_64 &random, size_t size) {
    Input bytes(size);
    for (uint8_t &byte : bytes)
        byte = static_cast<uint8_t>(random());
    return bytes;
}

Input changed(std::mt19937_64 &random, Input input) {
    for (size_t changes = 1 + random() % 4; changes > 0; --changes) {
        const size_t at = random() % input.size();
        switch (random() % 4) {
        case 0:
            input[at] = static_cast<uint8_t>(random());
            break;
        case 1:
            input[at] ^= static_cast<uint8_t>(1u << random() % 8);
            break;
        case 2:
            input[at] = random() % 2 ? 0xff : 0;
            break;
        default:
            if (input.size() < 4096)
                input.insert(input.begin() + static_cast<int64_t>(at),
                             static_cast<uint8_t>(random()));
        }
    }
    return input;
}

fuzz::Counts guided(int64_t grids, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Input> kept;
    fuzz::Counts total;
    while (total.grids < grids) {
        const bool fresh = kept.empty() || random() % 4 == 0;
        const Input input = fresh ? random_bytes(random, 8 + random() % 57)
                                  : changed(random, kept[random() % kept.size()]);
        const int64_t before = reached;
        total.add(run(input));
        if (reached > before)
            kept.push_back(input);
    }
    std::printf("inputs kept %zu\nplaces in the code reached %lld\n", kept.size(),
                static_cast<long long>(reached));
    return total;
}

fuzz::Counts side_by_side(int64_t grids, uint64_t seed, int workers) {
    fuzz::thread_counts() = {1, 2};
    std::vector<fuzz::Counts> found(workers);
    std::vector<std::thread> threads;
    for (int k = 0; k < workers; ++k)
        threads.emplace_back([&found, grids, seed, workers, k] {
            std::mt19937_64 random(seed + static_cast<uint64_t>(k));
            while (found[k].grids < grids / workers + 1)
                found[k].add(run(random_bytes(random, 8 + random() % 57)));
        });
    fuzz::Counts total;
    for (int k = 0; k < workers; ++k) {
        threads[k].join();
        total.add(found[k]);
    }
    return total;
}

Input from_hex(const std::string &text) {
    Input input;
    for (size_t k = 0; k + 1 < text.size(); k += 2)
        input.push_back(static_cast<uint8_t>(std::stoi(text.substr(k, 2), nullptr, 16)));
    return input;
}

} // namespace

extern "C" {
// Called by instrumented code at every jump.
void __sanitizer_cov_trace_pc() {
    const uint64_t address = reinterpret_cast<uint64_t>(__builtin_return_address(0));
    std::atomic<uint8_t> &place = seen[(address ^ address >> 16) % places];
    if (place.load(std::memory_order_relaxed) == 0 &&
        place.exchange(1, std::memory_order_relaxed) == 0)
        reached.fetch_add(1, std::memory_order_relaxed);
}

// Defined in the sanitizers' run-time library.
void __sanitizer_set_death_callback(void (*callback)());
}

int main(int count, char **arguments) {
    int64_t grids = 2000;
    uint64_t seed = 0;
    int workers = 1;
    std::string input;
    for (int k = 1; k + 1 < count; k += 2) {
        const std::string name = arguments[k], value = arguments[k + 1];
        if (name == "--grids")
            grids = std::stoll(value);
        else if (name == "--seed")
            seed = std::stoull(value);
        else if (name == "--workers")
            workers = std::stoi(value);
        else if (name == "--input")
            input = value;
        else
            return std::fprintf(stderr, "unknown option %s\n", name.c_str()), 2;
    }
    __sanitizer_set_death_callback(print_running);
    std::signal(SIGABRT, [](int) { print_running(); });
    fuzz::Counts total;
    if (!input.empty())
        total = run(from_hex(input));
    else
        total = workers > 1 ? side_by_side(grids, seed, workers) : guided(grids, seed);
    std::printf("inputs %lld\ngrids %lld\ncovering %lld\nfolded %lld\npixels %lld\n"
                "near ties %lld\nrefused %lld\n",
                static_cast<long long>(total.inputs), static_cast<long long>(total.grids),
                static_cast<long long>(total.covering), static_cast<long long>(total.folded),
                static_cast<long long>(total.pixels), static_cast<long long>(total.near_ties),
                static_cast<long long>(total.refused));
    return 0;
}
