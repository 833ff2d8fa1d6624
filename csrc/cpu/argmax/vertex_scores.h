// SPDX-License-Identifier: Apache-2.0
// The scores of one item as label kernels read them: each vertex's best class, and the classes of a
// vertex side by side. Ties go to the lowest class; NaN never wins, except where all scores are
// NaN: there class 0 is best.
#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#include "array/view.h"
#include "cpu/common/targets.h"

namespace adaseg {

template <class T> class VertexScores {
public:
    using R = typename Compute<T>::type;

    VertexScores() = default;
    VertexScores(const View &scores, int64_t n)
        : data_(scores.item<T>(n)), classes_(scores.shape[1]), rows_(scores.shape[2]),
          cols_(scores.shape[3]), plane_(scores.strides[1]), down_(scores.strides[2]),
          right_(scores.strides[3]), best_(rows_ * cols_, 0) {
        std::vector<R> buffer(cols_), most(cols_);
        for (int64_t i = 0; i < rows_; ++i) {
            const R *first = read_row(0, i, buffer);
            std::copy(first, first + cols_, most.begin());
            for (int32_t c = 1; c < classes_; ++c)
                loops().in<R>().improve_best(read_row(c, i, buffer), cols_, c, most.data(),
                                             &best_[i * cols_]);
        }
        int64_t calm_cells = 0;
        for (int64_t i = 0; i + 1 < rows_; ++i)
            for (int64_t j = 0; j + 1 < cols_; ++j)
                calm_cells += same(i * cols_ + j);
        calm_ = 2 * calm_cells > (rows_ - 1) * (cols_ - 1);
    }

    int64_t classes() const { return classes_; }
    int64_t cols() const { return cols_; }
    int32_t best(int64_t vertex) const { return best_[vertex]; }

    // Whether the vertices of the cell whose corner A is vertex `a` have the same best class.
    bool same(int64_t a) const {
        const int32_t *upper = &best_[a], *lower = upper + cols_;
        return ((upper[0] ^ upper[1]) | (upper[0] ^ lower[0]) | (upper[0] ^ lower[1])) == 0;
    }

    // Whether most cells have one best class at all their vertices.
    bool calm() const { return calm_; }

    // Writes the scores of all classes at a vertex. -0.0 stays: all loops compare with <, <= and >,
    // in which -0.0 and 0.0 are equal.
    void read_vertex(int64_t vertex, R *to) const {
        const T *from = data_ + (vertex / cols_) * down_ + (vertex % cols_) * right_;
        for (int64_t c = 0; c < classes_; ++c)
            to[c] = static_cast<R>(from[c * plane_]);
    }

private:
    // The scores of a class along a row of vertices: in place where they lie side by side in the
    // type to compute in, else converted into `buffer`.
    const R *read_row(int64_t c, int64_t i, std::vector<R> &buffer) const {
        const T *from = data_ + c * plane_ + i * down_;
        if constexpr (std::is_same_v<T, R>)
            if (right_ == 1)
                return from;
        for (int64_t j = 0; j < cols_; ++j)
            buffer[j] = static_cast<R>(from[j * right_]);
        return buffer.data();
    }

    const T *data_ = nullptr;
    int64_t classes_ = 0, rows_ = 0, cols_ = 0, plane_ = 0, down_ = 0, right_ = 0;
    std::vector<int32_t> best_;
    bool calm_ = false;
};

// The scores of the vertices that were last asked for: two rows of vertices, which the triangles of
// a row of cells share. Each vertex's scores are padded to whole vectors.
template <class T> class VertexCache {
public:
    using R = typename Compute<T>::type;

    explicit VertexCache(const VertexScores<T> &scores)
        : scores_(scores), stride_((scores.classes() + 15) / 16 * 16) {
        while (slots_ < 2 * scores.cols())
            slots_ *= 2;
        held_.assign(slots_, -1);
        values_.assign(slots_ * stride_, R(0));
    }

    // The pointer is valid until vertices two rows further are asked for.
    const R *operator()(int64_t vertex) {
        const int64_t slot = vertex & (slots_ - 1);
        R *values = &values_[slot * stride_];
        if (held_[slot] != vertex) {
            scores_.read_vertex(vertex, values);
            held_[slot] = vertex;
        }
        return values;
    }

private:
    const VertexScores<T> &scores_;
    int64_t stride_, slots_ = 1;
    std::vector<int64_t> held_;
    std::vector<R> values_;
};

} // namespace adaseg
