# SPDX-License-Identifier: Apache-2.0
"""Torch tensors as the kernels want them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from adaseg_fast.backends.table import get_backend, kernels

# Numbers of csrc/cpu/view.h.
_TYPE_NUMBERS = {
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


class Call:
    """One kernel call on tensors: ``Call().array(t)`` for each argument, then ``finish()``.

    The compiled kernels take addresses. The others take NumPy arrays, which know no bfloat16: such
    tensors are handed over as float32 copies, and outputs are copied back by ``finish``.
    """

    def __init__(self) -> None:
        self.kernels: ModuleType = kernels()
        self.threads = torch.get_num_threads()
        self._by_address = get_backend() == "native"
        self._copied_back: list[tuple[Tensor, Tensor]] = []

    def array(self, tensor: Tensor) -> Any:
        """An input."""
        if tensor.dtype not in _TYPE_NUMBERS:
            raise TypeError(f"tensors of dtype {tensor.dtype} are not supported")
        if self._by_address:
            number = _TYPE_NUMBERS[tensor.dtype]
            return tensor.data_ptr(), number, tuple(tensor.shape), tensor.stride()
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.float()
        return tensor.detach().numpy()

    def out(self, tensor: Tensor) -> Any:
        """An output, contiguous."""
        if self._by_address or tensor.dtype != torch.bfloat16:
            return self.array(tensor)
        copy = torch.empty_like(tensor, dtype=torch.float32)
        self._copied_back.append((tensor, copy))
        return copy.numpy()

    def finish(self) -> None:
        for tensor, copy in self._copied_back:
            tensor.copy_(copy)


def check_devices(**tensors: Tensor) -> None:
    """All tensors on one device; the message names them."""
    devices = {name: tensor.device for name, tensor in tensors.items()}
    if len(set(devices.values())) > 1:
        found = ", ".join(f"{name} on {device}" for name, device in devices.items())
        raise ValueError(f"all tensors have to be on one device, got {found}")
