# SPDX-License-Identifier: Apache-2.0
"""The prediction for one image, with a clock read after each stage."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from adaseg_fast import ops
from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter
from adaseg_fast.nn.segmenter import downsampler_of

STAGES = ("choose points", "sample", "segment", "interpolate")


class Prediction(NamedTuple):
    """The result for one image, on the CPU.

    Attributes:
        labels: ``(H, W)`` uint8, int32 above 256 classes.
        phi: ``(2, h, w)``, the sampling tensor at the working size.
        coarse: ``(2, h', w')``, the sampling tensor that the auxiliary network predicted; None for
            uniform sampling.
        seconds: one per stage, in the order of `STAGES`.
    """

    labels: Tensor
    phi: Tensor
    coarse: Tensor | None
    seconds: tuple[float, ...]


@torch.inference_mode()
def predict_in_stages(model: AdaptiveSegmenter, image: Tensor) -> Prediction:
    """Label one image as `AdaptiveSegmenter.predict` does, and time each stage.

    The image moves to the device of the model before the clock starts.

    Args:
        model: in evaluation mode.
        image: ``(3, H, W)``, uint8 or floating point.

    Returns:
        Labels, sampling tensors and seconds.

    Raises:
        TypeError: The downsampler is not one of this package's, or the base network returned
            something other than a tensor.
        ValueError: ``image`` has another shape.

    Example:
        >>> from adaseg_fast.nn import UNet, UniformDownsampler
        >>> model = AdaptiveSegmenter(UNet(2, width=8), UniformDownsampler((16, 16))).eval()
        >>> predict_in_stages(model, torch.zeros(3, 40, 60, dtype=torch.uint8)).labels.shape
        torch.Size([40, 60])
    """
    device = next((p.device for p in model.parameters()), image.device)
    downsampler, batch = downsampler_of(model), image[None].to(device)
    clock = [time.perf_counter()]

    def lap() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        clock.append(time.perf_counter())

    coarse: Tensor | None = None
    if isinstance(downsampler, AdaptiveDownsampler):
        coarse = downsampler.coarse_tensor(batch)
        phi = ops.resize_sampling_tensor(coarse, downsampler.size)
    else:
        phi = model.choose_points(batch)
    lap()
    small = model.sample(batch, phi)
    lap()
    scores = model.segment(small)
    lap()
    labels = model.label(scores, phi, image.shape[-2:])
    lap()
    seconds = tuple(end - start for start, end in pairwise(clock))
    found = None if coarse is None else coarse[0].cpu()
    return Prediction(labels[0].cpu(), phi[0].cpu(), found, seconds)
