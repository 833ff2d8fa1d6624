# SPDX-License-Identifier: Apache-2.0
"""The triangle that owns each pixel, and the pixel's weights in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from matplotlib.tri import Triangulation

from adaseg_fast import backends
from adaseg_fast.backends.reference import snap
from support.arrays import DIAGONALS, FAST_BACKENDS, LAYOUTS, Array, with_layout
from support.compare import LATTICE_TOLERANCE, assert_close, assert_same
from support.grids import GRID_KINDS, PLAIN_KINDS, Case, cases, grids

every_backend = pytest.mark.parametrize("backend", backends.available_backends())
fast_backend = pytest.mark.parametrize("backend", FAST_BACKENDS)

SQUARE = np.array([[[[0.0, 0], [1, 1]], [[0, 1], [0, 1]]]])


# --- By hand --------------------------------------------------------------------------------------


@every_backend
def test_one_cell(backend: str) -> None:
    with backends.use_backend(backend):
        faces, weights = backends.rasterize(SQUARE, (3, 3))
        anti, _ = backends.rasterize(SQUARE, (3, 3), diagonal="anti")
    # A pixel on the diagonal goes to its right-hand side; on the last column to the left-hand one.
    assert faces[0].tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 1]]
    assert anti[0].tolist() == [[0, 0, 0], [0, 1, 1], [1, 1, 1]]
    first, second, third = weights[0].tolist()
    assert first == [[1, 0.5, 0], [0.5, 0.5, 0], [0, 0, 0]]
    assert second == [[0, 0.5, 1], [0, 0, 0.5], [0, 0.5, 1]]
    assert third == [[0, 0, 0], [0.5, 0.5, 0.5], [1, 0.5, 0]]


@every_backend
@pytest.mark.parametrize(
    ("size", "expected"),
    [((1, 1), [[0]]), ((1, 5), [[0, 0, 2, 2, 2]]), ((5, 1), [[0], [1], [4], [5], [5]])],
)
def test_images_one_pixel_wide(backend: str, size: tuple[int, int], expected: list) -> None:
    phi = grids("uniform", (3, 3), size)
    with backends.use_backend(backend):
        faces, weights = backends.rasterize(phi, size)
    assert faces[0].tolist() == expected
    assert_close(weights.sum(1), np.ones((1, *size)))


@every_backend
def test_highest_triangle_wins_where_a_fold_covers_twice(backend: str) -> None:
    # The middle columns change places: columns 0, 3, 1, 4 of a 5 x 5 image.
    phi = np.array([[[[0.0] * 4, [1.0] * 4], [[0, 0.75, 0.25, 1]] * 2]])
    with backends.use_backend(backend):
        faces, _ = backends.rasterize(phi, (5, 5), diagonal="main")
    cells = faces[0] // 2
    assert cells[2].tolist() == [0, 2, 2, 2, 2]
    assert set(faces[0].ravel().tolist()) == {0, 1, 4, 5}


@every_backend
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_uncovered_pixels(backend: str, dtype: Any) -> None:
    phi = (0.2 + 0.6 * SQUARE).astype(dtype)
    with backends.use_backend(backend):
        faces, weights = backends.rasterize(phi, (5, 5))
    covered = np.zeros((5, 5), bool)
    covered[1:4, 1:4] = True
    np.testing.assert_array_equal(faces[0] != -1, covered)
    assert not weights[0][:, ~covered].any()
    assert weights.dtype == (np.float64 if dtype == np.float64 else np.float32)


def one_side_moved_in(side: str) -> tuple[Array, Array]:
    """A grid that leaves one side of a 9 x 9 image uncovered, and which pixels it covers."""
    phi, covered = grids("uniform", (3, 3), (9, 9)), np.ones((9, 9), bool)
    axis, end = {"top": (0, 0), "bottom": (0, -1), "left": (1, 0), "right": (1, -1)}[side]
    border = phi[0, axis].swapaxes(0, axis)[end]
    border[:] = np.abs(border - 0.15)  # 1.2 pixels
    covered.swapaxes(0, axis)[[0, 1] if end == 0 else [-1, -2]] = False
    return phi, covered


@every_backend
@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
def test_one_side_uncovered(backend: str, side: str) -> None:
    phi, covered = one_side_moved_in(side)
    scores = np.ones((1, 1, 3, 3), np.float32)
    with backends.use_backend(backend):
        for _ in range(3):  # into memory that may hold the last result
            faces, weights = backends.rasterize(phi, (9, 9))
            values = backends.interpolate(scores, phi, (9, 9))
            labels = backends.interpolate_argmax(scores, phi, (9, 9))
            np.testing.assert_array_equal(faces[0] != -1, covered)
            np.testing.assert_array_equal(weights[0].any(0), covered)
            np.testing.assert_array_equal(values[0, 0] != 0, covered)
            np.testing.assert_array_equal(labels[0], np.where(covered, 1, 255))  # a logit above 0


@every_backend
def test_coordinates_outside_are_clamped(backend: str) -> None:
    with backends.use_backend(backend):
        for found, expected in zip(
            backends.rasterize(SQUARE * 7 - 3, (6, 9)),
            backends.rasterize(SQUARE, (6, 9)),
            strict=True,
        ):
            assert_same(found, expected)


# --- Every backend against the oracle -------------------------------------------------------------


def check_against_reference(
    backend: str, phi: Array, size: tuple[int, int], diagonal: str = "delaunay"
) -> None:
    with backends.use_backend("reference"):
        triangles = backends.triangles(phi, size, diagonal=diagonal)
        faces, weights = backends.rasterize(phi, size, diagonal=diagonal)
    with backends.use_backend(backend):
        for threads in (1, 2, 4):
            options = {"diagonal": diagonal, "threads": threads}
            assert_same(backends.triangles(phi, size, **options), triangles)
            found, found_weights = backends.rasterize(phi, size, **options)
            assert_same(found, faces)
            assert_close(found_weights, weights)
            if threads == 1:
                alone = found_weights
            assert_same(found_weights, alone)


@fast_backend
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_faces_are_those_of_reference(backend: str, kind: str, dtype: Any) -> None:
    size = (70, 33)  # several bands of rows a thread
    check_against_reference(backend, grids(kind, (5, 4), size, items=2, dtype=dtype), size)


@fast_backend
@pytest.mark.parametrize("diagonal", DIAGONALS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(backend: str, layout: str, diagonal: str) -> None:
    phi = with_layout(grids("moved", (4, 6), (17, 20), items=3, dtype=np.float32), layout)
    check_against_reference(backend, phi, (17, 20), diagonal)


@fast_backend
@pytest.mark.parametrize("size", [(3, 700), (1000, 2), (1, 2**16)])
def test_long_images(backend: str, size: tuple[int, int]) -> None:
    check_against_reference(backend, grids("folded", (3, 3), size, seed=3), size)


@fast_backend
@given(case=cases())
def test_faces_are_those_of_reference_on_any_grid(backend: str, case: Case) -> None:
    check_against_reference(backend, case.phi, case.size)


@fast_backend
@given(case=cases())
def test_faces_without_covering(backend: str, case: Case) -> None:
    phi = case.phi + case.rng.normal(0, 0.3, case.phi.shape).astype(case.phi.dtype)
    check_against_reference(backend, phi, case.size)


# --- Properties -----------------------------------------------------------------------------------


@every_backend
@given(case=cases())
def test_weights_are_barycentric(backend: str, case: Case) -> None:
    with backends.use_backend(backend):
        corners = backends.triangles(case.phi, case.size)
        faces, weights = backends.rasterize(case.phi, case.size)
    assert (faces >= 0).all()  # (3) holds
    assert weights.min() >= 0
    assert weights.max() <= 1
    assert_close(weights.sum(1), np.ones(faces.shape), weights.dtype)
    extents = np.maximum(np.array(case.size) - 1, 1)
    for n in range(len(faces)):
        points = snap(case.phi[n], *case.size).reshape(2, -1)
        largest = extents.max() / points.max()  # of a lattice unit, in pixels
        at_corners = points[:, corners[n][faces[n]]] * largest  # (2, H, W, 3)
        pixels = np.einsum("ahwk,khw->ahw", at_corners, weights[n].astype(np.float64))
        assert_close(pixels, np.mgrid[: case.size[0], : case.size[1]], weights.dtype)


@fast_backend
@given(case=cases())
def test_items_are_independent(backend: str, case: Case) -> None:
    with backends.use_backend(backend):
        faces, weights = backends.rasterize(case.phi, case.size)
        for n in range(len(faces)):
            alone = backends.rasterize(case.phi[n : n + 1], case.size)
            assert_same(alone[0], faces[n : n + 1])
            assert_same(alone[1], weights[n : n + 1])


# --- Outside oracle -------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("kind", PLAIN_KINDS)
def test_matplotlib_finds_the_same_owners(backend: str, kind: str) -> None:
    size = (61, 83)
    phi = grids(kind, (7, 9), size, seed=2)
    with backends.use_backend(backend):
        corners = backends.triangles(phi, size)[0]
        faces, weights = backends.rasterize(phi, size)
    rows, cols = phi[0].reshape(2, -1) * [[size[0] - 1], [size[1] - 1]]
    finder = Triangulation(cols, rows, corners).get_trifinder()
    across, down = np.meshgrid(np.arange(size[1]), np.arange(size[0]))
    # Ties on edges are matplotlib's own affair: a pixel well inside has but one owner.
    inside = weights[0].min(0) > LATTICE_TOLERANCE
    assert inside.mean() > 0.5
    np.testing.assert_array_equal(finder(across, down)[inside], faces[0][inside])
