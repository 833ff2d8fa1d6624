# SPDX-License-Identifier: Apache-2.0
"""The base segmentation network: a light U-Net."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from adaseg_fast.nn.arguments import checked_count
from adaseg_fast.nn.blocks import ConvBlock, Halve, UpProject


class UNet(nn.Module):
    """U-Net with one 3x3 convolution per block (the base network of sec. 4).

    The five levels lie at strides 1, 2, 4, 8, 16 and have ``width * (1/4, 1/2, 1, 1, 1)`` features.
    The encoder has one block per level, with 2x2 max-pools between them. Each level of the decoder
    is an up-projection, a concatenation with the encoder's features of that level, and a block. A
    1x1 convolution turns the features at full resolution into scores. Convolutions are padded and
    sizes round up, so the scores have the size of the image.

    The network takes 312.64 k multiply-adds per pixel with 3 channels, 22 classes and width 256
    (the paper: 303.95 k).

    Args:
        num_classes: Number of scores per pixel, at least 1.
        in_channels: Number of channels of the image, at least 1.
        width: Features of the three deep levels, a positive multiple of 4.

    Raises:
        ValueError: An argument is out of its range.
        TypeError: An argument is no integer.

    Example:
        >>> UNet(5, width=4)(torch.zeros(2, 3, 31, 40)).shape
        torch.Size([2, 5, 31, 40])
    """

    def __init__(self, num_classes: int, *, in_channels: int = 3, width: int = 256) -> None:
        super().__init__()
        self.num_classes = num_classes = checked_count("num_classes", num_classes)
        self.in_channels = in_channels = checked_count("in_channels", in_channels)
        self.width = width = checked_count("width", width, multiple_of=4)

        widths = (width // 4, width // 2, width, width, width)
        self.encoder = nn.ModuleList(ConvBlock(a, b) for a, b in pairwise((in_channels, *widths)))
        self.halve = Halve()
        upwards = list(pairwise(reversed(widths)))
        self.up = nn.ModuleList(UpProject(deep, here) for deep, here in upwards)
        self.decoder = nn.ModuleList(ConvBlock(2 * here, here) for _, here in upwards)
        self.classify = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the scores.

        Args:
            image: ``(N, in_channels, H, W)`` floating point, normalised; H and W at least 1. (In
                training, batch normalisation needs ``N > 1`` where H and W are at most 16.)

        Returns:
            ``(N, num_classes, H, W)`` scores (logits).
        """
        x = self.encoder[0](image)
        skips = [x]
        for block in self.encoder[1:]:
            x = block(self.halve(x))
            skips.append(x)
        skips.pop()
        for up, block in zip(self.up, self.decoder, strict=True):
            skip = skips.pop()
            x = block(torch.cat((skip, up(x, skip.shape[-2:])), dim=1))
        scores: Tensor = self.classify(x)
        return scores
