# SPDX-License-Identifier: Apache-2.0
"""Many Python threads that call at once: equal results, and the interpreter is free meanwhile."""

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
from support.arrays import FAST_BACKENDS, Array, grids, patchwork
from support.tensors import in_threads

SIZE = (60, 50)


def work(seed: int, threads: int) -> list[Array]:
    """Every operation on inputs of its own."""
    rng = np.random.default_rng(seed)
    phi = grids("folded", (5, 6), SIZE, items=2, seed=seed)
    scores = rng.normal(size=(2, 4, 5, 6))
    image = rng.integers(0, 256, (2, 3, *SIZE), np.uint8)
    labels = np.stack([patchwork(rng, SIZE)] * 2)
    how: dict[str, Any] = {"threads": threads}
    to_scores, to_phi = np.empty_like(scores), np.empty_like(phi)
    grad = rng.normal(size=(2, 4, *SIZE))
    backends.kernels().interpolate_backward(grad, scores, phi, to_scores, to_phi, 0, threads)
    return [
        to_scores,
        to_phi,
        backends.sample(image, phi, **how),
        backends.triangles(phi, SIZE, **how),
        *backends.rasterize(phi, SIZE, **how),
        backends.interpolate(scores, phi, SIZE, **how),
        backends.interpolate_argmax(scores, phi, SIZE, **how),
        backends.boundary_mask(labels, **how),
        backends.nearest_boundary(labels, (4, 5), **how),
        backends.solve_sampling(phi, 0.1 * (1 + seed % 3), **how),
    ]


def same(one: list[Array], other: list[Array]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("backend", FAST_BACKENDS)
def test_results_are_those_of_one_caller(backend: str, threads: int) -> None:
    with backends.use_backend(backend):
        expected = [work(seed, 1) for seed in range(6)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda k: work(k % 6, threads), range(48)))
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
    assert turns > 3  # of a kernel that held the interpreter, this thread would see the end alone


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
