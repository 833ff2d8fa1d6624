# SPDX-License-Identifier: Apache-2.0
"""Bad tensors: a clear error that names the argument, what came and what is wanted."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from adaseg_fast import backends, ops
from support.tensors import every_backend

PHI = ops.uniform_sampling_tensor((3, 4))
IMAGE = torch.zeros(1, 3, 5, 6, dtype=torch.uint8)
SCORES = torch.zeros(1, 2, 3, 4)
LABELS = torch.zeros(1, 5, 6, dtype=torch.uint8)
SIZE = (5, 6)

ON_GRID: dict[str, Callable[..., Any]] = {
    "triangles": ops.triangles,
    "rasterize": ops.rasterize,
    "interpolate": lambda phi, size, **options: ops.interpolate(SCORES, phi, size, **options),
    "interpolate_argmax": lambda phi, size, **options: ops.interpolate_argmax(
        SCORES, phi, size, **options
    ),
}
WITH_PHI: dict[str, Callable[[Tensor], Any]] = {
    "triangles": lambda phi: ops.triangles(phi, SIZE),
    "rasterize": lambda phi: ops.rasterize(phi, SIZE),
    "interpolate": lambda phi: ops.interpolate(SCORES, phi, SIZE),
    "interpolate_argmax": lambda phi: ops.interpolate_argmax(SCORES, phi, SIZE),
    "sample": lambda phi: ops.sample(IMAGE, phi),
    "sampling_energy": lambda phi: ops.sampling_energy(phi, PHI),
    "resize_sampling_tensor": lambda phi: ops.resize_sampling_tensor(phi, SIZE),
    "project_to_cover": ops.project_to_cover,
}
SIZED: dict[str, Callable[[Any], Any]] = {
    **{name: lambda size, call=call: call(PHI, size) for name, call in ON_GRID.items()},
    "uniform_sampling_tensor": ops.uniform_sampling_tensor,
    "resize_sampling_tensor": lambda size: ops.resize_sampling_tensor(PHI, size),
    "nearest_boundary": lambda size: ops.nearest_boundary(LABELS, size),
}
SCORED = {"interpolate": ops.interpolate, "interpolate_argmax": ops.interpolate_argmax}


@pytest.mark.parametrize("name", WITH_PHI)
def test_phi(name: str) -> None:
    call = WITH_PHI[name]
    with pytest.raises(ValueError, match=re.escape("phi must be (N, 2, h, w), got (2, 3, 4)")):
        call(PHI[0])
    with pytest.raises(ValueError, match=re.escape("phi must be (N, 2, h, w), got (1, 3, 3, 4)")):
        call(torch.zeros(1, 3, 3, 4))
    with pytest.raises(TypeError, match=r"phi must be floating point, got torch\.int32"):
        call(PHI.int())
    least = 1 if name == "sample" else 2
    with pytest.raises(ValueError, match=f"phi must be a grid of at least {least} x {least}"):
        call(torch.zeros(1, 2, 4, least - 1))


@every_backend
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", [*ON_GRID, "sample"])
def test_phi_that_is_not_finite(name: str, dtype: Any, value: float, backend: str) -> None:
    phi = PHI.to(dtype).clone()
    phi[0, 0, 1, 1] = value
    with (
        backends.use_backend(backend),
        pytest.raises(ValueError, match="phi holds NaN or infinity; finite coordinates in"),
    ):
        WITH_PHI[name](phi)


@pytest.mark.parametrize("name", SIZED)
def test_size(name: str) -> None:
    call = SIZED[name]
    least = 1 if name in ON_GRID else 2
    for size in ((5,), (5, 6, 7)):
        with pytest.raises(ValueError, match=r"size must be two integers \(rows, columns\), got"):
            call(size)
    for size in ((least - 1, 4), (4, least - 1), (-3, 4)):
        with pytest.raises(ValueError, match=f"size must be at least {least} x {least}, got"):
            call(size)


@pytest.mark.parametrize("name", ON_GRID)
def test_diagonal(name: str) -> None:
    with pytest.raises(
        ValueError, match="diagonal must be one of delaunay, main, anti, got 'fixed'"
    ):
        ON_GRID[name](PHI, SIZE, diagonal="fixed")


def test_image() -> None:
    with pytest.raises(ValueError, match=re.escape("image must be (N, C, H, W), got (3, 5, 6)")):
        ops.sample(IMAGE[0], PHI)
    with pytest.raises(ValueError, match="image must have at least one pixel"):
        ops.sample(IMAGE[..., :0], PHI)
    with pytest.raises(
        ValueError, match=re.escape("(1, 20, 30, 3), which looks like (N, H, W, C)")
    ):
        ops.sample(torch.zeros(1, 20, 30, 3), PHI)
    with pytest.raises(ValueError, match="image and phi must agree in batch size, got"):
        ops.sample(IMAGE.expand(2, 3, 5, 6), PHI)
    with pytest.raises(TypeError, match=r"dtype torch\.complex64 are not supported"):
        ops.sample(torch.zeros(1, 1, 5, 6, dtype=torch.complex64), PHI)
    with pytest.raises(ValueError, match="mean must hold one number per channel, got 1 for 3"):
        ops.sample(IMAGE, PHI, mean=[1])
    with pytest.raises(ValueError, match="std must hold one number per channel, got 2 for 3"):
        ops.sample(IMAGE, PHI, std=[1, 2])
    with pytest.raises(ValueError, match="std must not be zero"):
        ops.sample(IMAGE, PHI, mean=[1, 2, 3], std=[0, 1, 2])


@pytest.mark.parametrize("name", SCORED)
def test_scores(name: str) -> None:
    call = SCORED[name]
    for scores in (SCORES[0], SCORES[:, :, :2]):
        with pytest.raises(ValueError, match=r"scores must be \(N, C, h, w\) on the grid of phi"):
            call(scores, PHI, SIZE)
    with pytest.raises(TypeError, match=r"scores must be floating point, got torch\.int64"):
        call(SCORES.long(), PHI, SIZE)
    with pytest.raises(ValueError, match="scores and phi must agree in batch size"):
        call(SCORES.expand(3, 2, 3, 4), PHI, SIZE)


def test_argmax_of_nothing() -> None:
    with pytest.raises(ValueError, match="scores must hold at least one class"):
        ops.interpolate_argmax(SCORES[:, :0], PHI, SIZE)


@pytest.mark.parametrize(
    "call", [ops.boundary_mask, lambda labels: ops.nearest_boundary(labels, (3, 3))]
)
def test_labels(call: Callable[[Tensor], Any]) -> None:
    with pytest.raises(ValueError, match=re.escape("labels must be (N, H, W), got (5, 6)")):
        call(LABELS[0])
    with pytest.raises(ValueError, match="labels must have at least one pixel"):
        call(LABELS[:, :0])
    for dtype in (torch.float32, torch.complex64):
        with pytest.raises(TypeError, match=f"labels must be integers, got {dtype}"):
            call(LABELS.to(dtype))


@pytest.mark.parametrize(
    "call", [ops.solve_sampling, lambda *args: ops.sampling_energy(PHI, *args)]
)
def test_targets(call: Callable[..., Any]) -> None:
    message = "targets must be (N, 2, h, w), got (2, 3, 4)"
    with pytest.raises(ValueError, match=re.escape(message)):
        call(PHI[0])
    with pytest.raises(ValueError, match="targets must be a grid of at least 2 x 2"):
        call(torch.zeros(1, 2, 1, 4))
    with pytest.raises(TypeError, match=r"targets must be floating point, got torch\.int64"):
        call(PHI.long())
    for lam in (-0.5, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"lam must be a finite number, .*, got {lam}"):
            call(PHI, lam)


def test_energy_of_two_shapes() -> None:
    for targets in (ops.uniform_sampling_tensor((3, 5)), PHI.expand(2, 2, 3, 4)):
        with pytest.raises(ValueError, match="phi and targets must agree in shape, got"):
            ops.sampling_energy(PHI, targets)


def test_uniform_dtype() -> None:
    with pytest.raises(TypeError, match=r"dtype must be floating point, got torch\.int64"):
        ops.uniform_sampling_tensor((3, 4), dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "first"),
    [
        (lambda scores, phi: ops.interpolate(scores, phi, SIZE), "scores"),
        (lambda scores, phi: ops.interpolate_argmax(scores, phi, SIZE), "scores"),
        (ops.sample, "image"),
    ],
    ids=["interpolate", "interpolate_argmax", "sample"],
)
def test_mixed_devices(call: Callable[..., Any], first: str) -> None:
    message = "all tensors must be on one device, got {} on {}, phi on {}"
    with pytest.raises(ValueError, match=message.format(first, "cpu", "meta")):
        call(SCORES, PHI.to("meta"))
    with pytest.raises(ValueError, match=message.format(first, "meta", "cpu")):
        call(SCORES.to("meta"), PHI)


def test_mixed_devices_in_the_energy() -> None:
    with pytest.raises(ValueError, match="on one device, got phi on cpu, targets on meta"):
        ops.sampling_energy(PHI, PHI.to("meta"))
