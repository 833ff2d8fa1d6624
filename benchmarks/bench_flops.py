# SPDX-License-Identifier: Apache-2.0
"""Multiply-adds of the networks and of our operations, beside the paper's numbers, as a table.

No time is measured: everything is counted, on tensors without data.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from adaseg_fast import ops
from adaseg_fast.engine.models.cost import multiply_adds
from adaseg_fast.nn import DoubleUNet, UNet

# Tables 2 to 5, in G. The baseline with 22 and with 2 classes, and how much more adaptive sampling
# costs, by the size of the auxiliary network's view.
PAPER_22 = {32: 0.31, 64: 1.24, 128: 4.98, 256: 19.92, 512: 79.68}
PAPER_2 = {16: 0.07, 32: 0.30, 64: 1.22, 128: 4.90, 256: 19.59}
PAPER_AUXILIARY = {32: 0.07, 64: 0.17, 128: 0.54, 256: 2.11}
IMAGE = (2710, 2710)


@lru_cache
def base(classes: int, size: int) -> float:
    """G of the base network."""
    with torch.device("meta"):
        return multiply_adds(UNet(classes), (1, 3, size, size)) / 1e9


@lru_cache
def auxiliary(size: int) -> float:
    """G of the auxiliary network at a view of this size."""
    with torch.device("meta"):
        network = DoubleUNet(input_size=(size, size))
        return multiply_adds(network, (1, 3, size, size)) / 1e9


@lru_cache
def operations(size: int) -> dict[str, float]:
    """G of our operations at a working size, 22 classes, to and from the paper's images."""
    found = {}
    with torch.device("meta"):
        image = torch.empty((1, 3, *IMAGE), dtype=torch.uint8)
        phi, scores = torch.empty(1, 2, size, size), torch.empty(1, 22, size, size)
        targets = torch.empty(1, 2, 8, 8)
        calls = {
            "solve_sampling 8x8": lambda: ops.solve_sampling(targets),
            f"sample, normalise 2710x2710 -> {size}x{size}": lambda: ops.sample(
                image, phi, mean=[0, 0, 0], std=[1, 1, 1]
            ),
            f"interpolate 22 x {size}x{size} -> 2710x2710": lambda: ops.interpolate(
                scores, phi, IMAGE
            ),
            f"interpolate_argmax, from {size}x{size}, at most": lambda: ops.interpolate_argmax(
                scores, phi, IMAGE
            ),
        }
        for name, call in calls.items():
            with FlopCounterMode(display=False) as counter:
                call()
            found[name] = counter.get_total_flops() / 2e9
    return found


@pytest.mark.parametrize(("size", "paper"), PAPER_22.items())
def test_base_network_for_apolloscape(size: int, paper: float) -> None:
    assert base(22, size) == pytest.approx(paper, rel=0.05)


@pytest.mark.parametrize(("size", "paper"), PAPER_2.items())
def test_base_network_for_supervisely(size: int, paper: float) -> None:
    # The paper's numbers have two decimals, which is little at the smallest size.
    assert base(2, size) == pytest.approx(paper, rel=0.05, abs=0.02)


@pytest.mark.parametrize(("size", "paper"), PAPER_AUXILIARY.items())
def test_auxiliary_network(size: int, paper: float) -> None:
    # The paper does not give its layers; a fixed part of ours weighs most at the smallest view.
    assert auxiliary(size) == pytest.approx(paper, rel=0.3, abs=0.06)


@pytest.mark.parametrize("size", [64, 128])
def test_operations_cost_less_than_the_smallest_network(size: int) -> None:
    assert all(0 < cost < base(22, 64) for cost in operations(size).values())


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{'multiply-adds, G':<48}{'here':>10}{'paper':>9}"]
    networks = [
        *((f"U-Net, 22 classes, {n}x{n}", base(22, n), paper) for n, paper in PAPER_22.items()),
        *((f"U-Net, 2 classes, {n}x{n}", base(2, n), paper) for n, paper in PAPER_2.items()),
        *((f"double U-Net, {n}x{n}", auxiliary(n), p) for n, p in PAPER_AUXILIARY.items()),
    ]
    lines += [f"{name:<48}{ours:>10.3f}{paper:>9.2f}" for name, ours, paper in networks]
    # The paper counts the networks alone.
    ours = operations(64) | operations(128)
    lines += [f"{name:<48}{cost:>10.6f}{'-':>9}" for name, cost in ours.items()]
    with capsys.disabled():
        print("", *lines, sep="\n")
