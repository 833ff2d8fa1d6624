# SPDX-License-Identifier: Apache-2.0
"""Boundaries of a label map and the nearest of them to a few points, against NumPy and SciPy."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torch.nn import functional as F

from adaseg_fast import ops
from adaseg_fast.engine.benchmark import comparisons, problems
from adaseg_fast.engine.benchmark.problems import TARGETS, TENSOR_SIZE, Problem
from bench_helpers import LARGE, OURS, contest, every_problem, named, record, sides
from gpu import helpers as gpu_helpers


@every_problem
@sides("numpy")
def test_boundary_mask(
    benchmark: BenchmarkFixture, threads: int, problem: Problem, side: str
) -> None:
    compare = {"numpy": comparisons.boundary_mask}
    contest(benchmark, f"boundary_mask, {named(problem.size)}", side, compare, problem)


@pytest.mark.parametrize("classes", [None, TARGETS], ids=["all", "targets"])
@every_problem
@sides("scipy distance transform")
def test_nearest_boundary(
    benchmark: BenchmarkFixture,
    threads: int,
    problem: Problem,
    classes: tuple[int, ...] | None,
    side: str,
) -> None:
    pytest.importorskip("scipy")
    compare = partial(comparisons.nearest_boundary, classes=classes)
    group = f"nearest_boundary, {'targets' if classes else 'all classes'}, {named(problem.size)}"
    contest(benchmark, group, side, {"scipy distance transform": compare}, problem)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64], ids=str)
@sides("reading the map once", numba=False)
def test_types_of_labels(
    benchmark: BenchmarkFixture, threads: int, dtype: torch.dtype, side: str
) -> None:
    problem = LARGE
    labels = problems.scene(problem.size)[1].to(dtype)
    record(benchmark, f"nearest_boundary, {dtype}", side=side, **problem._asdict())
    if side == OURS:
        nearest = benchmark(ops.nearest_boundary, labels, TENSOR_SIZE, classes=TARGETS)
        expected = ops.nearest_boundary(labels.byte(), TENSOR_SIZE, classes=TARGETS)
        assert torch.equal(nearest, expected)
    else:
        assert benchmark(labels.amax) < problem.classes


# --- On a GPU -------------------------------------------------------------------------------------


@gpu_helpers.on_device
def test_nearest_boundary_gpu(benchmark: BenchmarkFixture) -> None:
    _, labels = problems.scene(LARGE.size)
    on_gpu = labels.cuda()
    gpu_helpers.contest_on_device(
        benchmark,
        f"nearest_boundary, {named(LARGE.size)} to 8x8",
        "adaseg_fast",
        {"adaseg_fast": partial(ops.nearest_boundary, size=(8, 8))},
        lambda number: (on_gpu.clone(),),
        least_bytes=labels.numel(),
    )
    assert torch.equal(
        ops.nearest_boundary(on_gpu, (8, 8)).cpu(), ops.nearest_boundary(labels, (8, 8))
    )


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
