# SPDX-License-Identifier: Apache-2.0
"""What a call costs before it does anything: a 4 x 4 grid on a 16 x 16 image.

Through torch, in inference mode as in prediction, and through NumPy; torch's own interpolation of
the same size stands beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from adaseg_fast import backends, ops
from adaseg_fast.engine.benchmark import rivals
from adaseg_fast.normalization import IMAGE_MEAN, IMAGE_STD
from bench_helpers import record

SIZE, GRID = (16, 16), (4, 4)
GENERATOR = torch.Generator().manual_seed(0)
PHI = ops.uniform_sampling_tensor(GRID)
SCORES = torch.randn((1, 3, *GRID), generator=GENERATOR)
IMAGE = (255 * torch.rand((1, 3, *SIZE), generator=GENERATOR)).byte()
LABELS = IMAGE[:, 0] // 64
NORMALIZE = {"mean": IMAGE_MEAN, "std": IMAGE_STD}

OPERATIONS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "sample": ((IMAGE, PHI), NORMALIZE),
    "interpolate": ((SCORES, PHI, SIZE), {}),
    "interpolate_argmax": ((SCORES, PHI, SIZE), {}),
    "rasterize": ((PHI, SIZE), {}),
    "triangles": ((PHI, SIZE), {}),
    "boundary_mask": ((LABELS,), {}),
    "nearest_boundary": ((LABELS, GRID), {}),
    "solve_sampling": ((PHI,), {}),
    "sampling_energy": ((PHI, PHI), {}),
}


def _as_numpy(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x.numpy() if isinstance(x, Tensor) else x for x in arguments)


def _run(
    benchmark: BenchmarkFixture,
    name: str,
    function: Callable[..., Any],
    *arguments: Any,
    **named: Any,
) -> None:
    record(benchmark, f"overhead of {name}", size=SIZE, grid=GRID)
    benchmark(function, *arguments, **named)


@pytest.mark.parametrize("library", ["torch", "numpy"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(benchmark: BenchmarkFixture, threads: int, name: str, library: str) -> None:
    arguments, named = OPERATIONS[name]
    if library == "torch":
        with torch.inference_mode():
            _run(benchmark, name, getattr(ops, name), *arguments, **named)
    else:
        function = getattr(backends, name)
        if name != "sampling_energy":
            named = named | ({} if name == "solve_sampling" else {"threads": threads})
        _run(benchmark, name, function, *_as_numpy(arguments), **named)


def test_torch_interpolate(benchmark: BenchmarkFixture, threads: int) -> None:
    with torch.inference_mode():
        _run(benchmark, "interpolate", rivals.torch_interpolate, SCORES, SIZE)
