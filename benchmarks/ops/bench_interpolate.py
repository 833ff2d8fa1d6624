# SPDX-License-Identifier: Apache-2.0
"""Scores at full resolution, against torch's bilinear, SciPy's griddata and filling an output."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from adaseg_fast import ops
from adaseg_fast.engine.benchmark import comparisons, problems, rivals
from adaseg_fast.engine.benchmark.problems import Problem
from bench_helpers import FRAME, OURS, contest, every_problem, named, record, sides
from gpu import helpers as gpu_helpers

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
    phi = problems.ideal_grid(FRAME).requires_grad_()
    scores = problems.network_scores(FRAME, phi.detach()).requires_grad_()
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


# --- On a GPU -------------------------------------------------------------------------------------


@gpu_helpers.on_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@gpu_helpers.sides("torch", "torch.compile")
def test_interpolate_gpu(benchmark: BenchmarkFixture, side: str, dtype: torch.dtype) -> None:
    """A batch of 8; on the uniform grid of affine scores all sides give the same."""
    items, uniform = 8, ops.uniform_sampling_tensor(FRAME.grid, batch_size=8).cuda()
    affine = problems.affine_scores(FRAME._replace(classes=5)).repeat(items, 4, 1, 1)[:, :19]
    scores = affine.to(dtype).cuda()

    def inputs(number: int) -> tuple[Tensor, Tensor]:
        return scores + number, uniform.clone()

    stretch = partial(rivals.torch_interpolate, size=FRAME.size)
    compiled = torch.compile(stretch, dynamic=False)
    tolerance = 1e-4 if dtype == torch.float32 else 0.05
    written = items * 19 * FRAME.size[0] * FRAME.size[1]
    gpu_helpers.contest_on_device(
        benchmark,
        f"interpolate, batch of 8, {named(FRAME.size)}, {str(dtype).removeprefix('torch.')}",
        side,
        {
            "adaseg_fast": partial(ops.interpolate, size=FRAME.size),
            "torch": lambda scores, phi: stretch(scores),
            "torch.compile": lambda scores, phi: compiled(scores),
        },
        inputs,
        partial(torch.testing.assert_close, rtol=tolerance, atol=tolerance),
        least_bytes=(written + scores.numel()) * scores.element_size(),
        items=items,
    )


@gpu_helpers.on_device
@gpu_helpers.sides("torch")
def test_interpolate_backward_gpu(benchmark: BenchmarkFixture, side: str) -> None:
    phi = problems.ideal_grid(FRAME).cuda()
    scores = problems.noise_scores(FRAME).cuda()
    grad = torch.randn(1, FRAME.classes, *FRAME.size, device="cuda")

    def inputs(number: int) -> tuple[Tensor, ...]:
        return grad + number, scores, phi

    def ours(grad: Tensor, scores: Tensor, phi: Tensor) -> Tensor:
        found: Tensor = torch.ops.adaseg.interpolate_backward(grad, scores, phi, True, False)[0]
        return found

    def theirs(grad: Tensor, scores: Tensor, phi: Tensor) -> Tensor:
        found: Tensor = torch.ops.aten.upsample_bilinear2d_backward(
            grad, FRAME.size, scores.shape, True
        )
        return found

    gpu_helpers.contest_on_device(
        benchmark,
        f"interpolate backward, {named(FRAME.size)}",
        side,
        {"adaseg_fast": ours, "torch": theirs},
        inputs,
        least_bytes=(grad.numel() + 2 * scores.numel()) * 4,
    )
