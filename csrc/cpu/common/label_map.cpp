// SPDX-License-Identifier: Apache-2.0
// Compares the labels of neighbouring rows and columns; see label_map.h.
#include "cpu/common/label_map.h"
#include "cpu/common/clones.h"

namespace adaseg {

namespace {

template <class T>
inline void mark(const T *here, const T *above, const T *below, int64_t width, uint8_t *flag) {
    for (int64_t col = 0; col < width; ++col)
        flag[col] = (here[col] != above[col]) | (here[col] != below[col]);
    for (int64_t col = 0; col + 1 < width; ++col)
        flag[col] |= here[col] != here[col + 1];
    for (int64_t col = 1; col < width; ++col)
        flag[col] |= here[col] != here[col - 1];
}

} // namespace

ADASEG_CLONES void mark_changes(const uint8_t *here, const uint8_t *above, const uint8_t *below,
                                int64_t width, uint8_t *flag) {
    mark(here, above, below, width, flag);
}
ADASEG_CLONES void mark_changes(const uint16_t *here, const uint16_t *above, const uint16_t *below,
                                int64_t width, uint8_t *flag) {
    mark(here, above, below, width, flag);
}
ADASEG_CLONES void mark_changes(const uint32_t *here, const uint32_t *above, const uint32_t *below,
                                int64_t width, uint8_t *flag) {
    mark(here, above, below, width, flag);
}
ADASEG_CLONES void mark_changes(const uint64_t *here, const uint64_t *above, const uint64_t *below,
                                int64_t width, uint8_t *flag) {
    mark(here, above, below, width, flag);
}

} // namespace adaseg
