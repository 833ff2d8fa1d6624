// SPDX-License-Identifier: Apache-2.0
// Arrays from Python -> views. An array is a NumPy array or a tuple (address, type number, shape,
// strides in elements). Torch tensors come as such tuples, so that this module need not know torch.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <iterator>
#include <string>

#include "array/view.h"

namespace py = pybind11;

namespace adaseg {

// Numbers of the element types by their names, for Python.
inline py::dict dtype_numbers() {
    py::dict numbers;
    for (const TypeInfo &info : type_table)
        numbers[info.name] = static_cast<int>(info.type);
    return numbers;
}

inline DType type_of(const py::dtype &type) {
    for (const TypeInfo &info : type_table)
        if (info.kind == type.kind() && info.size == type.itemsize())
            return info.type;
    throw py::type_error("arrays of dtype " +
                         py::str(static_cast<py::handle>(type)).cast<std::string>() +
                         " are not supported");
}

inline DType type_of_number(int number) {
    if (number < 0 || number >= static_cast<int>(std::size(type_table)))
        throw py::type_error("there is no dtype of number " + std::to_string(number));
    return static_cast<DType>(number);
}

inline View view_of_numpy(const py::array &array) {
    View view;
    view.type = type_of(array.dtype());
    if (!array.dtype().is(py::dtype::of<bool>()) && array.dtype().byteorder() == '>')
        throw py::type_error("arrays in big-endian byte order are not supported");
    view.data = const_cast<void *>(array.data());
    view.dims = static_cast<int>(array.ndim());
    if (view.dims > 4)
        throw py::value_error("arrays must have at most 4 dimensions");
    const int size = item_size(view.type);
    for (int k = 0; k < view.dims; ++k) {
        view.shape[k] = array.shape(k);
        if (array.strides(k) % size != 0 && array.shape(k) > 1)
            throw py::value_error("strides of arrays must be whole elements");
        view.strides[k] = array.strides(k) / size;
    }
    if (reinterpret_cast<uintptr_t>(view.data) % size != 0)
        throw py::value_error("arrays must be aligned");
    return view;
}

inline View view_of(py::handle object) {
    if (py::isinstance<py::array>(object))
        return view_of_numpy(py::reinterpret_borrow<py::array>(object));
    const py::tuple parts = py::reinterpret_borrow<py::object>(object).cast<py::tuple>();
    const py::tuple shape = parts[2].cast<py::tuple>(), strides = parts[3].cast<py::tuple>();
    View view;
    view.data = reinterpret_cast<void *>(parts[0].cast<uintptr_t>());
    view.type = type_of_number(parts[1].cast<int>());
    view.dims = static_cast<int>(shape.size());
    if (view.dims > 4 || strides.size() != shape.size())
        throw py::value_error("arrays must have at most 4 dimensions");
    for (int k = 0; k < view.dims; ++k) {
        view.shape[k] = shape[k].cast<int64_t>();
        view.strides[k] = strides[k].cast<int64_t>();
    }
    return view;
}

} // namespace adaseg
