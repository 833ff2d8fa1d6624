// SPDX-License-Identifier: Apache-2.0
// Marks the pixels on semantic boundaries (sec. 3.1): one thread per pixel.
#include "cuda/device/label_map.h"
#include "cuda/kernels.h"

namespace adaseg::cuda {

namespace {

template <class T> struct MarkPixels {
    LabelMap<T> map;
    uint8_t *out;

    ADASEG_DEVICE void operator()(int64_t pixel, int64_t item) const {
        const Place at = place_of(pixel, map.width);
        out[item * map.height * map.width + pixel] = map.on_boundary(item, at.row, at.col);
    }
};

} // namespace

void boundary_mask(const View &labels, const View &out, const Boundaries &which, Stream stream) {
    with_label_map(labels, which, [&](const auto &map) {
        using Mark = MarkPixels<typename std::decay_t<decltype(map)>::Bits>;
        launch_each(stream, map.height * map.width, labels.shape[0], Mark{map, out.as<uint8_t>()},
                    "boundary_mask");
    });
}

} // namespace adaseg::cuda
