// SPDX-License-Identifier: Apache-2.0
// The scores of one item as label kernels read them: each vertex's best class, and on demand the
// classes of a vertex side by side. Ties go to the lowest class; a NaN never wins, except as class
// 0.
#pragma once

#include <algorithm>
#include <vector>

#include "cpu/clones.h"
#include "cpu/view.h"

namespace adaseg {

// most[v] = max(most[v], value[v]), and the class where it grew.
template <class R>
inline void improve(const R *value, int64_t count, int32_t number, R *most, int32_t *best) {
    for (int64_t v = 0; v < count; ++v) {
        const bool better = value[v] > most[v];
        most[v] = better ? value[v] : most[v];
        best[v] = better ? number : best[v];
    }
}

void improve_best(const float *value, int64_t count, int32_t number, float *most, int32_t *best);
void improve_best(const double *value, int64_t count, int32_t number, double *most, int32_t *best);

template <class T> class VertexScores {
public:
    using R = typename Compute<T>::type;

    VertexScores() = default;
    VertexScores(const View &scores, int64_t n)
        : data_(scores.item<T>(n)), classes_(scores.shape[1]), rows_(scores.shape[2]),
          cols_(scores.shape[3]), plane_(scores.strides[1]), down_(scores.strides[2]),
          right_(scores.strides[3]), best_(rows_ * cols_, 0) {
        std::vector<R> value(cols_), most(cols_);
        for (int64_t i = 0; i < rows_; ++i) {
            read_row(0, i, most.data());
            for (int32_t c = 1; c < classes_; ++c) {
                read_row(c, i, value.data());
                improve_best(value.data(), cols_, c, most.data(), &best_[i * cols_]);
            }
        }
    }

    int64_t classes() const { return classes_; }
    int32_t best(int64_t vertex) const { return best_[vertex]; }

    // Writes the scores of all classes at a vertex.
    void read_vertex(int64_t vertex, R *to) const {
        const T *from = data_ + (vertex / cols_) * down_ + (vertex % cols_) * right_;
        for (int64_t c = 0; c < classes_; ++c)
            to[c] = static_cast<R>(from[c * plane_]);
    }

private:
    void read_row(int64_t c, int64_t i, R *to) const {
        const T *from = data_ + c * plane_ + i * down_;
        if (right_ == 1)
            for (int64_t j = 0; j < cols_; ++j)
                to[j] = static_cast<R>(from[j]);
        else
            for (int64_t j = 0; j < cols_; ++j)
                to[j] = static_cast<R>(from[j * right_]);
    }

    const T *data_ = nullptr;
    int64_t classes_ = 0, rows_ = 0, cols_ = 0, plane_ = 0, down_ = 0, right_ = 0;
    std::vector<int32_t> best_;
};

} // namespace adaseg
