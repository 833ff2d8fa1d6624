# SPDX-License-Identifier: Apache-2.0
"""The auxiliary network that predicts where to sample (Fig. 6)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.fx
from torch import Tensor, nn
from torch.nn import functional as F

from adaseg_fast.nn.arguments import Size, checked_count, checked_size
from adaseg_fast.nn.blocks import ConvBlock, UniformGrid


class DoubleUNet(nn.Module):
    """Two stacked U-Nets that predict a sampling tensor from a small view of the image (sec. 3.1).

    The depth of the first one follows ``input_size``: its encoder halves the view down to the
    sampling tensor's ``size`` and once more, and its decoder returns to ``size``. The second one is
    fixed: its encoder has levels at ``size``, a half and a quarter of it, and its decoder returns.
    Where the two join they share one block, the last of the first one and the entry of the second.
    Each block is one padded 3x3 convolution with batch normalisation. Skips are added, not
    concatenated, which halves the cost of the decoders. A 1x1 convolution gives the two
    coordinates.

    All levels have ``width`` features except the two finest: ``width / 8`` at the view's own
    resolution and ``width / 4`` at half of it (where that is still finer than ``size``). The levels
    for a view of 32 x 32, ``size`` (8, 8) and ``width`` 256, as side: features:

    ============  ==============================  ================
    network       encoder                         decoder
    ============  ==============================  ================
    first U-Net   32: 32, 16: 64, 8: 256, 4: 256  8: 256
    second U-Net  8: 256, 4: 256, 2: 256          4: 256, 8: 256
    ============  ==============================  ================

    It takes 0.12 / 0.21 / 0.55 G multiply-adds for views of 32 / 64 / 128 (the paper: 0.07 / 0.17 /
    0.54 G).

    The network learns the offset from the uniform tensor, and the last layer starts at zero, so an
    untrained network samples uniformly. Where to sample depends on absolute position, of which
    padded convolutions know little: two channels with the row and column in [-1, 1] are appended to
    the image.

    The output is raw, in training and in evaluation.
    :class:`~adaseg_fast.nn.AdaptiveDownsampler` projects it onto the covering constraints (3) in
    evaluation.

    Args:
        size: ``(h, w)`` of the sampling tensor, at least 2 each.
        input_size: ``(H, W)`` of the view, at least 8 each; need not be a multiple of ``size``.
        in_channels: Number of channels of the view, at least 1.
        width: Number of features, a positive multiple of 8.

    Raises:
        ValueError: An argument is out of its range.
        TypeError: An argument is not made of integers.

    Example:
        >>> network = DoubleUNet((4, 6), input_size=(16, 16), width=8)
        >>> network(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 2, 4, 6])
    """

    def __init__(
        self,
        size: Size = (8, 8),
        *,
        input_size: Size = (32, 32),
        in_channels: int = 3,
        width: int = 256,
    ) -> None:
        super().__init__()
        self.size = checked_size("size", size, least=2)
        self.input_size = checked_size("input_size", input_size, least=8)
        self.in_channels = in_channels = checked_count("in_channels", in_channels)
        self.width = width = checked_count("width", width, multiple_of=8)

        approach = _approach(self.input_size, self.size)
        half, quarter = _half(self.size), _half(_half(self.size))
        narrow = (width // 8, width // 4)[: len(approach) - 1]
        widths = (*narrow, *[width] * (len(approach) + 1 - len(narrow)))
        self.coordinates = UniformGrid(self.input_size)
        self.entry = ConvBlock(in_channels + 2, widths[0])
        self.first = _AdditiveUNet((*approach, half), widths, up=1)
        self.second = _AdditiveUNet((self.size, half, quarter), (width,) * 3, up=2)
        self.offset = nn.Conv2d(width, 2, 1)
        for parameter in self.offset.parameters():
            nn.init.zeros_(parameter)
        self.uniform = UniformGrid(self.size)

    def forward(self, view: Tensor) -> Tensor:
        """Predict the sampling tensor.

        Args:
            view: ``(N, in_channels, *input_size)`` floating point, normalised.

        Returns:
            ``(N, 2, h, w)`` float32 relative (row, column), not projected onto (3).

        Raises:
            ValueError: ``view`` is not ``(N, in_channels, *input_size)``.
        """
        _check_view(view, self.in_channels, self.input_size)
        position = (2 * self.coordinates(view) - 1).to(view.dtype)
        x = self.entry(torch.cat((view, position), dim=1))
        x = self.second(self.first(x))
        # The grid is float32, and so is the sum where the layers run in half precision.
        phi: Tensor = self.uniform(view) + self.offset(x)
        return phi


@torch.fx.wrap
def _check_view(view: Tensor, channels: int, size: Size) -> None:
    """Check the shape. Symbolic tracing, which has no shapes, records this as one step."""
    if view.ndim != 4 or tuple(view.shape[1:]) != (channels, *size):
        raise ValueError(
            f"view must have shape (N, {channels}, {size[0]}, {size[1]}), because the network was "
            f"made for in_channels={channels} and input_size={size}; got shape {tuple(view.shape)}"
        )


class _AdditiveUNet(nn.Module):
    """From features at ``sizes[0]`` down to ``sizes[-1]``, then ``up`` levels back, skips added.

    ``widths`` are the features at ``sizes``; the levels of the decoder share one width.
    """

    def __init__(self, sizes: Sequence[Size], widths: Sequence[int], *, up: int) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            nn.Sequential(_shrink(*step), ConvBlock(*width))
            for step, width in zip(pairwise(sizes), pairwise(widths), strict=True)
        )
        self.decoder = nn.ModuleList(ConvBlock(widths[-1], widths[-1]) for _ in range(up))

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for block in self.encoder:
            skips.append(x)
            x = block(x)
        for block in self.decoder:
            skip = skips.pop()
            # Corners aligned, as the points of a sampling tensor are.
            up = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=True)
            x = block(skip + up)
        return x


def _half(size: Size) -> Size:
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def _approach(start: Size, end: Size) -> list[Size]:
    """At least two sizes from ``start`` to ``end``, each side halved until it reaches its end."""
    sizes = [start]
    while len(sizes) == 1 or sizes[-1] != end:
        half = _half(sizes[-1])
        sizes.append((max(half[0], end[0]), max(half[1], end[1])))
    return sizes


def _shrink(start: Size, end: Size) -> nn.Module:
    """Max-pool from one fixed size to another; adaptive only where the sizes do not divide."""
    if start == end:
        return nn.Identity()
    if start[0] % end[0] == 0 and start[1] % end[1] == 0:
        return nn.MaxPool2d((start[0] // end[0], start[1] // end[1]))
    return nn.AdaptiveMaxPool2d(end)
