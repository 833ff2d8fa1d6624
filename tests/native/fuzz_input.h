// SPDX-License-Identifier: Apache-2.0
// Bytes -> the arguments of a kernel call: sizes, types, strides, sampling grids of every kind.
// Every array lies in a heap block of exactly its extent, so that the address sanitizer sees the
// first byte read or written beside it. Included by fuzz.cpp only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <memory>
#include <vector>

#include "array/view.h"

namespace fuzz {

using adaseg::DType;
using adaseg::View;

// Reads the input. When it is used up, its bytes determine the numbers that follow: a few bytes
// make a whole case, while a longer input holds its coordinates byte by byte.
class Source {
public:
    Source(const uint8_t *data, size_t size) : data_(data), size_(size) {
        for (size_t k = 0; k < size; ++k)
            state_ = (state_ ^ data[k]) * 0x100000001b3u;
    }

    uint8_t byte() { return at_ < size_ ? data_[at_++] : static_cast<uint8_t>(next() >> 56); }
    uint64_t bits() {
        uint64_t value = 0;
        for (int k = 0; k < 8; ++k)
            value = value << 8 | byte();
        return value;
    }
    // From 0 to count - 1.
    int64_t below(int64_t count) {
        return static_cast<int64_t>(count <= 256 ? byte() : bits() >> 1) % count;
    }
    int64_t between(int64_t least, int64_t most) { return least + below(most - least + 1); }
    bool one_in(int64_t count) { return below(count) == 0; }
    // In [0, 1), 16 bits of it.
    double unit() { return (byte() * 256 + byte()) / 65536.0; }
    double around_zero() { return 2.0 * unit() - 1.0; }

private:
    uint64_t next() { // splitmix64
        uint64_t z = state_ += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }

    const uint8_t *data_;
    size_t size_, at_ = 0;
    uint64_t state_ = 0xcbf29ce484222325u;
};

struct Array {
    std::unique_ptr<uint8_t[]> memory;
    int64_t bytes = 0;
    View view;
};

using Shape = std::vector<int64_t>;

// C-contiguous and filled with arbitrary values, as outputs are.
inline Array make_output(DType type, const Shape &shape) {
    Array array;
    array.view.type = type;
    array.view.dims = static_cast<int>(shape.size());
    int64_t count = 1;
    for (int k = array.view.dims - 1; k >= 0; --k) {
        array.view.shape[k] = shape[k];
        array.view.strides[k] = count;
        count *= shape[k];
    }
    array.bytes = count * adaseg::item_size(type);
    array.memory.reset(new uint8_t[array.bytes]);
    std::memset(array.memory.get(), 0xA5, array.bytes);
    array.view.data = array.memory.get();
    return array;
}

// With its dimensions in any order, each of them dense, sliced, reversed or expanded.
inline Array make_input(Source &source, DType type, const Shape &shape) {
    Array array = make_output(type, shape);
    if (source.one_in(3))
        return array;
    View &view = array.view;
    int order[4] = {0, 1, 2, 3};
    for (int k = view.dims - 1; k > 0; --k)
        std::swap(order[k], order[source.below(k + 1)]);
    int64_t stride = 1, lowest = 0, highest = 0;
    for (int k = 0; k < view.dims; ++k) {
        const int d = order[k];
        const bool expanded = source.one_in(12), reversed = source.one_in(3);
        stride *= source.one_in(3) ? 2 : 1;
        view.strides[d] = expanded ? 0 : reversed ? -stride : stride;
        const int64_t reach = view.strides[d] * std::max<int64_t>(view.shape[d] - 1, 0);
        (reach < 0 ? lowest : highest) += reach;
        stride *= expanded ? 1 : std::max<int64_t>(view.shape[d], 1);
    }
    const int64_t size = adaseg::item_size(type);
    array.bytes = array.bytes == 0 ? 0 : (highest - lowest + 1) * size;
    array.memory.reset(new uint8_t[array.bytes]);
    view.data = array.memory.get() + (array.bytes == 0 ? 0 : -lowest * size);
    return array;
}

using Index = std::array<int64_t, 4>;

template <class F> void for_each_index(const View &view, F &&body) {
    Index shape{1, 1, 1, 1};
    std::copy_n(view.shape.begin(), view.dims, shape.begin());
    Index at{};
    for (at[0] = 0; at[0] < shape[0]; ++at[0])
        for (at[1] = 0; at[1] < shape[1]; ++at[1])
            for (at[2] = 0; at[2] < shape[2]; ++at[2])
                for (at[3] = 0; at[3] < shape[3]; ++at[3])
                    body(at);
}

inline int64_t offset(const View &view, const Index &at) {
    int64_t sum = 0;
    for (int k = 0; k < view.dims; ++k)
        sum += at[k] * view.strides[k];
    return sum;
}

inline double get(const View &view, const Index &at) {
    double value = 0;
    adaseg::with_any_type(view.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        value = static_cast<double>(view.as<T>()[offset(view, at)]);
    });
    return value;
}

inline void set_float(const View &view, const Index &at, double value) {
    adaseg::with_float_type(view.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        if constexpr (sizeof(T) == 8)
            view.as<T>()[offset(view, at)] = value;
        else // infinity beyond the largest float, where a plain cast would be undefined
            view.as<T>()[offset(view, at)] =
                T(std::abs(value) > 3.4e38
                      ? std::copysign(INFINITY, static_cast<float>(value < 0 ? -1 : 1))
                      : static_cast<float>(value));
    });
}

