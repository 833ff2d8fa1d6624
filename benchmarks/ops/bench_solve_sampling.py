# SPDX-License-Identifier: Apache-2.0
"""Sampling tensors from their targets (eq. 2), against a sparse solution each."""

from __future__ import annotations

from functools import partial

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from adaseg_fast.engine.benchmark import comparisons
from bench_helpers import FRAME, contest, named, sides


@pytest.mark.parametrize(("tensor_size", "items"), [(8, 128), (32, 16), (64, 4)])
@sides("scipy spsolve", numba=False)
def test_solve_sampling(
    benchmark: BenchmarkFixture, threads: int, tensor_size: int, items: int, side: str
) -> None:
    pytest.importorskip("scipy")
    size = (tensor_size, tensor_size)
    compare = partial(comparisons.solve_sampling, size=size, items=items)
    group = f"solve_sampling, {items} of {named(size)}"
    contest(benchmark, group, side, {"scipy spsolve": compare}, FRAME)
