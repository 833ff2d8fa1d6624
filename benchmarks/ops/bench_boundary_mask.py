# SPDX-License-Identifier: Apache-2.0
"""The boundary pixels of a label map, against NumPy and torch.compile."""

from __future__ import annotations

import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torch.nn import functional as F

from adaseg_fast import ops
from adaseg_fast.engine.benchmark import comparisons, problems
from adaseg_fast.engine.benchmark.problems import Problem
from bench_helpers import LARGE, contest, every_problem, named, sides
from gpu import helpers as gpu_helpers


@every_problem
@sides("numpy")
def test_boundary_mask(
    benchmark: BenchmarkFixture, threads: int, problem: Problem, side: str
) -> None:
    compare = {"numpy": comparisons.boundary_mask}
    contest(benchmark, f"boundary_mask, {named(problem.size)}", side, compare, problem)


# --- On a GPU -------------------------------------------------------------------------------------


@gpu_helpers.on_device
@gpu_helpers.sides("torch.compile")
def test_boundary_mask_gpu(benchmark: BenchmarkFixture, side: str) -> None:
    _, labels = problems.scene(LARGE.size)
    on_gpu = labels.cuda()

    def mask(labels: Tensor) -> Tensor:
        padded = F.pad(labels.float()[None], (1, 1, 1, 1), mode="replicate")[0].to(torch.uint8)
        rows, cols = padded[:, :, 1:-1], padded[:, 1:-1]
        return (
            (labels != rows[:, :-2])
            | (labels != rows[:, 2:])
            | (labels != cols[:, :, :-2])
            | (labels != cols[:, :, 2:])
        )

    gpu_helpers.contest_on_device(
        benchmark,
        f"boundary_mask, {named(LARGE.size)}",
        side,
        {"adaseg_fast": ops.boundary_mask, "torch.compile": torch.compile(mask, dynamic=False)},
        lambda number: (on_gpu.clone(),),
        lambda ours, theirs: torch.testing.assert_close(ours, theirs),
        least_bytes=2 * labels.numel(),
    )
