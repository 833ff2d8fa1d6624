// SPDX-License-Identifier: Apache-2.0
// For each point of a uniform grid the nearest pixel on a semantic boundary: b(u) of eq. (2).
// First each warp packs the boundary pixels of a tile of 32 x 32 into bits, so that the label map
// is read once. Then one block per point looks for the nearest: the tiles' distances bound the
// answer, and only tiles that may hold it are searched, one lane per row.
#include "core/nearest.h"
#include "cuda/device/label_map.h"
#include "cuda/kernels.h"

namespace adaseg::cuda {

namespace {

constexpr int tile_size = 32;

// Boundary pixels as bits, tile by tile.
struct Tiles {
    int64_t rows, cols;
    uint32_t *words; // (items, tiles, tile_size): one word per row, bit k for column k
    uint32_t *used;  // (items, tiles): bit k where row k has a boundary pixel

    ADASEG_HD int64_t count() const { return rows * cols; }
};

template <class T> struct MarkTiles {
    LabelMap<T> map;
    Tiles tiles;

    ADASEG_DEVICE void operator()(const Tile<32> &warp, int64_t tile, int64_t item) const {
        const Place at = place_of(tile, tiles.cols);
        const int64_t col = at.col * tile_size + warp.lane();
        uint32_t mine = 0;
        for (int k = 0; k < tile_size; ++k) {
            const int64_t row = at.row * tile_size + k;
            const bool marked =
                row < map.height && col < map.width && map.on_boundary(item, row, col);
            const uint32_t bits = warp.ballot(marked);
            mine = k == warp.lane() ? bits : mine;
        }
        const int64_t to = item * tiles.count() + tile;
        tiles.words[to * tile_size + warp.lane()] = mine;
        const uint32_t rows = warp.ballot(mine != 0);
        if (warp.lane() == 0)
            tiles.used[to] = rows;
    }
};

struct Nearest {
    int64_t distance; // squared, in pixels
    int64_t pixel;    // in raster order; the lower one wins a tie

    ADASEG_DEVICE void consider(int64_t distance_, int64_t pixel_) {
        if (distance_ < distance || (distance_ == distance && pixel_ < pixel)) {
            distance = distance_;
            pixel = pixel_;
        }
    }
};

ADASEG_DEVICE int64_t square(int64_t x) { return x * x; }

// Squared distance from `at` to the nearest and the farthest of the pixels [first, first + 32).
ADASEG_DEVICE int64_t nearest_square(int64_t at, int64_t first) {
    return at < first ? square(first - at)
                      : (at >= first + tile_size ? square(at - first - tile_size + 1) : 0);
}
ADASEG_DEVICE int64_t farthest_square(int64_t at, int64_t first) {
    const int64_t low = square(at - first), high = square(first + tile_size - 1 - at);
    return low > high ? low : high;
}

struct FindNearest {
    struct Shared {
        int64_t bound[block_threads / 32];
        Nearest nearest[block_threads / 32];
    };

    Tiles tiles;
    int64_t height, width, h, w;
    float *out; // (items, 2, h, w)

