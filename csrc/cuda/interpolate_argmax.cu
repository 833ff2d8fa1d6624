// SPDX-License-Identifier: Apache-2.0
// Labels at every pixel straight from the scores at the grid's vertices: one byte per pixel is
// written, and scores at full size never exist. A class that wins at all three corners of a
// triangle wins everywhere in it. In other triangles only those classes are evaluated that no
// corner's winner beats at all three corners. The lowest class wins a tie. NaN never wins, at a
// vertex or at a pixel; where all classes are NaN the label is 0. As comparisons with NaN are
// false, a class with a NaN score is never left out. Four launches; where all grids are simple, the
// second and the third return at once.
#include "core/barycentric.h"
#include "core/blend.h"
#include "cuda/device/faces.h"
#include "cuda/kernels.h"

namespace adaseg::cuda {

namespace {

// Each vertex's best class; the lowest on a tie. NaN never wins; where all are NaN, class 0 is
// best.
template <class T> struct FindBest {
    using R = typename Compute<T>::type;

    Array scores;
    int64_t classes, rows, cols;
    int32_t *best;

    ADASEG_DEVICE void operator()(int64_t item, int64_t v) const {
        const Place at = place_of(v, cols);
        const T *from = scores.as<T>() + scores.offset(item, 0, at.row, at.col);
        R most = static_cast<R>(from[0]);
        int32_t found = 0;
        ADASEG_UNROLL(8)
        for (int64_t c = 1; c < classes; ++c) {
            const R value = static_cast<R>(from[c * scores.strides[1]]);
            const bool better = beats(value, most);
            found = better ? static_cast<int32_t>(c) : found;
            most = better ? value : most;
        }
        best[item * rows * cols + v] = found;
    }
};

template <class T> struct PaintLabels {
    using R = typename Compute<T>::type;
    // The first 256 classes have a bit that says whether to evaluate them; later ones always are.
    static constexpr int words = 8;

    struct Shared {
        int32_t best[batch_triangles][3];
        uint32_t keep[batch_triangles][words];
    };

    Array scores;
    int64_t classes;
    const int32_t *best;
    const int32_t *faces; // of grids that are not simple
    void *out;
    bool wide; // int32 labels, else bytes

    ADASEG_DEVICE bool needed(const Block &, const Grids &, int64_t) const { return true; }

    ADASEG_DEVICE void set_up(Shared &shared, const Grids &grids, int64_t item, int k,
                              const ScanTriangle &t) const {
        for (int n = 0; n < 3; ++n)
            shared.best[k][n] = best[item * grids.vertices() + t.vertex[n]];
    }

    ADASEG_DEVICE void prepare(const Block &block, Shared &shared, const Grids &grids, int64_t item,
                               const ScanTriangle *triangle, int count) const {
        for (int k = block.warp(); k < count; k += block_threads / 32)
            if (!is_uniform(shared, k))
                choose(block.lanes(), shared, grids, item, k, triangle[k]);
    }

    ADASEG_DEVICE void operator()(const Shared &shared, const Grids &grids, int64_t item, int k,
                                  const ScanTriangle &t, int64_t row, int64_t col,
                                  bool simple) const {
        const int64_t pixel = item * grids.pixels() + row * grids.lattice.width + col;
        if (!simple && faces[pixel] != t.number)
            return;
        const int32_t label = is_uniform(shared, k)
                                  ? shared.best[k][0]
                                  : winner(shared.keep[k], grids, item, t, row, col);
        if (wide)
            static_cast<int32_t *>(out)[pixel] = label;
        else
            static_cast<uint8_t *>(out)[pixel] = static_cast<uint8_t>(label);
    }

private:
    static ADASEG_DEVICE bool is_uniform(const Shared &shared, int k) {
        return shared.best[k][0] == shared.best[k][1] && shared.best[k][0] == shared.best[k][2];
    }

    ADASEG_DEVICE const T *corner(const Grids &grids, int64_t item, int32_t vertex) const {
        const Place at = place_of(vertex, grids.cols);
        return scores.as<T>() + scores.offset(item, 0, at.row, at.col);
    }

    // One warp per triangle, one lane per class: drops the classes that the winner of one corner
    // beats at all three.
    ADASEG_DEVICE void choose(const Tile<32> &warp, Shared &shared, const Grids &grids,
                              int64_t item, int k, const ScanTriangle &t) const {
        const T *from[3];
        R lead[3][3]; // at corner n the score of corner m's winner
        for (int n = 0; n < 3; ++n) {
            from[n] = corner(grids, item, t.vertex[n]);
            for (int m = 0; m < 3; ++m)
                lead[n][m] = static_cast<R>(from[n][shared.best[k][m] * scores.strides[1]]);
        }
        for (int word = 0; word < words && word * 32 < classes; ++word) {
            const int64_t c = word * 32 + warp.lane();
            bool keep = c < classes;
            if (keep) {
                R at[3];
                for (int n = 0; n < 3; ++n)
                    at[n] = static_cast<R>(from[n][c * scores.strides[1]]);
                for (int m = 0; m < 3; ++m)
                    keep &= !(at[0] < lead[0][m] && at[1] < lead[1][m] && at[2] < lead[2][m]);
            }
            const uint32_t bits = warp.ballot(keep);
            if (warp.lane() == 0)
                shared.keep[k][word] = bits;
        }
    }

    ADASEG_DEVICE int32_t winner(const uint32_t (&keep)[words], const Grids &grids, int64_t item,
                                 const ScanTriangle &t, int64_t row, int64_t col) const {
        const Weights at = weights_at(t.p, row, col, grids.lattice.bits);
        const R weight[3] = {static_cast<R>(at.at[0]), static_cast<R>(at.at[1]),
                             static_cast<R>(at.at[2])};
        const T *from[3];
        for (int n = 0; n < 3; ++n)
            from[n] = corner(grids, item, t.vertex[n]);
        R most = 0;
        int32_t found = -1;
        for (int64_t word = 0; word * 32 < classes; ++word)
            for (uint32_t left = word < words ? keep[word] : all_of_word(word); left != 0;
                 left &= left - 1) {
                const int64_t c = word * 32 + lowest_bit(left);
                R corner_scores[3];
                for (int n = 0; n < 3; ++n)
                    corner_scores[n] = static_cast<R>(from[n][c * scores.strides[1]]);
                const R value = blend(corner_scores, weight);
                if (found < 0 || beats(value, most)) {
                    most = value;
                    found = static_cast<int32_t>(c);
                }
            }
        return found;
    }

    // The bits of all classes of a word beyond the first 256.
    ADASEG_DEVICE uint32_t all_of_word(int64_t word) const {
        const int64_t left = classes - word * 32;
        return left >= 32 ? 0xffffffffu : (1u << left) - 1u;
    }
};

struct Pieces {
    Grids grids;
    int32_t *best, *faces;
};

Pieces lay_out(Workspace &space, const View &phi, int64_t height, int64_t width,
               Diagonal diagonal) {
    Pieces pieces;
    pieces.grids = lay_out_grids(space, phi, height, width, diagonal);
    pieces.best = space.take<int32_t>(pieces.grids.items * pieces.grids.vertices());
    pieces.faces = space.take<int32_t>(pieces.grids.items * pieces.grids.pixels());
    return pieces;
}

} // namespace

int64_t interpolate_argmax_workspace(const View &phi, int64_t height, int64_t width) {
    Workspace space(nullptr);
    lay_out(space, phi, height, width, Diagonal::delaunay);
    return space.used();
}

void interpolate_argmax(const View &scores, const View &phi, const View &out, void *workspace,
                        Diagonal diagonal, Stream stream) {
    Workspace space(workspace);
    const auto [grids, best, faces] = lay_out(space, phi, out.shape[1], out.shape[2], diagonal);
    const int64_t classes = scores.shape[1];
    const bool wide = out.type == DType::i32;
    with_float_type(scores.type, [&, grids = grids, best = best, faces = faces](auto tag) {
        using T = typename decltype(tag)::type;
        make_grids(grids, phi, stream, FindBest<T>{scores, classes, grids.rows, grids.cols, best});
        clear_faces(grids, faces, out.data, wide, stream);
        scan_triangles(grids, PaintFaces{faces, true}, stream, "find_faces");
        scan_triangles(grids, PaintLabels<T>{scores, classes, best, faces, out.data, wide}, stream,
                       "interpolate_argmax");
    });
}

} // namespace adaseg::cuda
