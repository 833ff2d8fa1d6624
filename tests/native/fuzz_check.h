// SPDX-License-Identifier: Apache-2.0
// How the harness fails, counts, and runs a kernel on several numbers of threads and with the loops
// of every CPU target.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <stdexcept>

#include "cpu/common/targets.h"
#include "fuzz_input.h"

// Aborts, so that a fuzzer keeps the input.
#define FUZZ_CHECK(holds)                                                                          \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds);        \
            std::abort();                                                                          \
        }                                                                                          \
    } while (false)

#define FUZZ_CLOSE(got, wanted, tolerance)                                                         \
    do {                                                                                           \
        const double got_ = static_cast<double>(got), wanted_ = static_cast<double>(wanted);       \
        if (!(std::abs(got_ - wanted_) <= (tolerance)))                                            \
            std::fprintf(stderr, "got %.17g, wanted %.17g within %g\n", got_, wanted_,             \
                         static_cast<double>(tolerance));                                          \
        FUZZ_CHECK(std::abs(got_ - wanted_) <= (tolerance));                                       \
    } while (false)

namespace fuzz {

struct Counts {
    int64_t inputs = 0;
    int64_t grids = 0; // whose owners were compared with exact ones
    int64_t covering = 0, folded = 0;
    int64_t pixels = 0;
    int64_t near_ties = 0;
    int64_t refused = 0; // inputs whose phi held NaN or infinity

    void add(const Counts &other) {
        inputs += other.inputs;
        grids += other.grids;
        covering += other.covering;
        folded += other.folded;
        pixels += other.pixels;
        near_ties += other.near_ties;
        refused += other.refused;
    }
};

// The numbers of threads that each kernel is called with; all must give the same bits.
inline std::vector<int> &thread_counts() {
    static std::vector<int> counts{1, 2, 4};
    return counts;
}

// Whether two outputs are the same bit for bit. Only which NaN comes out of several is left open,
// as it is in IEEE 754: it depends on the order in which a compiler names the operands of a sum.
inline bool same_bits(DType type, const std::vector<uint8_t> &one, const uint8_t *other) {
    if (std::equal(one.begin(), one.end(), other))
        return true;
    if (type != DType::f16 && type != DType::bf16 && type != DType::f32 && type != DType::f64)
        return false;
    bool same = true;
    adaseg::with_float_type(type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        for (size_t k = 0; k < one.size(); k += sizeof(T)) {
            T a, b;
            std::memcpy(&a, &one[k], sizeof a);
            std::memcpy(&b, other + k, sizeof b);
            const bool unknown =
                std::isnan(static_cast<double>(a)) && std::isnan(static_cast<double>(b));
            same &= unknown || std::equal(&one[k], &one[k] + sizeof(T), other + k);
        }
    });
    return same;
}

// Runs call(threads) for each count, and on each target. Every call must refuse a phi that is not
// finite. Returns whether the outputs hold a result.
template <class F>
bool same_on_threads(bool finite, std::initializer_list<Array *> outputs, F &&call) {
    std::vector<std::vector<uint8_t>> first;
    const std::vector<std::string> targets = adaseg::cpu_targets();
    const std::vector<int> &counts = thread_counts();
    for (size_t run = 0; run < std::max(targets.size(), counts.size()); ++run) {
        const int threads = counts[run % counts.size()];
        adaseg::set_cpu_target(targets[run % targets.size()]);
        for (Array *out : outputs)
            std::memset(out->memory.get(), 0xA5, out->bytes);
        bool refused = false;
        try {
            call(threads);
        } catch (const std::invalid_argument &) {
            refused = true;
        }
        FUZZ_CHECK(refused == !finite);
        size_t k = 0;
        for (Array *out : outputs) {
            const uint8_t *bytes = out->memory.get();
            if (run == 0)
                first.emplace_back(bytes, bytes + out->bytes);
            else if (finite)
                FUZZ_CHECK(same_bits(out->view.type, first[k], bytes));
            ++k;
        }
    }
    return finite;
}

// The relative error that a few roundings to a type may cause.
inline double rounding(DType type) {
    switch (type) {
    case DType::f64:
        return 1e-12;
    case DType::f32:
        return 1e-6;
    case DType::f16:
        return 1e-3;
    default:
        return 8e-3;
    }
}

// The spacing of a type's numbers near zero.
inline double smallest(DType type) { return type == DType::f16 ? 6e-8 : 1e-38; }

} // namespace fuzz
