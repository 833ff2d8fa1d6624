# SPDX-License-Identifier: Apache-2.0
"""Where training runs: on which device, in how many processes, and in which precision.

``torchrun`` starts several processes. Each takes its share of every batch. Batch normalisation,
the weight of the loss and the gradients are those of the whole batch, so the result is that of one
process up to rounding. Only the first process writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from adaseg_fast.engine.devices import device_of, several_processes
from adaseg_fast.nn.synced_norm import sync_batch_norm

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Placement:
    """The device and precision of a training, and the place of this process among all.

    Attributes:
        device: where networks and batches are.
        amp: run networks in half precision where that is safe (``torch.autocast``): in bfloat16,
            or in float16 with scaled gradients on GPUs that lack bfloat16. Weights and losses stay
            float32.
        rank: number of this process, from 0.
        count: number of processes.

    Example:
        >>> Placement().first
        True
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
        """The sum of a tensor over all processes, without a gradient."""
        value = value.detach().to(self.device)
        if self.count > 1:
            value = value.clone()
            distributed.all_reduce(value)
        return value

    def forward_of(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """Prepare a network for training here.

        The network changes in place. On the CPU its weights are laid out channels last, which
        makes convolutions a quarter faster. With several processes its batch normalisation becomes
        that of the whole batch.

        Args:
            network: on ``device``.

        Returns:
            A function that calls the network on this process's share of a batch, and gives float32.
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
        """The scaler that keeps float16 gradients from vanishing; idle in other precisions."""
        wanted = self.amp and self._half() is torch.float16
        return torch.amp.GradScaler(self.device.type, enabled=wanted)

    def _half(self) -> torch.dtype:
        if self.device.type == "cuda" and not torch.cuda.is_bf16_supported():
            return torch.float16
        return torch.bfloat16


@contextmanager
def joined(device: str = "cpu", *, amp: bool = False) -> Iterator[Placement]:
    """Connect this process with the others while the block lasts.

    On CUDA each of several processes takes the device of its local rank.

    Args:
        device: cpu, cuda or cuda:N.
        amp: see `Placement`.

    Yields:
        The `Placement` of this process.

    Raises:
        ValueError: There is no such device, see `device_of`.

    Example:
        >>> with joined("cpu") as placement:
        ...     placement.count
        1
    """
    if not several_processes():
        yield Placement(device_of(device), amp)
        return
    on_cuda = device.startswith("cuda")
    chosen = device_of(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if on_cuda else device)
    if on_cuda:
        torch.cuda.set_device(chosen)
    distributed.init_process_group("nccl" if on_cuda else "gloo")
    try:
        yield Placement(chosen, amp, distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
