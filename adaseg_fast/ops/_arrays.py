# SPDX-License-Identifier: Apache-2.0
"""Prepares torch tensors for the kernels: checks them, allocates outputs, makes the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from adaseg_fast.backends.protocol import DeviceKernels
from adaseg_fast.backends.select import get_backend, get_debug, kernels
from adaseg_fast.backends.specs import Spec
from adaseg_fast.ops._addresses import address_of, check_dtype
from adaseg_fast.ops._cuda import check_finite, cuda_kernels

_DTYPES = {
    name: getattr(torch, name) for name in ("bool", "float32", "float64", "int32", "int64", "uint8")
}


def new(spec: Spec, like: Tensor) -> Tensor:
    """Allocate an output on the device of ``like``, the operation's first argument."""
    if spec.dtype is None:
        return like.new_empty(spec.shape)
    return like.new_empty(spec.shape, dtype=_DTYPES[spec.dtype])


class Call:
    """One kernel call on tensors: ``array`` for each input, ``out`` for each output, ``finish()``.

    The compiled kernels take addresses. The others take NumPy arrays, which have no bfloat16: such
    tensors are passed as float32 copies, and ``finish`` copies the outputs back.

    Args:
        tensor: One of the inputs, whose device decides; the sampling tensor if there is one.

    Attributes:
        kernels: The kernels for that device.
        threads: The most threads to use on the CPU.
    """

    kernels: DeviceKernels
    threads: int
    array: Callable[[Tensor], Any]
    out: Callable[[Tensor], Any]

    def __init__(self, tensor: Tensor) -> None:
        self._copied_back: list[tuple[Tensor, Tensor]] = []
        if tensor.is_cuda:
            if get_debug() and tensor.is_floating_point():
                check_finite(tensor)
            self.kernels = cuda_kernels(tensor.device)
            self.threads = 0
            self.array = self.out = address_of
            return
        self.kernels = kernels()
        self.threads = torch.get_num_threads()
        if get_backend() == "native":
            self.array = self.out = address_of
        else:
            self.array, self.out = _as_numpy, self._numpy_out

    def _numpy_out(self, tensor: Tensor) -> Any:
        if tensor.dtype != torch.bfloat16:
            return _as_numpy(tensor)
        copy = torch.empty_like(tensor, dtype=torch.float32)
        self._copied_back.append((tensor, copy))
        return copy.numpy()

    def finish(self) -> None:
        """Copy the results to those outputs that the kernel filled as float32 copies."""
        for tensor, copy in self._copied_back:
            tensor.copy_(copy)


def _as_numpy(tensor: Tensor) -> Any:
    check_dtype(tensor)
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return tensor.detach().numpy()


def check_devices(operation: str, **tensors: Tensor) -> None:
    """Check that all tensors are on one device.

    Raises:
        ValueError: They are not; the message names them.
    """
    devices = {name: tensor.device for name, tensor in tensors.items()}
    if len(set(devices.values())) > 1:
        found = ", ".join(f"{name} on {device}" for name, device in devices.items())
        raise ValueError(f"{operation}: all tensors must be on one device, got {found}")
