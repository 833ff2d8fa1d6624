# SPDX-License-Identifier: Apache-2.0
"""How cost grows: the output by steps of 4 to 16 x, the grid by steps of 16 to 4096 x."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from adaseg_fast import ops
from adaseg_fast.engine.benchmark import problems
from adaseg_fast.engine.benchmark.problems import Problem, Size
from bench_helpers import FRAME, record

OPERATIONS: dict[str, Callable[[Tensor, Tensor, Size], Tensor]] = {
    "interpolate_argmax": ops.interpolate_argmax,
    "interpolate": ops.interpolate,
}
every_operation = pytest.mark.parametrize("name", OPERATIONS)


def _run(benchmark: BenchmarkFixture, name: str, what: str, problem: Problem, size: Size) -> None:
    """The scores of a problem, interpolated to another size than its own."""
    phi = problems.ideal_grid(problem)
    scores = problems.network_scores(problem, phi)
    record(benchmark, f"{name} as the {what} grows", **problem._replace(size=size)._asdict())
    found = benchmark(OPERATIONS[name], scores, phi, size)
    assert found.shape[-2:] == size
    if not benchmark.disabled:
        seconds = benchmark.stats.stats.median
        benchmark.extra_info["ns_per_pixel"] = 1e9 * seconds / (size[0] * size[1])


@pytest.mark.parametrize("height", [512, 1024, 2048])
@every_operation
def test_output(benchmark: BenchmarkFixture, threads: int, name: str, height: int) -> None:
    # Fewer classes where whole scores are written: 4 of them are 64 MiB at the largest size.
    classes = FRAME.classes if name == "interpolate_argmax" else 4
    _run(benchmark, name, "output", FRAME._replace(classes=classes), (height, 2 * height))


@pytest.mark.parametrize("side", [8, 32, 128, 512])
@every_operation
def test_grid(benchmark: BenchmarkFixture, threads: int, name: str, side: int) -> None:
    _run(benchmark, name, "grid", FRAME._replace(grid=(side, side)), FRAME.size)
