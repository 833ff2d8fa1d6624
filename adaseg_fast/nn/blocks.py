# SPDX-License-Identifier: Apache-2.0
"""Building blocks of the networks: convolution block, halving, up-projection, fixed grid."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from adaseg_fast import ops


class ConvBlock(nn.Sequential):
    """One padded 3x3 convolution, batch normalisation, ReLU: the block of Fig. 6.

    ``(N, in_channels, H, W) -> (N, out_channels, H, W)``.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        # No bias: the normalisation that follows would subtract it again.
        convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        super().__init__(convolution, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


class Halve(nn.MaxPool2d):
    """2x2 max-pool that rounds sizes up, so that any side of at least 1 can be halved."""

    def __init__(self) -> None:
        super().__init__(2, ceil_mode=True)


class UpProject(nn.Module):
    """2x2 transposed convolution of stride 2, cropped to the size that is asked for.

    It undoes :class:`Halve`: halving rounds up, so the doubled map is never too small, and at most
    one row and one column are cropped.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.project = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2, bias=False)
        # The stride is the kernel's size, so one output pixel sees `in_channels` values, of which a
        # ReLU has set half to 0.
        nn.init.normal_(self.project.weight, std=(2 / in_channels) ** 0.5)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Return ``(N, out_channels, *size)`` from ``x`` of half that size, rounded up."""
        up: Tensor = self.project(x)
        return up[..., : size[0], : size[1]]


class UniformGrid(nn.Module):
    """The uniform sampling tensor ``u`` (sec. 3), made once and moved with the enclosing module.

    It is not part of the state dict. It stays float32 when the module is cast to another type,
    because positions in half precision miss whole pixels of a large image.

    Args:
        size: ``(h, w)``, at least 2 each.
    """

    phi: Tensor

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("phi", ops.uniform_sampling_tensor(size), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> UniformGrid:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        # Made anew: a cast to half precision would round it, to_empty() would leave it undefined.
        self.phi = ops.uniform_sampling_tensor(self.size, device=self.phi.device)
        return self

    def forward(self, batch: Tensor) -> Tensor:
        """Return ``(N, 2, h, w)`` for a batch of N items, which share one memory.

        ``load_state_dict(assign=True)`` takes weights off the meta device, but not the grid, which
        is in no state dict. Therefore it follows the batch.
        """
        if self.phi.is_meta and not batch.is_meta:
            with torch.inference_mode(False):  # so that it can serve in training, too
                self.phi = ops.uniform_sampling_tensor(self.size, device=batch.device)
        return self.phi.expand(batch.shape[0], -1, -1, -1)

    def extra_repr(self) -> str:
        return f"size={self.size}"


def in_dtype_of(network: nn.Module, x: Tensor) -> Tensor:
    """Convert the input of a network to the floating-point type of the network.

    Args:
        network: Any module. Its first floating-point parameter decides.
        x: Floating point. Small images are float32 whatever the type of the network.

    Returns:
        ``x``, converted if the types differ; as it is if the network has no such parameter.

    Example:
        >>> in_dtype_of(nn.Conv2d(3, 4, 1).double(), torch.zeros(1, 3, 2, 2)).dtype
        torch.float64
    """
    for parameter in network.parameters():
        if parameter.is_floating_point():
            return x.to(parameter.dtype)
    return x
