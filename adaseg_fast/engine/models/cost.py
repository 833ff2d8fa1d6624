# SPDX-License-Identifier: Apache-2.0
"""What a prediction costs: multiply-adds of the networks, seconds of each stage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from adaseg_fast import ops
from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter
from adaseg_fast.nn.downsample import Downsampler

STAGES = ("choose points", "sample", "segment", "interpolate")


class Prediction(NamedTuple):
    """One image's result, on the CPU.

    Attributes:
        labels: (H, W) uint8.
        phi: (2, h, w) the sampling tensor at the working size.
        coarse: (2, h', w') as the auxiliary network gave it; None for uniform sampling.
        seconds: by stage, in the order of `STAGES`.
    """

    labels: Tensor
    phi: Tensor
    coarse: Tensor | None
    seconds: tuple[float, ...]


def downsampler_of(model: AdaptiveSegmenter) -> Downsampler:
    """The model's downsampler, which has to be one of this package's."""
    if not isinstance(model.downsampler, Downsampler):
        raise TypeError(
            "the downsampler has to be a UniformDownsampler or an AdaptiveDownsampler, "
            f"got {type(model.downsampler).__name__}"
        )
    return model.downsampler


@torch.inference_mode()
def predict_in_stages(model: AdaptiveSegmenter, image: Tensor) -> Prediction:
    """`AdaptiveSegmenter.predict` for one (3, H, W) image, with the clock read between stages.

    The image is taken to the device of the model before the clock starts.
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
        phi = downsampler.sampling_tensor(batch)
    lap()
    small = ops.sample(batch, phi, mean=downsampler.mean, std=downsampler.std)
    lap()
    scores = model.segmenter(small)
    lap()
    at_scores = phi
    if scores.shape[-2:] != phi.shape[-2:]:
        at_scores = ops.resize_sampling_tensor(phi, scores.shape[-2:])
    labels = ops.interpolate_argmax(scores, at_scores, image.shape[-2:])
    lap()
    seconds = tuple(end - start for start, end in pairwise(clock))
    found = None if coarse is None else coarse[0].cpu()
    return Prediction(labels[0].cpu(), phi[0].cpu(), found, seconds)


def multiply_adds(network: nn.Module, shape: Sequence[int]) -> int:
    """Multiply-adds of a network on one input of the shape given, as the paper counts cost.

    A network on the device "meta" is counted without computing anything.
    """
    was_training = network.training
    network.eval()
    device = next((p.device for p in network.parameters()), None)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(tuple(shape), device=device))
    network.train(was_training)
    return int(counter.get_total_flops()) // 2


def model_multiply_adds(model: AdaptiveSegmenter) -> dict[str, int]:
    """Multiply-adds an image: of the base network and of the auxiliary one."""
    downsampler = downsampler_of(model)
    channels = len(downsampler.mean)
    counts = {"base": multiply_adds(model.segmenter, (1, channels, *downsampler.size))}
    if isinstance(downsampler, AdaptiveDownsampler):
        shape = (1, channels, *downsampler.view_size)
        counts["auxiliary"] = multiply_adds(downsampler.sampler, shape)
    return counts


def operation_multiply_adds(model: AdaptiveSegmenter, image: Tensor) -> int:
    """Multiply-adds of sampling and interpolating one (3, H, W) image, without the networks.

    They are those of the definitions evaluated plainly, see `adaseg_fast.ops._flops`; the kernels
    need fewer. The paper does not count them.
    """
    with FlopCounterMode(display=False) as counter:
        predict_in_stages(model, image)
    counts = counter.get_flop_counts()["Global"]
    ours = (flops for name, flops in counts.items() if str(name).startswith("adaseg."))
    return int(sum(ours)) // 2
