# SPDX-License-Identifier: Apache-2.0
"""What ``torch.utils.flop_counter`` says of the operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from adaseg_fast import ops
from adaseg_fast.ops.boundaries import _solve_by_products
from support.grids import grids

SIZE = (9, 11)
PIXELS = 2 * 9 * 11
PHI = torch.from_numpy(grids("moved", (3, 4), SIZE, items=2)).float()
SCORES = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))
IMAGE = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def multiply_adds(function: Callable[[], Any]) -> float:
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops() / 2


WEIGHTS = 4 * PIXELS
VALUES = 3 * 5 * PIXELS
MOTION = 2 * 12 * 5 * 10  # items, triangles, classes, multiply-adds


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda: ops.rasterize(PHI, SIZE), WEIGHTS),
        (lambda: ops.interpolate(SCORES, PHI, SIZE), WEIGHTS + VALUES),
        (lambda: ops.interpolate(SCORES, PHI, SIZE, diagonal="anti"), WEIGHTS + VALUES),
        (lambda: ops.interpolate_argmax(SCORES, PHI, SIZE), WEIGHTS + VALUES),
        (lambda: ops.sample(IMAGE, PHI), 0),
        (lambda: ops.sample(IMAGE, PHI, mean=[1, 2, 3], std=[4, 5, 6]), 2 * 3 * 12),
        (lambda: ops.sample(IMAGE, PHI, std=[4, 5, 6]), 2 * 3 * 12),
        (lambda: ops.boundary_mask(torch.zeros(1, 4, 4, dtype=torch.uint8)), 0),
    ],
)
@pytest.mark.parametrize("inference", [False, True])
def test_counts_by_hand(function: Callable[[], Any], expected: int, inference: bool) -> None:
    with torch.inference_mode(inference):
        assert multiply_adds(function) == expected


@pytest.mark.parametrize(
    ("to_scores", "to_phi", "expected"),
    [
        (True, False, WEIGHTS + VALUES),
        (False, True, WEIGHTS + VALUES + MOTION),
        (True, True, WEIGHTS + VALUES + MOTION),
    ],
)
def test_backward_of_interpolate(to_scores: bool, to_phi: bool, expected: int) -> None:
    scores = SCORES.clone().requires_grad_(to_scores)
    phi = PHI.clone().requires_grad_(to_phi)
    values = ops.interpolate(scores, phi, SIZE)
    assert multiply_adds(values.sum().backward) == expected


def test_backward_of_sample() -> None:
    image = IMAGE.clone().requires_grad_()
    sampled = ops.sample(image, PHI, std=[4, 5, 6])
    assert multiply_adds(sampled.sum().backward) == sampled.numel()


@pytest.mark.parametrize("shape", [(2, 2, 8, 8), (1, 2, 3, 7), (3, 2, 6, 2), (1, 2, 2, 2)])
def test_solve_sampling_counts_its_matrix_products(shape: tuple[int, ...]) -> None:
    targets = torch.rand(shape)
    expected = multiply_adds(lambda: _solve_by_products(targets))
    assert multiply_adds(lambda: ops.solve_sampling(targets)) == expected
    assert expected > 0 or min(shape[2:]) == 2


def test_counts_on_tensors_without_data() -> None:
    with torch.device("meta"):
        scores, phi = torch.empty(1, 22, 128, 128), torch.empty(1, 2, 128, 128)
        counted = multiply_adds(lambda: ops.interpolate(scores, phi, (2710, 2710)))
    assert counted == 2710**2 * (4 + 3 * 22)
