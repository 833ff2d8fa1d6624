# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: sizes, sides, how one of them is run and what is noted of it.

Ours and its rivals are cases of one test in one group, and so stand in one table. Whichever rival
runs, its result is checked against ours outside of the timed part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from adaseg_fast.backends import available_backends
from adaseg_fast.engine.benchmark.comparisons import Comparison, across_backends
from adaseg_fast.engine.benchmark.problems import Problem, Size
from adaseg_fast.engine.benchmark.run import rival_versions
from adaseg_fast.engine.environment import environment

Compare = Callable[[Problem], Comparison]

FRAME = Problem(19, (128, 128), (1024, 2048))
LARGE = Problem(22, (64, 64), (2710, 2710))
every_problem = pytest.mark.parametrize(
    "problem",
    [Problem(19, (64, 64), (960, 720)), FRAME, LARGE],
    ids=lambda problem: named(problem.size),
)

OURS = "adaseg_fast"
NUMBA = "adaseg_fast, numba"


def named(size: Size) -> str:
    """A size as text, rows x columns."""
    return f"{size[0]}x{size[1]}"


def sides(*rivals: str, numba: bool = True) -> pytest.MarkDecorator:
    """Ours, on the Numba backend too, and the rivals by name."""
    absent = pytest.mark.skipif(
        not {"numba", "native"} <= set(available_backends()), reason="no Numba backend here"
    )
    ours = [OURS, pytest.param(NUMBA, marks=absent)] if numba else [OURS]
    return pytest.mark.parametrize("side", [*ours, *rivals])


def contest(
    benchmark: BenchmarkFixture,
    group: str,
    side: str,
    rivals: Mapping[str, Compare],
    problem: Problem,
    *,
    once: bool = False,
) -> None:
    """Time one side of an operation.

    Args:
        group: name of the table.
        side: `OURS`, `NUMBA` or one of ``rivals``.
        rivals: comparisons with the same operation of ours.
        problem: the sizes.
        once: a single call, for what takes seconds.
    """
    first = next(iter(rivals.values()))
    if side == NUMBA:
        comparison = across_backends(first, problem, ours="native", rival="numba")
    else:
        comparison = rivals.get(side, first)(problem)
    record(benchmark, group, side=side, **problem._asdict())
    if side == OURS:
        benchmark(comparison.ours)
        return
    if side == NUMBA:
        comparison.rival()  # compiles
    time = partial(benchmark.pedantic, rounds=1) if once else benchmark
    comparison.check(comparison.ours(), time(comparison.rival))


def record(benchmark: BenchmarkFixture, group: str, **info: Any) -> None:
    """Put a benchmark into its table and note what its figures depend on."""
    versions = environment()
    benchmark.group = f"{group}, threads: {versions['threads']}"
    benchmark.extra_info.update(versions | rival_versions() | info)