inline void set_bits(const View &view, const Index &at, uint64_t bits) {
    const int size = adaseg::item_size(view.type);
    std::memcpy(static_cast<uint8_t *>(view.data) + offset(view, at) * size, &bits, size);
}

inline DType float_type(Source &source) {
    const DType types[] = {DType::f32, DType::f64, DType::f16, DType::bf16};
    return types[source.below(4)];
}

enum class Kind : int {
    moved,
    folded,
    constant,
    collapsed,
    half_pixels,
    near_pixels,
    denormal,
    beyond,
    any_bits,
    duplicated,
    border,
    not_finite,
    quarters,
    near_border,
    near_vertex,
    count
};

// A coordinate of a kind; `even` is its value in a uniform grid, `unit` a unit of the lattice.
inline double coordinate(Source &source, Kind kind, double even, double step, int64_t last,
                         double unit) {
    const double moved = even + 0.4 * step * source.around_zero();
    switch (kind) {
    case Kind::folded:
        return even + source.around_zero();
    case Kind::half_pixels:
        return std::nearbyint(2.0 * moved * last) / (2.0 * last);
    case Kind::near_pixels: // a few units of the lattice off a pixel
        return std::nearbyint(moved * last) / last + source.between(-3, 3) * unit;
    case Kind::near_border:
        if (source.one_in(2))
            return moved;
        return source.one_in(2) ? source.below(4) * unit : 1.0 - source.below(4) * unit;
    case Kind::denormal: {
        const double tiny[] = {0.0,  -0.0, 5e-324,        -5e-324,       1e-310, 1e-40,
                               6e-8, 1.0,  1.0 - 0x1p-53, 1.0 - 0x1p-24, 0.5,    even};
        return tiny[source.below(12)];
    }
    case Kind::beyond: {
        const double far[] = {-1e300, -1e30, -3.0, -1e-9, 1.0 + 1e-9, 2.5, 1e30, 1e300};
        return source.one_in(2) ? moved : far[source.below(8)];
    }
    case Kind::quarters: // many vertices coincide or lie on common lines
        return source.between(-1, 5) / 4.0;
    default:
        return moved;
    }
}

// Moves the grid's border onto the image's, eq. (3).
inline void cover(const View &phi) {
    const int64_t h = phi.shape[2], w = phi.shape[3];
    for_each_index(phi, [&](const Index &at) {
        const int64_t index = at[1] == 0 ? at[2] : at[3], last = (at[1] == 0 ? h : w) - 1;
        if (index == 0 || index == last)
            set_float(phi, at, index == 0 ? 0.0 : 1.0);
    });
}

// (items, 2, h, w) for an image of `height` x `width`.
inline Array make_phi(Source &source, int64_t items, int64_t h, int64_t w, int64_t height,
                      int64_t width) {
    const Kind kind = static_cast<Kind>(source.below(static_cast<int>(Kind::count)));
    Array phi = make_input(source, float_type(source), {items, 2, h, w});
    const bool one_axis = source.one_in(2);
    const double point[2] = {source.unit(), source.unit()};
    int64_t units = std::max<int64_t>(std::max(height, width) - 1, 1); // along the longer side
    while (units << 1 < int64_t{1} << 31)
        units <<= 1;
    const double largest_last =
        static_cast<double>(std::max<int64_t>(std::max(height, width) - 1, 1));
    for_each_index(phi.view, [&](const Index &at) {
        const bool rows = at[1] == 0;
        const int64_t index = rows ? at[2] : at[3], count = rows ? h : w;
        const int64_t last = std::max<int64_t>((rows ? height : width) - 1, 1);
        const double step = 1.0 / std::max<int64_t>(count - 1, 1), even = index * step;
        if (kind == Kind::any_bits)
            return set_bits(phi.view, at, source.bits());
        const double unit = largest_last / static_cast<double>(units) / static_cast<double>(last);
        double value = coordinate(source, kind, even, step, last, unit);
        const bool collapses = kind == Kind::collapsed && (rows || !one_axis);
        if (kind == Kind::constant || collapses)
            value = point[at[1]];
        const bool on_border = rows ? at[3] == 0 || at[3] == w - 1 : at[2] == 0 || at[2] == h - 1;
        if (kind == Kind::border && on_border)
            value = source.unit();
        const bool near = kind == Kind::near_vertex;
        if ((kind == Kind::duplicated || near) && source.one_in(3)) {
            Index other = at;
            int64_t &axis = source.one_in(2) ? other[2] : other[3];
            axis = std::max<int64_t>(axis - 1, 0);
            if (other != at)
                value = get(phi.view, other) + (near ? source.between(-3, 3) * unit : 0.0);
        }
        set_float(phi.view, at, value);
    });
    if (!source.one_in(6))
        cover(phi.view);
    if (kind == Kind::not_finite && items > 0) {
        const double bad[] = {NAN, INFINITY, -INFINITY};
        set_float(phi.view,
                  {source.below(items), source.below(2), source.below(h), source.below(w)},
                  bad[source.below(3)]);
    }
    return phi;
}

} // namespace fuzz