    ADASEG_DEVICE void operator()(const Block &block, Shared &shared) const {
        const auto [item, point] = place_of(block.index(), h * w);
        const Place grid = place_of(point, w);
        const int64_t row = even_pixel(grid.row, h, height), col = even_pixel(grid.col, w, width);
        const int64_t bound = find_bound(block, shared, item, row, col);
        const Tile<32> warp = block.lanes();
        Nearest nearest{INT64_MAX, INT64_MAX};
        for (int64_t base = block.warp() * 32; base < tiles.count(); base += block_threads) {
            const int64_t tile = base + warp.lane();
            bool near = tile < tiles.count() && tiles.used[item * tiles.count() + tile] != 0;
            if (near) {
                const Place at = place_of(tile, tiles.cols);
                near = nearest_square(row, at.row * tile_size) +
                           nearest_square(col, at.col * tile_size) <=
                       bound;
            }
            for (uint32_t left = warp.ballot(near); left != 0; left &= left - 1)
                look_into(warp.lane(), item, base + lowest_bit(left), row, col, nearest);
        }
        for (int mask = 16; mask > 0; mask /= 2) {
            const int64_t distance = warp.shuffle_xor(nearest.distance, mask);
            nearest.consider(distance, warp.shuffle_xor(nearest.pixel, mask));
        }
        if (warp.lane() == 0)
            shared.nearest[block.warp()] = nearest;
        block.sync();
        if (block.thread() != 0)
            return;
        for (int k = 1; k < block_threads / 32; ++k)
            nearest.consider(shared.nearest[k].distance, shared.nearest[k].pixel);
        const bool any = nearest.distance != INT64_MAX;
        const Place found = any ? place_of(nearest.pixel, width) : Place{0, 0};
        float *to = out + item * 2 * h * w + point;
        to[0] = static_cast<float>(any ? relative_coordinate(found.row, height)
                                       : relative_coordinate(grid.row, h));
        to[h * w] = static_cast<float>(any ? relative_coordinate(found.col, width)
                                           : relative_coordinate(grid.col, w));
    }

private:
    // Upper bound of the squared distance: the least, over non-empty tiles, of the distance to the
    // tile's farthest pixel.
    ADASEG_DEVICE int64_t find_bound(const Block &block, Shared &shared, int64_t item, int64_t row,
                                     int64_t col) const {
        int64_t bound = INT64_MAX;
        for (int64_t tile = block.thread(); tile < tiles.count(); tile += block_threads)
            if (tiles.used[item * tiles.count() + tile] != 0) {
                const Place at = place_of(tile, tiles.cols);
                const int64_t all = farthest_square(row, at.row * tile_size) +
                                    farthest_square(col, at.col * tile_size);
                bound = all < bound ? all : bound;
            }
        bound = least_over(block.lanes(), bound);
        if (block.lanes().lane() == 0)
            shared.bound[block.warp()] = bound;
        block.sync();
        for (int k = 0; k < block_threads / 32; ++k)
            bound = shared.bound[k] < bound ? shared.bound[k] : bound;
        return bound;
    }

    ADASEG_DEVICE void look_into(int lane, int64_t item, int64_t tile, int64_t row, int64_t col,
                                 Nearest &nearest) const {
        const Place at = place_of(tile, tiles.cols);
        const uint32_t bits = tiles.words[(item * tiles.count() + tile) * tile_size + lane];
        const int64_t first = at.col * tile_size, here = at.row * tile_size + lane;
        const int64_t before = col - first; // columns of the tile up to the point's own
        const uint32_t left = before < 0                ? 0
                              : before >= tile_size - 1 ? bits
                                                        : bits & ((2u << before) - 1u);
        const uint32_t right = bits & ~left;
        if (left != 0)
            look_at(here, first + highest_bit(left), row, col, nearest);
        if (right != 0)
            look_at(here, first + lowest_bit(right), row, col, nearest);
    }
    ADASEG_DEVICE void look_at(int64_t at_row, int64_t at_col, int64_t row, int64_t col,
                               Nearest &nearest) const {
        nearest.consider(square(at_row - row) + square(at_col - col), at_row * width + at_col);
    }
};

Tiles lay_out(Workspace &space, const View &labels) {
    Tiles tiles;
    tiles.rows = blocks_for(labels.shape[1], tile_size);
    tiles.cols = blocks_for(labels.shape[2], tile_size);
    tiles.words = space.take<uint32_t>(labels.shape[0] * tiles.count() * tile_size);
    tiles.used = space.take<uint32_t>(labels.shape[0] * tiles.count());
    return tiles;
}

} // namespace

int64_t nearest_boundary_workspace(const View &labels) {
    Workspace space(nullptr);
    lay_out(space, labels);
    return space.used();
}

void nearest_boundary(const View &labels, const View &out, void *workspace, const Boundaries &which,
                      Stream stream) {
    Workspace space(workspace);
    const Tiles tiles = lay_out(space, labels);
    with_label_map(labels, which, [&](const auto &map) {
        using Mark = MarkTiles<typename std::decay_t<decltype(map)>::Bits>;
        launch_tiles<32>(stream, tiles.count(), labels.shape[0], Mark{map, tiles},
                         "nearest_boundary, marks");
    });
    const int64_t h = out.shape[2], w = out.shape[3];
    launch_blocks(stream, labels.shape[0] * h * w,
                  FindNearest{tiles, labels.shape[1], labels.shape[2], h, w, out.as<float>()},
                  "nearest_boundary");
}

} // namespace adaseg::cuda
