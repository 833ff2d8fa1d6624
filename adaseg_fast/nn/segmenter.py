# SPDX-License-Identifier: Apache-2.0
"""Downsample, segment, interpolate back: the whole of Fig. 2 as one module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from adaseg_fast import ops


class AdaptiveSegmenter(nn.Module):
    """A segmentation network between a downsampler and the interpolation that undoes it.

    The small image and the positions are float32; for half precision use ``torch.autocast``.

    Args:
        segmenter: any module from images ``(N, C, h, w)`` to scores ``(N, K, h', w')``, of any
            output stride.
        downsampler: module from images ``(N, C, H, W)`` to ``(small, phi)``, as
            :class:`~adaseg_fast.nn.AdaptiveDownsampler` and
            :class:`~adaseg_fast.nn.UniformDownsampler` are.
    """

    def __init__(self, segmenter: nn.Module, downsampler: nn.Module) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.downsampler = downsampler

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Segment the downsampled image; nothing is interpolated (as in training, sec. 4.1).

        Args:
            image: ``(N, C, H, W)``, uint8 or floating point, any strides.

        Returns:
            The scores ``(N, K, h', w')`` and the sampling tensor ``(N, 2, h, w)``.

        Raises:
            ValueError: ``image`` is of another shape.
            TypeError: the segmenter returned something other than a tensor.
        """
        small, phi = self.downsampler(image)
        scores = self.segmenter(small)
        if not isinstance(scores, Tensor):
            raise TypeError(
                "segmenter must return a tensor of scores (N, K, h, w), "
                f"got {type(scores).__name__}"
            )
        return scores, phi

    @torch.inference_mode()
    def predict(self, image: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Label every pixel of the image as it is, at its own resolution (sec. 3.3).

        Scores of another size than the sampling tensor's (a segmenter with an output stride) lie
        at the points of the tensor resized to them.

        The module runs in the mode it is in: call ``.eval()`` before. In training mode batch
        normalisation uses and updates the statistics of the batch, and the sampling tensor need
        not cover the image; pixels outside it get label 255 (-1 in int32).

        Args:
            image: ``(N, C, H, W)``, uint8 or floating point, any aspect and strides.
            size: ``(H, W)`` of the label map, the image's own by default.

        Returns:
            ``(N, H, W)`` uint8 labels (int32 above 256 classes).

        Raises:
            ValueError: ``image`` is of another shape.
            TypeError: the segmenter returned something other than a tensor.
        """
        scores, phi = self(image)
        if scores.shape[-2:] != phi.shape[-2:]:
            phi = ops.resize_sampling_tensor(phi, tuple(scores.shape[-2:]))
        return ops.interpolate_argmax(scores, phi, tuple(size or image.shape[-2:]))
