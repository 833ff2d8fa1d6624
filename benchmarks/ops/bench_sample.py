# SPDX-License-Identifier: Apache-2.0
"""Sampling and normalising a uint8 image, against torch's grid_sample and OpenCV's remap."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torch.nn import functional as F

from adaseg_fast import ops
from adaseg_fast.engine.benchmark import comparisons, problems
from adaseg_fast.engine.benchmark.problems import Problem
from adaseg_fast.normalization import IMAGE_MEAN, IMAGE_STD
from bench_helpers import FRAME, LARGE, contest, every_problem, named, record, sides
from gpu import helpers as gpu_helpers

RIVALS = {
    "torch grid_sample": comparisons.sample,
    "cv2.remap alone": comparisons.sample_and_remap,
}


@every_problem
@sides(*RIVALS)
def test_sample(benchmark: BenchmarkFixture, threads: int, problem: Problem, side: str) -> None:
    problem = problem._replace(grid=(128, 128))
    contest(benchmark, f"sample, normalise, {named(problem.size)}", side, RIVALS, problem)


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(Tensor.byte, id="interleaved"),
        pytest.param(Tensor.contiguous, id="planar"),
        pytest.param(Tensor.float, id="float32"),
    ],
)
def test_kinds_of_images(
    benchmark: BenchmarkFixture, threads: int, prepare: Callable[[Tensor], Tensor]
) -> None:
    image, phi = prepare(problems.scene(FRAME.size)[0]), problems.ideal_grid(FRAME)
    record(benchmark, "sample, kinds of images", **FRAME._asdict())
    small = benchmark(ops.sample, image, phi, mean=IMAGE_MEAN, std=IMAGE_STD)
    assert small.shape == (1, 3, *FRAME.grid) and small.is_floating_point()


# --- On a GPU -------------------------------------------------------------------------------------


@gpu_helpers.on_device
@gpu_helpers.sides("grid_sample", "gather", "gather, torch.compile")
def test_sample_gpu(benchmark: BenchmarkFixture, side: str) -> None:
    """A uint8 frame to a normalised small image; the gather's indices are kept by its user."""
    image, _ = problems.scene(LARGE.size)
    phi = problems.ideal_grid(LARGE._replace(grid=(128, 128))).cuda()
    last = torch.tensor(LARGE.size, device="cuda")[:, None, None] - 1
    rows, cols = (phi[0].double() * last).round().long()
    shift, scale = (torch.tensor(x, device="cuda").view(3, 1, 1) for x in (IMAGE_MEAN, IMAGE_STD))

    def inputs(number: int) -> tuple[Tensor, Tensor]:
        interleaved = image.permute(0, 2, 3, 1).cuda().permute(0, 3, 1, 2)
        return interleaved, phi.clone()

    def gather(image: Tensor, phi: Tensor) -> Tensor:
        return (image[:, :, rows, cols].float() - shift) / scale

    def grid_sample(image: Tensor, phi: Tensor) -> Tensor:
        at = 2 * phi.flip(1).permute(0, 2, 3, 1) - 1
        normalised = (image.float() - shift) / scale
        return F.grid_sample(normalised, at, mode="nearest", align_corners=True)

    gpu_helpers.contest_on_device(
        benchmark,
        f"sample + normalise, {named(LARGE.size)} to 128x128",
        side,
        {
            "adaseg_fast": partial(ops.sample, mean=IMAGE_MEAN, std=IMAGE_STD),
            "grid_sample": grid_sample,
            "gather": gather,
            "gather, torch.compile": torch.compile(gather, dynamic=False),
        },
        inputs,
        None
        if side == "grid_sample"
        else partial(torch.testing.assert_close, rtol=1e-5, atol=1e-5),
        least_bytes=128 * 128 * (2 * 4 + 3 * (1 + 4)),
    )
