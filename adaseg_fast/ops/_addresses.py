# SPDX-License-Identifier: Apache-2.0
"""Torch tensors as addresses, which the compiled kernels take: they do not know torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# Address, type number, shape, strides in elements.
Address = tuple[int, int, tuple[int, ...], tuple[int, ...]]

_numbers: dict[torch.dtype, int] = {}  # filled by _type_number


def address_of(tensor: Tensor) -> Address:
    """The address of a tensor, which must outlive the call.

    Raises:
        TypeError: the kernels do not support the tensor's dtype.
    """
    number = _numbers.get(tensor.dtype)
    if number is None:
        number = _type_number(tensor)
    return tensor.data_ptr(), number, tuple(tensor.shape), tensor.stride()


def check_dtype(tensor: Tensor) -> None:
    """Check that the kernels support a tensor's dtype; the compiled module is not needed.

    Raises:
        TypeError: the dtype is neither bfloat16 nor a real or boolean dtype that NumPy has.
    """
    name = str(tensor.dtype).removeprefix("torch.")
    try:
        supported = name == "bfloat16" or np.dtype(name).kind in "biuf"
    except TypeError:
        supported = False
    if not supported:
        raise _not_supported(tensor)


def _type_number(tensor: Tensor) -> int:
    if not _numbers:
        from adaseg_fast.backends.native import dtypes

        _numbers.update((getattr(torch, name), number) for name, number in dtypes.items())
    if tensor.dtype not in _numbers:
        raise _not_supported(tensor)
    return _numbers[tensor.dtype]


def _not_supported(tensor: Tensor) -> TypeError:
    return TypeError(f"tensors of dtype {tensor.dtype} are not supported")
