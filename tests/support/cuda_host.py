# SPDX-License-Identifier: Apache-2.0
"""The CUDA kernels on host memory as one more backend; tests/cuda/conftest.py compiles them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.cuda import CudaKernels

Array = NDArray[Any]


def address_of(array: Array | None) -> Any:
    """A NumPy array as the compiled kernels take it."""
    if array is None:
        return None
    from adaseg_fast._native import dtypes  # test modules load without it

    number = dtypes[array.dtype.name]
    strides = tuple(stride // array.itemsize for stride in array.strides)
    return array.ctypes.data, number, array.shape, strides


class HostScratch:
    """NumPy's memory, filled with arbitrary values as a device's is."""

    device = 0
    stream = 0

    def __init__(self) -> None:
        self.held: list[Array] = []

    def space(self, count: int) -> Any:
        self.held.append(np.full(count, 0xA5, np.uint8))
        return address_of(self.held[-1])

    def keys(self, count: int) -> Array:
        return np.full(count, -1, np.int64)

    def array(self, keys: Array) -> Any:
        self.held.append(keys)
        return address_of(keys)

    def sort(self, keys: Array) -> tuple[Array, Array]:
        order = np.argsort(keys, kind="stable")
        return keys[order], order


class HostBackend(ModuleType):
    """The kernels as a backend: replaces arrays by their addresses."""

    def __init__(self, native: ModuleType) -> None:
        super().__init__("cuda_host")
        self.native = native

    def __getattr__(self, name: str) -> Any:
        if not hasattr(CudaKernels, name):
            raise AttributeError(name)

        def call(*args: Any) -> None:
            kernel = getattr(CudaKernels(self.native, HostScratch()), name)
            kernel(*(address_of(x) if isinstance(x, np.ndarray) else x for x in args))

        return call
