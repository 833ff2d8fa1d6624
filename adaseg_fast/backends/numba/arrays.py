# SPDX-License-Identifier: Apache-2.0
"""Arrays as the kernels take them: few kinds, so that each kernel is compiled few times.

Numba compiles a function for every combination of type, memory order and write protection it is
called with. Small arrays are copied where their layout differs; of images, which are large, the
kernels get the memory as it lies, with the strides beside it. All inputs come write-protected.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Array = NDArray[Any]


class Memory(NamedTuple):
    """Element (i, j, ...) of a strided array is ``elements[first + i * strides[0] + ...]``."""

    elements: Array
    first: int
    strides: tuple[int, ...]


def protected(array: Array) -> Array:
    """The same memory, not to be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def contiguous(array: Array, dtype: Any) -> Array:
    """C-contiguous and write-protected, of the given type; a copy if need be."""
    return protected(np.ascontiguousarray(array, dtype))


def memory_of(array: Array) -> Memory:
    """All of a strided array's memory, in the order in which it lies there; for no empty array."""
    steps = tuple(stride // array.itemsize for stride in array.strides)
    if array.flags.c_contiguous:
        return Memory(protected(array.reshape(-1)), 0, steps)
    spans = [(size - 1) * step for size, step in zip(array.shape, steps, strict=True)]
    lowest = array[tuple(slice(None, None, -1 if step < 0 else 1) for step in steps)]
    total = 1 + sum(abs(span) for span in spans)
    elements = as_strided(lowest, (total,), (array.itemsize,), writeable=False)
    return Memory(elements, -sum(span for span in spans if span < 0), steps)


def bit_patterns(array: Array) -> Array:
    """The same memory as unsigned integers: enough to copy elements or to compare them.

    Raises:
        TypeError: elements are neither numbers of 1, 2, 4 or 8 bytes nor booleans.
    """
    if array.dtype.kind not in "biuf" or array.itemsize > 8:
        raise TypeError(f"arrays of dtype {array.dtype} are not supported")
    return array.view(f"u{array.itemsize}")


def compute_type(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """float32 for all floating-point storage types but float64."""
    return np.float64 if dtype == np.float64 else np.float32


def store(values: Array, to: Array) -> None:
    """Round to the type of ``to``; what is beyond its range becomes infinity, quietly."""
    with np.errstate(over="ignore"):
        to[...] = values


def finite_grid(phi: Array) -> Array:
    """A sampling tensor in float64, contiguous.

    Raises:
        ValueError: it holds NaN or infinity.
    """
    if not np.isfinite(phi).all():
        raise ValueError("phi holds NaN or infinity; finite coordinates in [0, 1] are wanted")
    return contiguous(phi, np.float64)
