# SPDX-License-Identifier: Apache-2.0
"""What a prediction costs, in multiply-adds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from adaseg_fast.engine.models.inference import predict_in_stages
from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter
from adaseg_fast.nn.segmenter import downsampler_of


def multiply_adds(network: nn.Module, shape: Sequence[int]) -> int:
    """Multiply-adds of a network on one input, the paper's measure of cost.

    A network on the device "meta" is counted without being computed.

    Args:
        network: any module with one input.
        shape: of the input.

    Returns:
        The number of multiply-adds, half the number of floating-point operations.

    Example:
        >>> multiply_adds(nn.Conv2d(3, 8, 1, bias=False), (1, 3, 10, 10))  # 3 x 8 x 100
        2400
    """
    was_training = network.training
    network.eval()
    device = next((p.device for p in network.parameters()), None)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(tuple(shape), device=device))
    network.train(was_training)
    return int(counter.get_total_flops()) // 2


def model_multiply_adds(model: AdaptiveSegmenter) -> dict[str, int]:
    """Multiply-adds of a model's networks per image.

    Args:
        model: with a downsampler of this package.

    Returns:
        "base", the cost of the base network; and with adaptive sampling "auxiliary".

    Raises:
        TypeError: The downsampler is not one of this package's.

    Example:
        >>> from adaseg_fast.nn import UNet, UniformDownsampler
        >>> model = AdaptiveSegmenter(UNet(2, width=8), UniformDownsampler((16, 16)))
        >>> sorted(model_multiply_adds(model))
        ['base']
    """
    downsampler = downsampler_of(model)
    channels = len(downsampler.mean)
    counts = {"base": multiply_adds(model.segmenter, (1, channels, *downsampler.size))}
    if isinstance(downsampler, AdaptiveDownsampler):
        shape = (1, channels, *downsampler.view_size)
        counts["auxiliary"] = multiply_adds(downsampler.sampler, shape)
    return counts


def operation_multiply_adds(model: AdaptiveSegmenter, image: Tensor) -> int:
    """Multiply-adds of sampling and interpolating one image, without the networks.

    They are those of the plain definitions, see `adaseg_fast.ops._flops`; the kernels need fewer.
    The paper does not count them.

    Args:
        model: in evaluation mode.
        image: ``(3, H, W)``.

    Returns:
        The number of multiply-adds.

    Raises:
        TypeError: The downsampler is not one of this package's.

    Example:
        >>> from adaseg_fast.nn import UNet, UniformDownsampler
        >>> model = AdaptiveSegmenter(UNet(2, width=8), UniformDownsampler((16, 16))).eval()
        >>> operation_multiply_adds(model, torch.zeros(3, 32, 32)) > 0
        True
    """
    with FlopCounterMode(display=False) as counter:
        predict_in_stages(model, image)
    counts = counter.get_flop_counts()["Global"]
    ours = (flops for name, flops in counts.items() if str(name).startswith("adaseg."))
    return int(sum(ours)) // 2
