# SPDX-License-Identifier: Apache-2.0
"""How training computes: on which device, in how many processes, and in which precision.

Several processes are started by ``torchrun``. Each takes its part of every batch; batch
normalisation, the loss's norm and the gradients are those of the whole batch, so the result is that
of one process up to rounding. Only the first one writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from adaseg_fast.backends.select import build_info
from adaseg_fast.nn.synced_norm import sync_batch_norm

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Compute:
    """The place of this process among all, and the precision.

    Attributes:
        device: where networks and batches are.
        amp: run networks in half precision where that is safe (``torch.autocast``): bfloat16, or
            float16 with scaled gradients on GPUs that lack it. Weights and losses stay float32.
        rank: number of this process.
        count: of the processes.
    """

    device: torch.device = _CPU
    amp: bool = False
    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def total(self, value: Tensor) -> Tensor:
        """The sum over processes, without a gradient."""
        value = value.detach().to(self.device)
        if self.count > 1:
            value = value.clone()
            distributed.all_reduce(value)
        return value

    def forward_of(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """How to call a network in training: its float32 result for the part of a batch.

        It is changed in place: on the CPU its weights are laid out channels last, which takes a
        quarter off the time of convolutions; with several processes its batch normalisation is
        replaced.
        """
        device, half = self.device.type, self._half()
        if device == "cpu":
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        called = network
        if self.count > 1:
            sync_batch_norm(network)
            called = nn.parallel.DistributedDataParallel(network)

        def forward(batch: Tensor) -> Tensor:
            with torch.autocast(device, dtype=half, enabled=self.amp):
                result: Tensor = called(batch)
            return result.float()

        return forward

    def scaler(self) -> torch.amp.GradScaler:
        """What keeps float16 gradients from vanishing; it does nothing in other precisions."""
        wanted = self.amp and self._half() is torch.float16
        return torch.amp.GradScaler(self.device.type, enabled=wanted)

    def _half(self) -> torch.dtype:
        if self.device.type == "cuda" and not torch.cuda.is_bf16_supported():
            return torch.float16
        return torch.bfloat16


def device_of(name: str) -> torch.device:
    """The device called ``name``: cpu, cuda or cuda:N.

    Raises:
        ValueError: there is no such device here, or no kernels for it were built.
    """
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise ValueError(f"device {name!r} is none; say cpu, cuda or cuda:N")
    if kind == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if int(number or 0) >= count:
        raise ValueError(f"device {name!r}: torch finds {count} CUDA devices on this machine")
    if not build_info()["cuda"]:
        raise ValueError(
            f"device {name!r}: adaseg_fast was built without CUDA kernels; install it again where "
            "nvcc is found, with ADASEG_CUDA=ON in the environment to be told what is missing"
        )
    return torch.device("cuda", int(number or 0))


def several_processes() -> bool:
    """Whether ``torchrun`` started this process among others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined(device: str = "cpu", *, amp: bool = False) -> Iterator[Compute]:
    """The `Compute` of this process, in touch with the others while the block lasts.

    On CUDA each of several processes takes the device of its local rank.
    """
    if not several_processes():
        yield Compute(device_of(device), amp)
        return
    on_cuda = device.startswith("cuda")
    chosen = device_of(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if on_cuda else device)
    if on_cuda:
        torch.cuda.set_device(chosen)
    distributed.init_process_group("nccl" if on_cuda else "gloo")
    try:
        yield Compute(chosen, amp, distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
