// SPDX-License-Identifier: Apache-2.0
// The owner of each pixel: plain stores where the grid is simple, else the highest triangle number
// by an atomic maximum, whose result does not depend on the order. This takes three launches: the
// grids are made, faces are cleared (not where the grid is simple), triangles are painted.
#pragma once

#include "core/label.h"
#include "cuda/device/scan.h"

namespace adaseg::cuda {

// Where a grid is not simple, sets faces to -1 and labels (bytes, or int32 if `wide`; may be null)
// to the label of uncovered pixels.
struct ClearFaces {
    struct Shared {};

    Grids grids;
    int32_t *faces;
    void *labels;
    bool wide;
    int64_t pieces; // of an item's pixels

    ADASEG_DEVICE void operator()(const Block &block, Shared &) const {
        const auto [item, piece] = place_of(block.index(), pieces);
        if (grids.simple(block, item))
            return;
        const int64_t pixels = grids.pixels(), base = item * pixels;
        const int64_t end = piece_begin(pixels, pieces, piece + 1);
        for (int64_t k = piece_begin(pixels, pieces, piece) + block.thread(); k < end;
             k += block_threads) {
            faces[base + k] = -1;
            if (labels && wide)
                static_cast<int32_t *>(labels)[base + k] = uncovered_label<int32_t>();
            else if (labels)
                static_cast<uint8_t *>(labels)[base + k] = uncovered_label<uint8_t>();
        }
    }
};

inline void clear_faces(const Grids &grids, int32_t *faces, void *labels, bool wide,
                        Stream stream) {
    const int64_t pieces = blocks_for(grids.pixels(), 32 * block_threads);
    if (grids.pixels() > 0)
        launch_blocks(stream, grids.items * pieces, ClearFaces{grids, faces, labels, wide, pieces},
                      "clear_faces");
}

struct PaintFaces {
    struct Shared {};

    int32_t *faces;
    bool only_needed; // skips simple grids

    ADASEG_DEVICE bool needed(const Block &block, const Grids &grids, int64_t item) const {
        return !only_needed || !grids.simple(block, item);
    }
    ADASEG_DEVICE void set_up(Shared &, const Grids &, int64_t, int, const ScanTriangle &) const {}
    ADASEG_DEVICE void prepare(const Block &, Shared &, const Grids &, int64_t,
                               const ScanTriangle *, int) const {}
    ADASEG_DEVICE void operator()(Shared &, const Grids &grids, int64_t item, int,
                                  const ScanTriangle &t, int64_t row, int64_t col,
                                  bool simple) const {
        int32_t *face = faces + item * grids.pixels() + row * grids.lattice.width + col;
        if (simple)
            *face = t.number;
        else
            atomic_max(face, t.number);
    }
};

// Fills faces (items, height, width) with triangle numbers, -1 where nothing covers a pixel.
inline void find_faces(const Grids &grids, const View &phi, int32_t *faces, Stream stream) {
    make_grids(grids, phi, stream);
    clear_faces(grids, faces, nullptr, false, stream);
    scan_triangles(grids, PaintFaces{faces, false}, stream, "find_faces");
}

} // namespace adaseg::cuda
