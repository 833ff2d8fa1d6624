# SPDX-License-Identifier: Apache-2.0
"""Long images, sizes beyond what an index holds, and arrays of more than 2^31 elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adaseg_fast import backends
from support.arrays import FAST_BACKENDS, Array
from support.compare import assert_close, assert_same
from support.grids import grids

fast_backend = pytest.mark.parametrize("backend", FAST_BACKENDS)
every_backend = pytest.mark.parametrize("backend", backends.available_backends())

LONG = ((20000, 1), (1, 20000), (20000, 3), (2, 20000))
LIMIT = 2**30
SIDE = 70000  # pixels, of images with more than 2^32


def available_memory() -> int:
    """Bytes, or 0 where the system does not tell."""
    try:
        with open("/proc/meminfo") as lines:
            found = dict(line.split(":") for line in lines)
    except OSError:
        return 0
    return int(found["MemAvailable"].split()[0]) * 1024


def against_reference(backend: str, call: Callable[[], Any]) -> tuple[Any, Any]:
    with backends.use_backend(backend):
        found = call()
    with backends.use_backend("reference"):
        return found, call()


# --- 20000 in one dimension -----------------------------------------------------------------------


@fast_backend
@pytest.mark.parametrize("size", LONG)
def test_long_images(backend: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    phi = grids("folded", (4, 3), size, seed=1)
    scores = rng.normal(size=(1, 3, 4, 3))
    found, expected = against_reference(backend, lambda: backends.rasterize(phi, size))
    assert_same(found[0], expected[0])
    assert_close(found[1], expected[1])
    assert_close(*against_reference(backend, lambda: backends.interpolate(scores, phi, size)))
    found, expected = against_reference(
        backend, lambda: backends.interpolate_argmax(scores, phi, size)
    )
    assert (found != expected).mean() < 1e-4  # near ties
    image = rng.integers(0, 256, (1, 2, *size), np.uint8)
    assert_same(*against_reference(backend, lambda: backends.sample(image, phi)))
    labels = rng.integers(0, 2, (1, *size), np.uint8) & rng.integers(0, 2, (1, *size), np.uint8)
    assert_same(*against_reference(backend, lambda: backends.boundary_mask(labels)))
    assert_same(*against_reference(backend, lambda: backends.nearest_boundary(labels, (3, 4))))


@fast_backend
@pytest.mark.parametrize("shape", [(2, 5000), (5000, 2)])
def test_long_grids(backend: str, shape: tuple[int, int]) -> None:
    size = (7, 9)
    phi = grids("moved", shape, size)
    found, expected = against_reference(backend, lambda: backends.rasterize(phi, size))
    assert_same(found[0], expected[0])
    image = np.arange(63).reshape(1, 1, *size)
    assert_same(*against_reference(backend, lambda: backends.sample(image, phi)))


# --- Sizes that no index holds --------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("size", [(LIMIT + 1, 5), (5, LIMIT + 1), (2**40, 2**40), (2**70, 2)])
def test_sizes_beyond_the_lattice(backend: str, size: tuple[int, int]) -> None:
    phi, scores = grids("uniform", (3, 3), (5, 5)), np.zeros((1, 2, 3, 3))
    calls: list[Callable[[], Any]] = [
        lambda: backends.triangles(phi, size),
        lambda: backends.rasterize(phi, size),
        lambda: backends.interpolate(scores, phi, size),
        lambda: backends.interpolate_argmax(scores, phi, size),
        lambda: backends.nearest_boundary(np.zeros((1, 4, 4), np.uint8), size),
    ]
    with backends.use_backend(backend):
        for call in calls:
            with pytest.raises(ValueError, match=r"size must be at most 2\^30 x 2\^30, got"):
                call()


@every_backend
def test_the_largest_size_of_the_lattice(backend: str) -> None:
    phi = grids("moved", (4, 5), (9, 9), seed=2)
    with backends.use_backend(backend):
        found = backends.triangles(phi, (LIMIT, LIMIT))
    with backends.use_backend("reference"):
        assert_same(found, backends.triangles(phi, (LIMIT, LIMIT)))


@every_backend
@pytest.mark.parametrize("size", [(LIMIT, LIMIT), (LIMIT, LIMIT // 2)])
def test_results_that_no_memory_holds(backend: str, size: tuple[int, int]) -> None:
    phi, scores = grids("uniform", (3, 3), (5, 5)), np.zeros((1, 2, 3, 3))
    message = "array is too big|Unable to allocate"
    with backends.use_backend(backend):
        for call in (
            lambda: backends.rasterize(phi, size),
            lambda: backends.interpolate(scores, phi, size),
            lambda: backends.interpolate_argmax(scores, phi, size),
        ):
            with pytest.raises((ValueError, MemoryError), match=message):
                call()


# --- More than 2^31 elements ----------------------------------------------------------------------


@pytest.fixture
def vast() -> Array:
    """SIDE x SIDE bytes, 4.9 GB of addresses of which only the pages written to take memory."""
    try:
        return np.zeros((SIDE, SIDE), np.uint8)
    except MemoryError:
        pytest.skip("the system grants no 4.9 GB of addresses")


@fast_backend
def test_pixels_beyond_2_to_the_32(backend: str, vast: Array) -> None:
    places = [0, 12345, SIDE // 2, SIDE - 1]
    values = np.arange(1, 17, dtype=np.uint8).reshape(4, 4)
    vast[np.ix_(places, places)] = values
    rows, cols = np.meshgrid(places, places, indexing="ij")
    phi = np.stack([rows, cols])[None] / (SIDE - 1)
    for threads in (1, 2):
        with backends.use_backend(backend):
            assert_same(backends.sample(vast[None, None], phi, threads=threads)[0, 0], values)
            turned = vast[None, None, ::-1, ::-1]
            found = backends.sample(turned, 1.0 - phi, threads=threads)[0, 0]
            assert_same(found, values)


@fast_backend
def test_boundaries_beyond_2_to_the_32(backend: str, vast: Array) -> None:
    labelled = np.array([0, SIDE // 2 - 3, SIDE - 3])  # each near one of the 3 x 3 points
    vast[np.ix_(labelled, labelled)] = 1
    with backends.use_backend(backend):
        found = backends.nearest_boundary(vast[None], (3, 3))[0] * (SIDE - 1)
    expected = np.stack(np.meshgrid(labelled, labelled, indexing="ij"))
    assert np.abs(found - expected).max() < 1.01  # the pixel, or the one beside it


@fast_backend
def test_items_beyond_2_to_the_31_elements(backend: str) -> None:
    """An expanded batch: 2^18 images of 2^14 pixels in the memory of one."""
    image = np.arange(2**14, dtype=np.uint16).reshape(1, 1, 2**7, 2**7)
    many = np.broadcast_to(image, (2**18, 1, 2**7, 2**7))
    corners = np.stack(np.meshgrid([0.0, 1.0], [0.0, 1.0], indexing="ij"))[None]
    phi = np.broadcast_to(corners.astype(np.float32), (2**18, 2, 2, 2))
    with backends.use_backend(backend):
        found = backends.sample(many, phi)
    assert (found.reshape(2**18, 4) == [0, 2**7 - 1, 2**14 - 2**7, 2**14 - 1]).all()


@fast_backend
def test_labels_beyond_2_to_the_31_pixels(backend: str) -> None:
    if available_memory() < 4 * 2**30:
        pytest.skip("needs 4 GB of free memory")
    size = (2**16, 2**15 + 1)
    phi = grids("uniform", (2, 2), size)
    scores = np.array([[[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]]])
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, phi, size, threads=1)[0]
    for row in (0, 2**15, 2**16 - 1):
        assert not labels[row, : 2**14 + 1].any()  # the middle column is a tie
        assert labels[row, 2**14 + 1 :].all()
