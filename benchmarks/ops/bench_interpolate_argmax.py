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
from adaseg_fast.engine.benchmark import comparisons, problems, rivals
from adaseg_fast.engine.benchmark.problems import Problem
from bench_helpers import FRAME, LARGE, contest, every_problem, named, record, sides
from gpu import helpers as gpu_helpers


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
    phi = problems.ideal_grid(problem)
    scores = prepare(problems.network_scores(problem, phi))
    record(benchmark, "interpolate_argmax, kinds of scores", **problem._asdict())
    labels = benchmark(ops.interpolate_argmax, scores, phi, problem.size)
    assert labels.shape == (1, *problem.size)
    assert len(labels.unique()) >= min(problem.classes, 11)


# --- On a GPU -------------------------------------------------------------------------------------


def _labels_agree(ours: Tensor, theirs: Tensor) -> None:
    """Ours adapts to the scene, theirs stretches the scores: most pixels are the same anyway."""
    assert (ours == theirs).float().mean() > 0.5


@gpu_helpers.on_device
@pytest.mark.parametrize("scores", ["network", "noise"])
@pytest.mark.parametrize("problem", [FRAME, LARGE], ids=lambda problem: named(problem.size))
@gpu_helpers.sides("torch", "torch.compile")
def test_interpolate_argmax_gpu(
    benchmark: BenchmarkFixture, problem: Problem, scores: str, side: str
) -> None:
    phi = problems.ideal_grid(problem)
    make = (
        problems.noise_scores(problem)
        if scores == "noise"
        else problems.network_scores(problem, phi)
    )
    on_gpu, phi_on_gpu = make.cuda(), phi.cuda()

    def inputs(number: int) -> tuple[Tensor, Tensor]:
        return on_gpu + 1e-3 * number, phi_on_gpu.clone()

    stretch = partial(rivals.torch_interpolate_argmax, size=problem.size)
    compiled = torch.compile(stretch, dynamic=False)
    gpu_helpers.contest_on_device(
        benchmark,
        f"interpolate_argmax, {scores}, {named(problem.size)}",
        side,
        {
            "adaseg_fast": partial(ops.interpolate_argmax, size=problem.size),
            "torch": lambda scores, phi: stretch(scores),
            "torch.compile": lambda scores, phi: compiled(scores),
        },
        inputs,
        _labels_agree if scores == "network" and problem == FRAME else None,
        least_bytes=on_gpu.numel() * 4 + phi.numel() * 4 + problem.size[0] * problem.size[1],
        **problem._asdict(),
    )
