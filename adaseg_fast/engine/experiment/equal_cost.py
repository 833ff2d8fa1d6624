# SPDX-License-Identifier: Apache-2.0
"""The working size at which a uniform model costs as much as an adaptive one."""

from __future__ import annotations

import torch

from adaseg_fast.engine.models.config import SamplerConfig
from adaseg_fast.engine.models.cost import multiply_adds
from adaseg_fast.engine.models.networks import build_network, build_sampler, size_step

Size = tuple[int, int]


def equal_cost_size(
    network: str, width: int | None, num_classes: int, size: Size, sampler: SamplerConfig
) -> Size:
    """The size, at least ``size``, whose multiply-adds come nearest to the adaptive model's.

    Args:
        network: the base network, a name of `build_network`.
        width: its number of features; None for networks other than ``unet``.
        num_classes: number of classes.
        size: the adaptive model's working size.
        sampler: the adaptive model's auxiliary network.

    Returns:
        A size of the aspect of ``size`` that the network accepts. It is ``size`` itself if the
        auxiliary network costs less than half of what the next size adds.
    """
    with torch.device("meta"):
        base, auxiliary = build_network(network, num_classes, width), build_sampler(sampler)
    step = size_step(network)

    def cost(at: Size) -> int:
        return multiply_adds(base, (1, 3, *at))

    wanted = cost(size) + multiply_adds(auxiliary, (1, 3, *sampler.view_size))
    best, missing = size, wanted - cost(size)
    rows = size[0]
    while True:
        rows += step
        larger = rows, step * round(size[1] * rows / size[0] / step)
        off = cost(larger) - wanted
        if abs(off) < missing:
            best = larger
        if off >= 0:
            return best
        missing = -off
