# SPDX-License-Identifier: Apache-2.0
"""The uniform size of equal cost, against counting the cost of every size."""

from __future__ import annotations

import pytest

from adaseg_fast.engine.experiment.equal_cost import equal_cost_size
from adaseg_fast.engine.models.config import SamplerConfig
from adaseg_fast.engine.models.cost import multiply_adds
from adaseg_fast.nn import DoubleUNet, UNet


@pytest.mark.parametrize(("side", "view"), [(16, 64), (24, 32)])
def test_nearest_of_all_sizes(side: int, view: int) -> None:
    sampler = SamplerConfig((4, 4), (view, view), width=32)
    base, auxiliary = UNet(5, width=16), DoubleUNet((4, 4), input_size=(view, view), width=32)
    costs = {n: multiply_adds(base, (1, 3, n, n)) for n in range(side, 56)}
    total = costs[side] + multiply_adds(auxiliary, (1, 3, view, view))
    best = min(costs, key=lambda n: abs(costs[n] - total))
    assert side < best < 55
    assert equal_cost_size("unet", 16, 5, (side, side), sampler) == (best, best)


def test_aspect_is_kept() -> None:
    sampler = SamplerConfig((4, 4), (64, 64), width=32)
    rows, cols = equal_cost_size("unet", 16, 5, (16, 32), sampler)
    assert rows > 16 and cols == 2 * rows


def test_a_small_auxiliary_network_changes_nothing() -> None:
    sampler = SamplerConfig((4, 4), (16, 16), width=8)
    assert equal_cost_size("unet", 64, 5, (64, 64), sampler) == (64, 64)


def test_a_factory_of_ones_own() -> None:
    sampler = SamplerConfig((4, 4), (64, 64), width=32)
    found = equal_cost_size("support.network_factories:strided", None, 5, (64, 64), sampler)
    assert found > (64, 64)
