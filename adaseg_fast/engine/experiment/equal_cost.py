# SPDX-License-Identifier: Apache-2.0
"""The working size at which a uniform model costs as much as an adaptive one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import nn

from adaseg_fast.engine.models.config import SamplerConfig
from adaseg_fast.engine.models.cost import multiply_adds
from adaseg_fast.engine.models.networks import build_network, build_sampler, size_step

Size = tuple[int, int]

_LARGEST = 64  # times the working size


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

    Raises:
        ValueError: The network cannot be run, or its cost does not grow with its input, so there is
            no such size.
    """
    step, base_cost = size_step(network), _cost_of(network, width, num_classes, size)

    def larger(rows: int) -> Size:
        return rows, step * max(1, round(size[1] * rows / size[0] / step))

    @cache
    def cost(rows: int) -> int:
        return base_cost(size if rows == size[0] else larger(rows))

    def first(wanted: int, low: int, high: int) -> int:
        """The fewest rows that cost at least ``wanted``: above ``low``, at most ``high``."""
        while high - low > step:
            middle = low + (high - low) // (2 * step) * step
            low, high = (low, middle) if cost(middle) >= wanted else (middle, high)
        return high

    with torch.device("meta"):
        auxiliary = build_sampler(sampler)
    start = size[0]
    wanted = cost(start) + multiply_adds(auxiliary, (1, 3, *sampler.view_size))
    low, high = start, 2 * start
    while cost(high) < wanted:
        if cost(high) <= cost(low) or high >= _LARGEST * start:
            raise ValueError(
                f"the cost of the network {network!r} does not grow with its working size: "
                f"{cost(start)} multiply-adds at {start} rows, {cost(high)} at {high}; no uniform "
                "model costs as much as the adaptive one, so set equal_cost = false"
            )
        low, high = high, 2 * high
    above = first(wanted, low, high)
    below = above - step
    if below > start:  # the smallest of the sizes that cost the same
        below = first(cost(below), start, below) if cost(below) > cost(start) else start
    nearer_below = wanted - cost(below) <= cost(above) - wanted
    best = below if nearer_below else above
    return size if best == start else larger(best)


def _cost_of(
    network: str, width: int | None, num_classes: int, size: Size
) -> Callable[[Size], int]:
    """A function from a working size to the multiply-adds of a network.

    They are counted without computing, on the device "meta". A network that looks at its data
    cannot run there; it is run on zeros.
    """

    def counted(at: Size, built: nn.Module) -> int:
        return multiply_adds(built, (1, 3, *at))

    try:
        with torch.device("meta"):
            built = build_network(network, num_classes, width)
        counted(size, built)
        return partial(counted, built=built)
    except Exception:  # the network's own code runs, and "meta" has no values
        built = build_network(network, num_classes, width)

    def on_zeros(at: Size) -> int:
        try:
            return counted(at, built)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ValueError(
                f"the cost of the network {network!r} at {at[0]}x{at[1]} cannot be measured "
                f"({reason})"
            ) from error

    return on_zeros
