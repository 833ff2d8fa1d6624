# SPDX-License-Identifier: Apache-2.0
"""Labels at full resolution from scores on the grid, against bilinear scores and their argmax."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from adaseg_fast import ops
from adaseg_fast.engine import comparisons, rivals
from adaseg_fast.engine.rivals import Problem

from bench_helpers import FRAME, contest, every_problem, named, record, sides


@pytest.mark.parametrize("scores", ["network", "noise"])
@every_problem
@sides("torch")
def test_interpolate_argmax(
    benchmark: BenchmarkFixture, threads: int, problem: Problem, scores: str, side: str
) -> None:
    compare = partial(comparisons.interpolate_argmax, noise=scores == "noise")
    group = f"interpolate_argmax, {scores}, {named(problem.size)}"
    contest(benchmark, group, side, {"torch": compare}, problem)


def _channels_last(scores: Tensor) -> Tensor:
    return scores.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("problem", "prepare"),
    [
        pytest.param(FRAME, Tensor.contiguous, id="as-it-is"),
        pytest.param(FRAME._replace(classes=2), Tensor.contiguous, id="2-classes"),
        pytest.param(FRAME._replace(classes=150), Tensor.contiguous, id="150-classes"),
        pytest.param(FRAME._replace(grid=(512, 512)), Tensor.contiguous, id="grid-512x512"),
        pytest.param(FRAME, _channels_last, id="channels-last"),
        pytest.param(FRAME, Tensor.half, id="float16"),
        pytest.param(FRAME, Tensor.bfloat16, id="bfloat16"),
    ],
)
def test_kinds_of_scores(
    benchmark: BenchmarkFixture,
    threads: int,
    problem: Problem,
    prepare: Callable[[Tensor], Tensor],
) -> None:
    phi = rivals.ideal_grid(problem)
    scores = prepare(rivals.network_scores(problem, phi))
    record(benchmark, "interpolate_argmax, kinds of scores", **problem._asdict())
    labels = benchmark(ops.interpolate_argmax, scores, phi, problem.size)
    assert labels.shape == (1, *problem.size)
    assert len(labels.unique()) >= min(problem.classes, 11)
