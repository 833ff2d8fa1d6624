# SPDX-License-Identifier: Apache-2.0
"""Bad input: a clear error that names the argument, what came and what is wanted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adaseg_fast import backends
from support.arrays import Array
from support.grids import uniform

every_backend = pytest.mark.parametrize("backend", backends.available_backends())

PHI = uniform(3, 4)[None]
IMAGE = np.zeros((1, 3, 5, 6), np.uint8)
SCORES = np.zeros((1, 2, 3, 4), np.float32)
LABELS = np.zeros((1, 5, 6), np.uint8)

# Name -> the operation with its sampling tensor and, where it takes one, the size to be given.
ON_GRID: dict[str, Callable[..., Any]] = {
    "triangles": lambda phi, size=(5, 6), **options: backends.triangles(phi, size, **options),
    "rasterize": lambda phi, size=(5, 6), **options: backends.rasterize(phi, size, **options),
    "interpolate": lambda phi, size=(5, 6), **options: backends.interpolate(
        SCORES, phi, size, **options
    ),
    "interpolate_argmax": lambda phi, size=(5, 6), **options: backends.interpolate_argmax(
        SCORES, phi, size, **options
    ),
}
WITH_PHI: dict[str, Callable[..., Any]] = {
    **ON_GRID,
    "sample": lambda phi: backends.sample(IMAGE, phi),
    "sampling_energy": lambda phi: backends.sampling_energy(phi, PHI),
    "resize_sampling_tensor": lambda phi: backends.resize_sampling_tensor(phi, (5, 6)),
    "project_to_cover": backends.project_to_cover,
}
# Operations on other arguments -> a call with a size.
SIZED: dict[str, Callable[[Any], Any]] = {
    "nearest_boundary": lambda size: backends.nearest_boundary(LABELS, size),
    "resize_sampling_tensor": lambda size: backends.resize_sampling_tensor(PHI, size),
    "uniform_sampling_tensor": backends.uniform_sampling_tensor,
}
SCORED = {
    "interpolate": backends.interpolate,
    "interpolate_argmax": backends.interpolate_argmax,
}


def with_value(value: float) -> Array:
    phi = PHI.copy()
    phi[0, 1, 1, 2] = value
    return phi


# --- phi ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_PHI)
def test_phi(name: str) -> None:
    call = WITH_PHI[name]
    with pytest.raises(ValueError, match=re.escape("phi must be (N, 2, h, w), got (2, 3, 4)")):
        call(PHI[0])
    with pytest.raises(ValueError, match=re.escape("phi must be (N, 2, h, w), got (1, 3, 3, 4)")):
        call(np.zeros((1, 3, 3, 4)))
    with pytest.raises(TypeError, match="phi must be floating point, got int64"):
        call(PHI.astype(np.int64))
    least = 1 if name == "sample" else 2
    with pytest.raises(ValueError, match=f"phi must be a grid of at least {least} x {least}"):
        call(np.zeros((1, 2, 4, least - 1)))


@every_backend
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [*ON_GRID, "sample"])
def test_phi_that_is_not_finite(name: str, backend: str, value: float) -> None:
    for dtype in (np.float64, np.float32, np.float16):
        for threads in (1, 2):  # two items, so that two threads come into it
            phi = np.concatenate([PHI, with_value(value)]).astype(dtype)
            scores, image = np.concatenate([SCORES] * 2), np.concatenate([IMAGE] * 2)
            with (
                backends.use_backend(backend),
                pytest.raises(ValueError, match=r"phi holds NaN or infinity; .* are wanted"),
            ):
                if name == "sample":
                    backends.sample(image, phi, threads=threads)
                elif name in SCORED:
                    SCORED[name](scores, phi, (5, 6), threads=threads)
                else:
                    ON_GRID[name](phi, threads=threads)


# --- size and diagonal ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ON_GRID, *SIZED])
def test_size(name: str) -> None:
    least = 2 if name in SIZED else 1

    def call(size: Any) -> None:
        if name in SIZED:
            SIZED[name](size)
        else:
            ON_GRID[name](PHI, size)

    for size in ((5,), (5, 6, 7), 5, (5.0, 6), (5, 6.5), None):
        with pytest.raises(ValueError, match=r"size must be two integers \(rows, columns\), got"):
            call(size)
    for size in ((least - 1, 4), (4, least - 1), (4, -1)):
        with pytest.raises(ValueError, match=f"size must be at least {least} x {least}, got"):
            call(size)


@pytest.mark.parametrize("name", ON_GRID)
@pytest.mark.parametrize("diagonal", ["fixed", "", "Delaunay"])
def test_diagonal(name: str, diagonal: str) -> None:
    message = f"diagonal must be one of delaunay, main, anti, got {diagonal!r}"
    with pytest.raises(ValueError, match=message):
        ON_GRID[name](PHI, diagonal=diagonal)


# --- image ----------------------------------------------------------------------------------------


def test_image() -> None:
    with pytest.raises(ValueError, match=re.escape("image must be (N, C, H, W), got (3, 5, 6)")):
        backends.sample(IMAGE[0], PHI)
    with pytest.raises(ValueError, match="image must have at least one pixel"):
        backends.sample(IMAGE[:, :, :0], PHI)
    frame = np.zeros((1, 20, 30, 3), np.uint8)
    with pytest.raises(
        ValueError, match=re.escape("(1, 20, 30, 3), which looks like (N, H, W, C)")
    ):
        backends.sample(frame, PHI)
    assert backends.sample(frame.transpose(0, 3, 1, 2), PHI).shape[1] == 3
    with pytest.raises(
        ValueError,
        match=re.escape(
            "image and phi must agree in batch size, got (1, 3, 5, 6) and (2, 2, 3, 4)"
        ),
    ):
        backends.sample(IMAGE, np.concatenate([PHI, PHI]))


def test_normalization() -> None:
    with pytest.raises(
        ValueError, match="mean must hold one number per channel, got 2 for 3 channels"
    ):
        backends.sample(IMAGE, PHI, mean=[1, 2])
    with pytest.raises(
        ValueError, match="std must hold one number per channel, got 4 for 3 channels"
    ):
        backends.sample(IMAGE, PHI, mean=[1, 2, 3], std=[1, 2, 3, 4])
    with pytest.raises(ValueError, match=re.escape("std must not be zero, got [1.0, 0.0, 2.0]")):
        backends.sample(IMAGE, PHI, std=[1, 0, 2])
    for odd in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="mean and std must be finite, got"):
            backends.sample(IMAGE, PHI, mean=[odd, 0, 0])
        with pytest.raises(ValueError, match="mean and std must be finite, got"):
            backends.sample(IMAGE, PHI, std=[1, 1, odd])


# --- scores ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCORED)
def test_scores(name: str) -> None:
    call = SCORED[name]
    for scores in (SCORES[0], SCORES[:, :, :2], SCORES[..., :3]):
        with pytest.raises(
            ValueError, match=r"scores must be \(N, C, h, w\) on the grid of phi, got \("
        ):
            call(scores, PHI, (5, 6))
    with pytest.raises(TypeError, match="scores must be floating point, got uint8"):
        call(SCORES.astype(np.uint8), PHI, (5, 6))
    with pytest.raises(ValueError, match="scores and phi must agree in batch size"):
        call(np.concatenate([SCORES, SCORES]), PHI, (5, 6))


def test_argmax_of_nothing() -> None:
    with pytest.raises(ValueError, match="scores must hold at least one class"):
        backends.interpolate_argmax(SCORES[:, :0], PHI, (5, 6))


# --- labels, targets, lam -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call", [backends.boundary_mask, lambda labels: backends.nearest_boundary(labels, (3, 3))]
)
def test_labels(call: Callable[[Array], Any]) -> None:
    with pytest.raises(ValueError, match=re.escape("labels must be (N, H, W), got (5, 6)")):
        call(LABELS[0])
    with pytest.raises(ValueError, match="labels must have at least one pixel"):
        call(LABELS[:, :, :0])
    with pytest.raises(TypeError, match="labels must be integers, got float32"):
        call(LABELS.astype(np.float32))


@pytest.mark.parametrize(
    "call", [backends.solve_sampling, lambda *args: backends.sampling_energy(PHI, *args)]
)
def test_targets(call: Callable[..., Any]) -> None:
    message = "targets must be (N, 2, h, w), got (2, 3, 4)"
    with pytest.raises(ValueError, match=re.escape(message)):
        call(PHI[0])
    with pytest.raises(ValueError, match="targets must be a grid of at least 2 x 2"):
        call(np.zeros((1, 2, 1, 4)))
    with pytest.raises(TypeError, match="targets must be floating point, got int64"):
        call(PHI.astype(np.int64))
    for lam in (-0.5, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"lam must be a finite number, .*, got {lam}"):
            call(PHI, lam)


def test_energy_of_two_shapes() -> None:
    for targets in (uniform(3, 5)[None], np.concatenate([PHI, PHI])):
        with pytest.raises(ValueError, match="phi and targets must agree in shape, got"):
            backends.sampling_energy(PHI, targets)


# --- The compiled module's own checks: nothing that Python hands over is read out of bounds -------


native = pytest.mark.skipif(
    "native" not in backends.available_backends(), reason="the native module is not built"
)


def empty(*shape: int, dtype: Any = np.float64) -> Array:
    return np.empty(shape, dtype)


@native
@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("sample", (IMAGE, PHI, empty(1, 3, 3, 5, dtype="B"), [], [], 1), r"out must be \(1, 3"),
        ("sample", (IMAGE, PHI, empty(1, 3, 3, 4), [], [], 1), "out must be uint8, got float64"),
        (
            "sample",
            (IMAGE, PHI, empty(1, 3, 3, 4, dtype="f"), [], [1.0], 1),
            "mean and std must hold one",
        ),
        ("sample", (IMAGE[0], PHI, empty(1, 3, 3, 4, dtype="B"), [], [], 1), "image must be"),
        (
            "sample",
            (IMAGE, PHI, empty(1, 3, 4, 3, dtype="B").swapaxes(2, 3), [], [], 1),
            "out must be C-contiguous",
        ),
        (
            "sample_backward",
            (empty(1, 3, 3, 5), PHI, empty(1, 3, 5, 6), [], 1),
            r"grad must be \(1, 3, 3, 4\), got \(1, 3, 3, 5\)",
        ),
        (
            "sample_backward",
            (empty(1, 3, 3, 4), PHI, empty(1, 3, 5, 6), [1.0], 1),
            "std must hold one number per channel",
        ),
        ("triangles", (PHI, empty(1, 11, 3, dtype="l"), 5, 6, 0, 1), r"out must be \(1, 12, 3\)"),
        (
            "triangles",
            (PHI, empty(1, 12, 3, dtype="i"), 5, 6, 0, 1),
            "out must be int64, got int32",
        ),
        (
            "triangles",
            (PHI, empty(1, 12, 3, dtype="l"), 5, 0, 0, 1),
            r"size must be from 1 x 1 to 2\^30",
        ),
        ("triangles", (PHI, empty(1, 12, 3, dtype="l"), 5, 6, 3, 1), "diagonal must be 0, 1 or 2"),
        (
            "triangles",
            (PHI[:, :1], empty(1, 12, 3), 5, 6, 0, 1),
            r"phi must be \(N, 2, h, w\), got",
        ),
        ("rasterize", (PHI, empty(1, 5, 6), empty(1, 3, 5, 6), 0, 1), "faces must be int32"),
        (
            "rasterize",
            (PHI, empty(1, 5, 6, dtype="i"), empty(1, 3, 5, 7), 0, 1),
            r"weights must be \(1, 3, 5, 6\)",
        ),
        ("interpolate", (SCORES, PHI, empty(1, 2, 5, 6), 0, 1), "out must be float32"),
        ("interpolate", (SCORES[..., :3], PHI, empty(1, 2, 5, 6), 0, 1), r"scores must be \(1"),
        (
            "interpolate_backward",
            (empty(1, 1, 5, 6, dtype="f"), SCORES, PHI, None, None, 0, 1),
            "grad and scores must agree",
        ),
        (
            "interpolate_backward",
            (empty(1, 2, 5, 6), SCORES, PHI, None, None, 0, 1),
            "grad must be float32",
        ),
        (
            "interpolate_backward",
            (empty(1, 2, 5, 6, dtype="f"), SCORES, PHI, empty(1, 2, 3, 4), None, 0, 1),
            "grad_scores must be float32",
        ),
        (
            "interpolate_backward",
            (empty(1, 2, 5, 6, dtype="f"), SCORES, PHI, None, empty(1, 2, 4, 3), 0, 1),
            r"grad_phi must be \(1, 2, 3, 4\)",
        ),
        (
            "interpolate_argmax",
            (SCORES, PHI, empty(1, 5, 6, dtype="i"), 0, 1),
            "out must be uint8",
        ),
        (
            "interpolate_argmax",
            (SCORES[:, :0], PHI, empty(1, 5, 6, dtype="B"), 0, 1),
            "scores must hold at least one class",
        ),
        (
            "boundary_mask",
            (LABELS, empty(1, 5, 7, dtype="?"), None, 255, 1),
            r"out must be \(1, 5, 6\)",
        ),
        (
            "boundary_mask",
            (LABELS.astype("f"), empty(1, 5, 6, dtype="?"), None, 255, 1),
            "must hold integers",
        ),
        (
            "nearest_boundary",
            (LABELS, empty(1, 3, 3, 3, dtype="f"), None, 255, 1),
            r"out must be \(1, 2, 3, 3\)",
        ),
        ("nearest_boundary", (LABELS, empty(1, 2, 3, 3), None, 255, 1), "out must be float32"),
        ("solve_sampling", (PHI, empty(1, 2, 3, 5), 1.0, False, 1), r"out must be \(1, 2, 3, 4\)"),
        (
            "solve_sampling",
            (PHI, empty(1, 2, 3, 4, dtype="e"), 1.0, False, 1),
            "out must be float64",
        ),
    ],
)
def test_native_checks_what_it_gets(name: str, arguments: tuple, message: str) -> None:
    with backends.use_backend("native"), pytest.raises(ValueError, match=message):
        getattr(backends.kernels(), name)(*arguments)


@native
@pytest.mark.parametrize("dtype", [np.complex64, "datetime64[s]", np.object_])
def test_native_dtypes(dtype: Any) -> None:
    with backends.use_backend("native"), pytest.raises(TypeError, match="are not supported"):
        backends.sample(np.zeros((1, 1, 2, 2), dtype), PHI)
