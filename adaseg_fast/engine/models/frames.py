# SPDX-License-Identifier: Apache-2.0
"""Frames of a data set as the tensors that models take."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from adaseg_fast.data.base import Frame
from adaseg_fast.nn import AdaptiveDownsampler

Item = tuple[Tensor, Tensor]


def frame_tensors(frame: Frame) -> Item:
    """A frame as tensors that share its memory.

    Args:
        frame: an image with its truth.

    Returns:
        The image ``(3, H, W)``, a view of the frame's interleaved pixels, and the labels
        ``(H, W)``; both uint8.

    Example:
        >>> import numpy as np
        >>> frame = Frame(np.zeros((4, 6, 3), np.uint8), np.ones((4, 6), np.uint8), "frame")
        >>> image, labels = frame_tensors(frame)
        >>> image.shape, labels.shape
        (torch.Size([3, 4, 6]), torch.Size([4, 6]))
    """
    return torch.from_numpy(frame.image).permute(2, 0, 1), torch.from_numpy(frame.labels)


def views_of(downsampler: AdaptiveDownsampler, batch: Sequence[Item]) -> Tensor:
    """The views that the auxiliary network sees of a batch, whose images may differ in size.

    Args:
        downsampler: takes the views.
        batch: pairs of an image ``(3, H, W)`` and anything else.

    Returns:
        The views ``(N, 3, H', W')``, normalised.

    Example:
        >>> from adaseg_fast.nn import DoubleUNet
        >>> sampler = DoubleUNet((4, 4), input_size=(16, 16), width=8)
        >>> downsampler = AdaptiveDownsampler(sampler, (16, 16), (32, 32))
        >>> views_of(downsampler, [(torch.zeros(3, 40, 50), torch.zeros(40, 50))]).shape
        torch.Size([1, 3, 16, 16])
    """
    return torch.cat([downsampler.view(image[None]) for image, _ in batch])
