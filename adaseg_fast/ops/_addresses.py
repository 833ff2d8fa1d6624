# SPDX-License-Identifier: Apache-2.0
"""Torch tensors as the compiled kernels take them, which know no torch."""

from __future__ import annotations

import torch
from torch import Tensor

# Numbers of the enumeration DType in csrc.
TYPE_NUMBERS = {
    torch.uint8: 0,
    torch.int8: 1,
    torch.int16: 2,
    torch.int32: 3,
    torch.int64: 4,
    torch.float16: 5,
    torch.bfloat16: 6,
    torch.float32: 7,
    torch.float64: 8,
    torch.bool: 9,
    torch.uint16: 10,
    torch.uint32: 11,
    torch.uint64: 12,
}

Address = tuple[int, int, tuple[int, ...], tuple[int, ...]]


def type_number(tensor: Tensor) -> int:
    """Number of a tensor's dtype; TypeError for one that no kernel knows."""
    try:
        return TYPE_NUMBERS[tensor.dtype]
    except KeyError:
        raise TypeError(f"tensors of dtype {tensor.dtype} are not supported") from None


def address_of(tensor: Tensor) -> Address:
    """Address, type number, shape, strides in elements; the tensor has to outlive the call."""
    number = TYPE_NUMBERS.get(tensor.dtype)
    if number is None:
        number = type_number(tensor)
    return tensor.data_ptr(), number, tuple(tensor.shape), tensor.stride()
