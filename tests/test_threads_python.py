# SPDX-License-Identifier: Apache-2.0
"""Many Python threads call at once: results are equal, and kernels leave the interpreter free."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from adaseg_fast import backends, ops
from support.arrays import FAST_BACKENDS
from support.every_operation import results, same
from support.grids import grids
from support.tensors import in_threads


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("backend", FAST_BACKENDS)
def test_results_are_those_of_one_caller(backend: str, threads: int) -> None:
    with backends.use_backend(backend):
        expected = [results(seed, threads=1) for seed in range(6)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda k: results(k % 6, threads=threads), range(48)))
    assert all(same(found[k], expected[k % 6]) for k in range(48))


def test_one_grid_for_many_callers() -> None:
    phi = torch.from_numpy(grids("moved", (8, 8), (200, 200))).float()
    scores = torch.randn(1, 9, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = ops.interpolate_argmax(scores, phi, (200, 200))
    with in_threads(2), ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda _: ops.interpolate_argmax(scores, phi, (200, 200)), range(40))
        assert all(torch.equal(labels, expected) for labels in found)


@pytest.mark.skipif(
    "native" not in backends.available_backends(), reason="the compiled module is not installed"
)
def test_the_interpreter_is_free_while_a_kernel_runs() -> None:
    phi = grids("moved", (30, 30), (1500, 1500))
    scores = np.random.default_rng(0).normal(size=(1, 8, 30, 30))
    began, ended = threading.Event(), threading.Event()

    def kernel() -> None:
        began.set()
        with backends.use_backend("native"):
            backends.interpolate(scores, phi, (1500, 1500), threads=1)
        ended.set()

    caller = threading.Thread(target=kernel)
    caller.start()
    began.wait()
    turns = 0
    while not ended.is_set():
        turns += 1
        time.sleep(0.0005)
    caller.join()
    assert turns > 3  # with a kernel that held the interpreter, this thread would see only the end


@pytest.mark.parametrize(
    "call",
    [
        lambda phi: ops.rasterize(phi, (40, 40)),
        lambda phi: ops.interpolate(phi, phi, (40, 40)),
        ops.solve_sampling,
    ],
)
def test_torch_decides_the_number_of_threads(
    call: Callable[[torch.Tensor], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    phi = torch.from_numpy(grids("moved", (4, 5), (40, 40), items=2))
    asked: list[int] = []
    kernels = backends.kernels()
    for name in ("rasterize", "interpolate", "solve_sampling"):
        honest = getattr(kernels, name)

        def noted(*args: Any, honest: Any = honest) -> None:
            asked.append(args[-1])
            honest(*args)

        monkeypatch.setattr(kernels, name, noted)
    for count in (1, 2):
        with in_threads(count):
            call(phi)
    assert asked == [1, 2]
