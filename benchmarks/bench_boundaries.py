# SPDX-License-Identifier: Apache-2.0
"""Boundaries of a label map and the nearest of them to a few points, against NumPy and SciPy."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from adaseg_fast import ops
from adaseg_fast.engine import comparisons, rivals
from adaseg_fast.engine.rivals import TARGETS, TENSOR_SIZE, Problem

from bench_helpers import LARGE, OURS, contest, every_problem, named, record, sides


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
    labels = rivals.scene(problem.size)[1].to(dtype)
    record(benchmark, f"nearest_boundary, {dtype}", side=side, **problem._asdict())
    if side == OURS:
        nearest = benchmark(ops.nearest_boundary, labels, TENSOR_SIZE, classes=TARGETS)
        expected = ops.nearest_boundary(labels.byte(), TENSOR_SIZE, classes=TARGETS)
        assert torch.equal(nearest, expected)
    else:
        assert benchmark(labels.amax) < problem.classes
