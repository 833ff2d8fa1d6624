// SPDX-License-Identifier: Apache-2.0
// Vectors of the target's own width, in the compiler's vector types; with one lane, plain numbers.
// So a loop is written once for every width, and the same code takes the elements that are left
// over at its end. A comparison gives a mask: integers 0 and -1 per lane, or a bool.
// ADASEG_WIDTH is the width in bytes, or 1 for plain numbers.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__GNUC__)
#define ADASEG_INLINE inline __attribute__((always_inline))
#else
#define ADASEG_INLINE inline
#endif

namespace adaseg {
namespace {

template <class T, int Lanes> struct VectorOf {
#if ADASEG_WIDTH > 1
    typedef T type __attribute__((vector_size(Lanes * sizeof(T))));
#endif
};
template <class T> struct VectorOf<T, 1> {
    using type = T;
};

template <class T> constexpr int lanes = ADASEG_WIDTH > 1 ? ADASEG_WIDTH / sizeof(T) : 1;
template <class T, int Lanes = lanes<T>> using Vector = typename VectorOf<T, Lanes>::type;

// As large as R: what a mask for numbers of type R is made of.
template <class R> using Integer = std::conditional_t<sizeof(R) == 4, int32_t, int64_t>;

template <int Lanes> struct Count {
    static constexpr int lanes = Lanes;
};

// Calls body(Count<lanes>, k) for whole vectors of lanes from 0 on, then body(Count<1>, k) for each
// element that is left.
template <int Lanes, class F> ADASEG_INLINE void for_vectors(int64_t count, const F &body) {
    int64_t k = 0;
    for (; k + Lanes <= count; k += Lanes)
        body(Count<Lanes>{}, k);
    for (; Lanes > 1 && k < count; ++k)
        body(Count<1>{}, k);
}

template <int Lanes, class T> ADASEG_INLINE Vector<T, Lanes> load(const T *from) {
    Vector<T, Lanes> values;
    std::memcpy(&values, from, sizeof values);
    return values;
}

template <class V, class T> ADASEG_INLINE void store(const V &values, T *to) {
    std::memcpy(to, &values, sizeof values);
}

template <int Lanes, class T> ADASEG_INLINE Vector<T, Lanes> splat(T value) {
    return value - Vector<T, Lanes>{}; // keeps -0, as a sum would not
}

// 0, 1, 2 ...
template <class T, int Lanes> ADASEG_INLINE Vector<T, Lanes> ramp() {
    T values[Lanes];
    for (int k = 0; k < Lanes; ++k)
        values[k] = static_cast<T>(k);
    return load<Lanes>(values);
}

template <class M, class V> ADASEG_INLINE V select(const M &mask, const V &yes, const V &no) {
    return mask ? yes : no;
}

template <class To, int Lanes, class V> ADASEG_INLINE Vector<To, Lanes> convert(const V &values) {
#if ADASEG_WIDTH > 1
    if constexpr (Lanes > 1)
        return __builtin_convertvector(values, Vector<To, Lanes>);
    else
#endif
        return static_cast<To>(values);
}

// A mask of the same lanes for numbers of another size.
template <class To, int Lanes, class M> ADASEG_INLINE auto mask_for(const M &mask) {
    if constexpr (Lanes > 1)
        return convert<To, Lanes>(mask);
    else
        return mask;
}

} // namespace
} // namespace adaseg
