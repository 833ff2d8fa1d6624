// SPDX-License-Identifier: Apache-2.0
// Marks the pixels on semantic boundaries (sec. 3.1).
#include "cpu/common/label_map.h"
#include "cpu/common/parallel.h"
#include "cpu/kernels.h"

namespace adaseg {

void boundary_mask(const View &labels, const View &out, const Boundaries &which, int threads) {
    const Counts counts(which);
    with_integer_type(labels.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        const int64_t height = labels.shape[1], width = labels.shape[2];
        const int64_t bands = (height + 63) / 64;
        parallel_for(labels.shape[0] * bands, height * width > 65536 ? threads : 1, [&](int64_t k) {
            const LabelMap<T> map(labels, k / bands);
            const Range band = piece(height, bands, k % bands);
            Scratch<T> scratch;
            for (int64_t row = band.begin; row < band.end; ++row) {
                uint8_t *to = out.as<uint8_t>() + (k / bands * height + row) * width;
                std::fill(to, to + width, uint8_t{0});
                map.boundary_of_row(row, counts, scratch, [&](int64_t col) { to[col] = 1; });
            }
        });
    });
}

} // namespace adaseg
