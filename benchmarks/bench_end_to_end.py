# SPDX-License-Identifier: Apache-2.0
"""A uint8 image to its label map: adaptive inference against a stock uniform pipeline."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from adaseg_fast.engine import comparisons, rivals
from adaseg_fast.engine.cost import STAGES, predict_in_stages
from adaseg_fast.engine.rivals import Problem

from bench_helpers import FRAME, contest, every_problem, named, record, sides


@every_problem
@sides("torch, uniform", numba=False)
def test_inference(benchmark: BenchmarkFixture, threads: int, problem: Problem, side: str) -> None:
    problem = problem._replace(grid=(128, 128))
    compare = {"torch, uniform": comparisons.inference}
    contest(
        benchmark, f"inference with the same U-Net, {named(problem.size)}", side, compare, problem
    )


@pytest.mark.parametrize("working_size", [32, 64, 128, 256])
def test_stages(benchmark: BenchmarkFixture, threads: int, working_size: int) -> None:
    """The whole call is timed; what each stage took in the last one is noted."""
    problem = FRAME._replace(grid=(working_size, working_size))
    image, _ = rivals.scene(problem.size)
    model = rivals.adaptive_model(problem)
    record(benchmark, f"adaptive inference, {named(problem.size)}", **problem._asdict())
    result = benchmark(predict_in_stages, model, image[0])
    stages = zip(STAGES, result.seconds, strict=True)
    benchmark.extra_info["stages_ms"] = {name: 1e3 * seconds for name, seconds in stages}
    assert result.labels.shape == problem.size
