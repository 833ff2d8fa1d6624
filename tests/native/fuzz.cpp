// SPDX-License-Identifier: Apache-2.0
// Bytes -> a call of every kernel in csrc/cpu/kernels.h, whose results are checked in slow, obvious
// ways. libFuzzer calls this; fuzz_driver.cpp does where there is no libFuzzer. check_native.py
// builds and runs both.
#include "fuzz_gradients.h"
#include "fuzz_grids.h"
#include "fuzz_pixels.h"

namespace fuzz {

Counts run_input(const uint8_t *data, size_t size) {
    Source source(data, size);
    Counts counts;
    counts.inputs = 1;
    const GridCase grid = make_grid_case(source);
    check_triangles(grid, counts);
    check_owners(grid, source.one_in(2) ? DType::f32 : DType::f64, counts);
    const int64_t most = grid.height * grid.width > 2000 ? 3 : 20;
    const int64_t classes = source.one_in(64) ? 257 : source.between(1, most);
    const Scores scores = make_scores(source, grid, classes);
    check_labels(grid, scores, counts);
    const Scores few = make_scores(source, grid, source.between(0, 3));
    check_values(grid, few);
    check_gradients(source, grid, few);
    check_large_triangles(source);
    check_sample(source);
    check_sample_backward(source);
    check_boundaries(source);
    check_solution(source);
    return counts;
}

} // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz::run_input(data, size);
    return 0;
}
