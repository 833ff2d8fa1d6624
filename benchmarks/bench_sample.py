# SPDX-License-Identifier: Apache-2.0
"""Sampling and normalising a uint8 image, against torch's grid_sample and OpenCV's remap."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from adaseg_fast import ops
from adaseg_fast.engine import comparisons, rivals
from adaseg_fast.engine.rivals import Problem
from adaseg_fast.nn.downsample import IMAGE_MEAN, IMAGE_STD

from bench_helpers import FRAME, contest, every_problem, named, record, sides

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
    image, phi = prepare(rivals.scene(FRAME.size)[0]), rivals.ideal_grid(FRAME)
    record(benchmark, "sample, kinds of images", **FRAME._asdict())
    small = benchmark(ops.sample, image, phi, mean=IMAGE_MEAN, std=IMAGE_STD)
    assert small.shape == (1, 3, *FRAME.grid) and small.is_floating_point()
