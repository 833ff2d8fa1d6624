# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation over the batches of all processes, on any device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` whose statistics in training are those of all processes together.

    Torch's own ``SyncBatchNorm`` works on GPUs only. Both have the plain layer's names in their
    state dicts, so weights can be exchanged. Statistics are computed in float32.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        self._check_input_dim(input)
        x = input.float()
        n = _total(torch.tensor(float(x.numel() // x.shape[1]), device=x.device))
        mean = _total(x.sum((0, 2, 3))) / n
        centred = x - mean[:, None, None]
        variance = _total(centred.square().sum((0, 2, 3))) / n
        if self.track_running_stats:
            self._follow(mean.detach(), variance.detach() * n / (n - 1))
        y = centred * (variance + self.eps).rsqrt()[:, None, None]
        if self.affine:
            y = y * self.weight[:, None, None] + self.bias[:, None, None]
        return y.to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics as the plain layer does."""
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:
            share = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def sync_batch_norm(module: nn.Module) -> None:
    """Replace every `torch.nn.BatchNorm2d` in ``module`` by one with statistics of all processes.

    Args:
        module: Any module; it is changed in place.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        >>> sync_batch_norm(network)
        >>> type(network[1]).__name__
        'SyncedBatchNorm2d'
    """
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            setattr(module, name, _synced(child))
        else:
            sync_batch_norm(child)


def _synced(plain: nn.BatchNorm2d) -> SyncedBatchNorm2d:
    synced = SyncedBatchNorm2d(
        plain.num_features,
        plain.eps,
        plain.momentum,
        plain.affine,
        plain.track_running_stats,
    )
    for name, parameter in plain.named_parameters():
        setattr(synced, name, parameter)
    for name, buffer in plain.named_buffers():
        setattr(synced, name, buffer)
    return synced.train(plain.training)


class _Total(torch.autograd.Function):
    """The sum over processes; every process uses it, so its gradients are summed likewise."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        total = grad.clone()
        distributed.all_reduce(total)
        return total


def _total(value: Tensor) -> Tensor:
    total: Tensor = _Total.apply(value)  # type: ignore[no-untyped-call]
    return total
