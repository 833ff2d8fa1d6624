# SPDX-License-Identifier: Apache-2.0
"""The sampler of eq. (1): nearest pixels, read in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from adaseg_fast import backends
from support.arrays import FAST_BACKENDS, LAYOUTS, Array, with_layout
from support.compare import assert_close, assert_same
from support.grids import Case, cases, grids, uniform

every_backend = pytest.mark.parametrize("backend", backends.available_backends())
fast_backend = pytest.mark.parametrize("backend", FAST_BACKENDS)

FLOATS = (np.float64, np.float32, np.float16)
IMAGE_TYPES = (*FLOATS, *"bhilqBHILQ", np.bool_)


def image_of(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    if np.issubdtype(dtype, np.floating):
        return rng.normal(size=shape).astype(dtype)
    high = 2 if dtype == np.bool_ else 120
    return rng.integers(0, high, shape).astype(dtype)


def points(*places: tuple[float, float]) -> Array:
    """A sampling tensor (1, 2, 1, n) of given (row, column) places."""
    return np.array(places, np.float64).T.reshape(1, 2, 1, -1)


# --- By hand --------------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("dtype", IMAGE_TYPES)
def test_nearest_pixel(backend: str, dtype: Any) -> None:
    image = np.arange(1, 7).reshape(1, 1, 2, 3).astype(dtype)
    phi = points((0, 0), (1, 1), (0.4, 0.3), (0.6, 0.7), (1, 0.5))
    with backends.use_backend(backend):
        assert_same(backends.sample(image, phi), image.ravel()[[0, 5, 1, 4, 4]].reshape(1, 1, 1, 5))


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
def test_ties_go_to_the_even_pixel(backend: str, dtype: Any) -> None:
    image = np.arange(5.0).reshape(1, 1, 1, 5)
    phi = points(*((0.0, k / 8) for k in range(9))).astype(dtype)
    with backends.use_backend(backend):
        columns = backends.sample(image, phi)[0, 0, 0].tolist()
        rows = backends.sample(image.swapaxes(2, 3), phi[:, ::-1])[0, 0, 0].tolist()
    assert columns == rows == [0, 0, 1, 2, 2, 2, 3, 4, 4]


@every_backend
def test_places_outside_take_the_border(backend: str) -> None:
    image = np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3)
    with backends.use_backend(backend):
        found = backends.sample(image, points((-3, 0.5), (7, 2), (0.2, -1e30), (1e30, 1e30)))
    assert found.ravel().tolist() == [1, 5, 0, 5]


@every_backend
def test_one_pixel(backend: str) -> None:
    with backends.use_backend(backend):
        found = backends.sample(np.full((1, 2, 1, 1), 7, np.uint8), uniform(3, 4)[None])
    assert_same(found, np.full((1, 2, 3, 4), 7, np.uint8))


@every_backend
def test_normalization(backend: str) -> None:
    image = np.array([10, 20, 30, 40], np.uint8).reshape(1, 2, 1, 2)
    phi = points((0, 0), (0, 1))
    with backends.use_backend(backend):
        both = backends.sample(image, phi, mean=[10, 50], std=[5, -4])
        only_mean = backends.sample(image, phi, mean=[10, 50])
        only_std = backends.sample(image, phi, std=(5, -4))
        double = backends.sample(image.astype(np.float64), phi, mean=[10, 50], std=[5, -4])
    assert both.dtype == only_mean.dtype == only_std.dtype == np.float32
    assert double.dtype == np.float64
    assert both.ravel().tolist() == double.ravel().tolist() == [0, 2, 5, 2.5]
    assert only_mean.ravel().tolist() == [0, 10, -20, -10]
    assert only_std.ravel().tolist() == [2, 4, -7.5, -10]


@every_backend
def test_gradient_goes_back_to_the_pixels(backend: str) -> None:
    phi = points((0, 0), (0, 1), (0, 0.9), (1, 0.5))
    grad = np.array([1.0, 2, 4, 8]).reshape(1, 1, 1, 4)
    to_image = np.empty((1, 1, 2, 3))
    with backends.use_backend(backend):
        backends.kernels().sample_backward(grad, phi, to_image, [], 1)
        assert to_image[0, 0].tolist() == [[1, 0, 6], [0, 8, 0]]
        backends.kernels().sample_backward(grad, phi, to_image, [2.0], 1)
        assert to_image[0, 0].tolist() == [[0.5, 0, 3], [0, 4, 0]]


@every_backend
def test_many_small_gradients_add_up_in_half_precision(backend: str) -> None:
    """4096 points on one pixel: sixteen-bit sums would stop at 2048."""
    phi = np.zeros((1, 2, 64, 64), np.float16)
    to_image = np.empty((1, 1, 2, 2), np.float16)
    with backends.use_backend(backend):
        backends.kernels().sample_backward(
            np.ones((1, 1, 64, 64), np.float16), phi, to_image, [], 1
        )
    assert to_image[0, 0].tolist() == [[4096, 0], [0, 0]]


@every_backend
def test_every_half_is_read(backend: str) -> None:
    """All 2**16 of them: subnormal numbers, infinities and NaN too."""
    image = np.arange(2**16, dtype=np.uint16).view(np.float16).reshape(1, 1, 256, 256)
    with backends.use_backend(backend), np.errstate(invalid="ignore"):
        found = backends.sample(image, uniform(256, 256)[None], std=[1.0])
    np.testing.assert_array_equal(found, image.astype(np.float32))


@every_backend
def test_halves_are_rounded_to_even(backend: str) -> None:
    """Numbers half-way between two halves, and those on either side of them."""
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    between = (halves[:-1] + halves[1:]) / 2
    below, above = np.nextafter(between, np.float32(0)), np.nextafter(between, np.float32(1e9))
    signed = np.stack([halves[:-1], below, between, above]) * [[[1]], [[-1]]]
    grad = np.append(signed, [65519.996, 65520, -65520, 1e9, 3e-8, 2.9e-8]).astype(np.float32)
    grad = grad.reshape(1, 1, 1, -1)
    to_image = np.empty(grad.shape, np.float16)
    phi = uniform(1, grad.shape[3])[None]
    with backends.use_backend(backend), np.errstate(over="ignore"):
        backends.kernels().sample_backward(grad, phi, to_image, [], 1)
        expected = grad.astype(np.float16)
    np.testing.assert_array_equal(to_image, expected)
    assert np.isinf(to_image).sum() == 3


# --- Every backend against the oracle -------------------------------------------------------------


@fast_backend
@pytest.mark.parametrize("dtype", IMAGE_TYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(backend: str, layout: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    image = with_layout(image_of(rng, (3, 3, 9, 11), dtype), layout)
    for phi_type in FLOATS:
        phi = with_layout(grids("folded", (4, 5), (9, 11), items=3, dtype=phi_type), layout)
        for options in ({}, {"mean": [1, 2, 3], "std": [3, 0.3, 7]}):
            with backends.use_backend("reference"):
                expected = backends.sample(image, phi, **options)
            with backends.use_backend(backend):
                found = backends.sample(image, phi, **options)
                again = backends.sample(image, phi, threads=4, **options)
            assert_same(again, found)
            if options:
                assert found.dtype == expected.dtype
                assert_close(found, expected)
            else:
                assert_same(found, expected)


@fast_backend
@pytest.mark.parametrize("byte_order", [">f4", ">u2", ">i8"])
def test_foreign_byte_order(backend: str, byte_order: str) -> None:
    image = np.arange(12.0).reshape(1, 1, 3, 4)
    phi = uniform(3, 4)[None].astype(">f8")
    with backends.use_backend(backend):
        native = byte_order.replace(">", "=")
        assert_same(backends.sample(image.astype(byte_order), phi), image.astype(native))


@fast_backend
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_backward_layouts(backend: str, layout: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    phi = with_layout(grids("folded", (8, 9), (5, 6), items=3, dtype=np.float32), layout)
    grad = with_layout(rng.normal(size=(3, 2, 8, 9)).astype(dtype), layout)
    results = []
    for name, threads in (("reference", 1), (backend, 1), (backend, 4)):
        results.append(np.empty((len(grad), 2, 5, 6), dtype))
        with backends.use_backend(name):
            backends.kernels().sample_backward(grad, phi, results[-1], [2.0, 0.5], threads)
    assert_close(results[1], results[0], slack=10)
    assert_same(results[2], results[1])


# --- Properties -----------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (33, 60)])
def test_identity_grid(backend: str, size: tuple[int, int], dtype: Any) -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 3, *size), np.uint8)
    phi = np.stack([uniform(*size)] * 2).astype(dtype)
    with backends.use_backend(backend):
        assert_same(backends.sample(image, phi), image)


@every_backend
@given(case=cases())
def test_pixels_are_the_nearest(backend: str, case: Case) -> None:
    """The image says where each pixel lies; no other pixel lies closer to the point asked for."""
    image = np.broadcast_to(np.mgrid[: case.size[0], : case.size[1]], (2, 2, *case.size))
    with backends.use_backend(backend):
        places = backends.sample(image, case.phi)
    last = np.array(case.size)[:, None, None] - 1
    assert np.abs(places - case.phi.astype(np.float64) * last).max() <= 0.5
    assert ((places >= 0) & (places <= last)).all()


@every_backend
@given(case=cases(most=20))
def test_backward_is_the_transpose(backend: str, case: Case) -> None:
    image = case.rng.normal(size=(len(case.phi), 2, *case.size))
    grad = case.rng.normal(size=(len(case.phi), 2, *case.phi.shape[2:]))
    to_image = np.empty_like(image)
    with backends.use_backend(backend):
        sampled = backends.sample(image, case.phi, std=[2.0, 0.25])
        backends.kernels().sample_backward(grad, case.phi, to_image, [2.0, 0.25], 2)
        for n in range(len(image)):
            item = slice(n, n + 1)
            alone = backends.sample(image[item], case.phi[item], std=[2.0, 0.25])
            assert_same(alone, sampled[item])
    assert_close((image * to_image).sum((1, 2, 3)), (sampled * grad).sum((1, 2, 3)), slack=10)
