# SPDX-License-Identifier: Apache-2.0
"""Scores at full resolution, against torch's bilinear, SciPy's griddata and filling an output."""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from adaseg_fast import ops
from adaseg_fast.engine import comparisons, rivals
from adaseg_fast.engine.rivals import Problem

from bench_helpers import FRAME, OURS, contest, every_problem, named, record, sides

RIVALS = {
    "torch": comparisons.interpolate,
    "filling an output": comparisons.interpolate_and_fill,
}


@every_problem
@sides(*RIVALS)
def test_interpolate(
    benchmark: BenchmarkFixture, threads: int, problem: Problem, side: str
) -> None:
    contest(benchmark, f"interpolate, {named(problem.size)}", side, RIVALS, problem)


@sides("scipy griddata", numba=False)
def test_griddata(benchmark: BenchmarkFixture, side: str) -> None:
    """The paper's method takes seconds: one call, and of one channel where nothing is timed."""
    pytest.importorskip("scipy")
    problem = FRAME._replace(classes=1) if benchmark.disabled else FRAME
    contest(
        benchmark,
        f"interpolate against griddata, {named(problem.size)}",
        side,
        {"scipy griddata": comparisons.interpolate_and_griddata},
        problem,
        once=True,
    )


@sides("torch", numba=False)
def test_backward(benchmark: BenchmarkFixture, threads: int, side: str) -> None:
    """Ours to scores and positions, torch's to scores; the scores' gradients add up alike."""
    phi = rivals.ideal_grid(FRAME).requires_grad_()
    scores = rivals.network_scores(FRAME, phi.detach()).requires_grad_()
    if side == OURS:
        values, inputs = ops.interpolate(scores, phi, FRAME.size), (scores, phi)
    else:
        values, inputs = rivals.torch_interpolate(scores, FRAME.size), (scores,)
    grad = torch.rand(values.shape, generator=torch.Generator().manual_seed(0))
    record(benchmark, f"interpolate, backward, {named(FRAME.size)}", side=side, **FRAME._asdict())
    grads = benchmark(torch.autograd.grad, values, inputs, grad, retain_graph=True)
    # The weights of a pixel add up to one.
    torch.testing.assert_close(
        grads[0].double().sum((2, 3)), grad.double().sum((2, 3)), rtol=1e-5, atol=0
    )
