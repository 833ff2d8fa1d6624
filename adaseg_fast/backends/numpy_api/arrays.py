# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays as the kernels want them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.select import default_threads
from adaseg_fast.backends.specs import MOST_THREADS, Spec

Array = NDArray[Any]

_DTYPES = {
    name: np.dtype(name) for name in ("bool", "float32", "float64", "int32", "int64", "uint8")
}


def new(spec: Spec, like: Array) -> Array:
    """An array to be filled, of native byte order; ``like`` is the operation's first argument."""
    if spec.dtype is None:
        return np.empty(spec.shape, like.dtype.newbyteorder("="))
    return np.empty(spec.shape, _DTYPES[spec.dtype])


def plain(array: Array) -> Array:
    """As the kernels can read it: aligned, native byte order, whole-element strides."""
    odd = any(stride % array.itemsize for stride in array.strides)
    if odd or not array.flags.aligned or not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="), copy=True)
    return array


def at_most(threads: int | None) -> int:
    """The most threads a kernel may use; by default all processors of this process.

    Raises:
        ValueError: there are fewer than 1 or more than 1024.
    """
    if threads is None:
        return min(default_threads(), MOST_THREADS)
    if not 1 <= threads <= MOST_THREADS:
        raise ValueError(f"threads must be from 1 to {MOST_THREADS}, got {threads}")
    return threads
