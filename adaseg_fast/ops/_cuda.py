# SPDX-License-Identifier: Apache-2.0
"""Calls of the CUDA kernels on torch tensors: device, stream, workspaces, debugging."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from adaseg_fast.backends.cuda import CudaKernels, native_module
from adaseg_fast.backends.select import get_debug
from adaseg_fast.ops._addresses import Address, address_of


class TorchScratch:
    """Memory of torch's allocator, on torch's current stream of a device.

    The tensors are held here until the kernels have been launched. From then on the allocator may
    reuse their memory, since it does so in the order of the stream; before that another thread
    could get it.
    """

    def __init__(self, device: torch.device) -> None:
        stream = torch.cuda.current_stream(device)
        self.device: int = stream.device_index
        self.stream: int = stream.cuda_stream
        self._on = device
        self._held: list[Tensor] = []

    def _hold(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        self._held += tensors
        return tensors

    def space(self, count: int) -> Address:
        return address_of(*self._hold(torch.empty(count, dtype=torch.uint8, device=self._on)))

    def keys(self, count: int) -> Tensor:
        return self._hold(torch.empty(count, dtype=torch.int64, device=self._on))[0]

    def array(self, keys: Tensor) -> Address:
        return address_of(keys)

    def sort(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        ascending, order = torch.sort(keys, stable=True)
        self._hold(ascending, order)
        return ascending, order


def cuda_kernels(device: torch.device) -> CudaKernels:
    """Return the kernels for the current stream of a device.

    Raises:
        RuntimeError: They were not built.
    """
    return CudaKernels(native_module(), TorchScratch(device))


def run_on_device(call: Callable[..., Any], *args: Any) -> Any:
    """Make the first tensor's device current and call; with ``set_debug`` wait for errors."""
    tensor = next(arg for arg in args if isinstance(arg, Tensor))
    if tensor.get_device() != torch.cuda.current_device():
        with torch.cuda.device(tensor.device):
            return run_on_device(call, *args)
    if not get_debug():
        return call(*args)
    result = call(*args)
    torch.cuda.synchronize()
    return result


def check_finite(phi: Tensor) -> None:
    """Check for NaN and infinity, which waits for the device.

    Raises:
        ValueError: ``phi`` holds one.
    """
    if not torch.isfinite(phi).all():
        raise ValueError("phi holds NaN or infinity; finite coordinates in [0, 1] are wanted")
