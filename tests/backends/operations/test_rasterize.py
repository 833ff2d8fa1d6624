# SPDX-License-Identifier: Apache-2.0
"""Triangles, and which of them owns each pixel with what weights."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from matplotlib.tri import Triangulation

from adaseg_fast import backends
from adaseg_fast.backends.reference import snap
from support.arrays import DIAGONALS, FAST_BACKENDS, LAYOUTS, Array, with_layout
from support.compare import LATTICE_TOLERANCE, assert_close, assert_same
from support.grids import GRID_KINDS, PLAIN_KINDS, Case, cases, grids

every_backend = pytest.mark.parametrize("backend", backends.available_backends())
fast_backend = pytest.mark.parametrize("backend", FAST_BACKENDS)

SQUARE = np.array([[[[0.0, 0], [1, 1]], [[0, 1], [0, 1]]]])
MAIN, ANTI = [[0, 1, 3], [0, 3, 2]], [[0, 1, 2], [1, 3, 2]]


def quad(a: tuple, b: tuple, c: tuple, d: tuple) -> Array:
    """A sampling tensor of one cell, corners clockwise from the upper left."""
    return np.array([a, b, d, c], np.float64).T.reshape(1, 2, 2, 2)


# --- By hand --------------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param(SQUARE, MAIN, id="square: a tie"),
        pytest.param(quad((0, 0), (0, 1), (0.6, 0.6), (1, 0)), MAIN, id="short main"),
        pytest.param(quad((0, 0), (0.4, 0.6), (1, 1), (1, 0)), ANTI, id="short anti"),
        # Opposite angles of 180 degrees: on a circle about the middle of a 41 x 41 image.
        pytest.param(
            quad((0.0, 0.5), (0.2, 0.9), (1.0, 0.5), (0.8, 0.1)), MAIN, id="on a circle: a tie"
        ),
        pytest.param(quad((0.7, 0.7), (0, 1), (1, 1), (1, 0)), MAIN, id="dent at a"),
        pytest.param(quad((0, 0), (0.7, 0.3), (1, 1), (1, 0)), ANTI, id="dent at b"),
        pytest.param(quad((0, 0), (0, 1), (0.3, 0.3), (1, 0)), MAIN, id="dent at c"),
        pytest.param(quad((0, 0), (0, 1), (1, 1), (0.3, 0.7)), ANTI, id="dent at d"),
        pytest.param(quad((1, 0), (1, 1), (0, 1), (0, 0)), MAIN, id="turned over"),
        pytest.param(quad((0.5, 0.5), (0.5, 0.5), (0.5, 0.5), (0.5, 0.5)), MAIN, id="one point"),
        pytest.param(quad((0, 0.5), (0.3, 0.5), (0.6, 0.5), (1, 0.5)), MAIN, id="on a line"),
    ],
)
def test_diagonal(backend: str, cell: Array, expected: list[list[int]]) -> None:
    with backends.use_backend(backend):
        assert backends.triangles(cell, (41, 41))[0].tolist() == expected
        assert backends.triangles(cell, (41, 41), diagonal="main")[0].tolist() == MAIN
        assert backends.triangles(cell, (41, 41), diagonal="anti")[0].tolist() == ANTI


@every_backend
def test_aspect_of_the_image_decides_the_diagonal(backend: str) -> None:
    cell = quad((0, 0), (0.1, 0.9), (1, 1), (0.9, 0.1))
    flat = quad((0, 0.2), (0.2, 1), (1, 0.8), (0.8, 0))
    with backends.use_backend(backend):
        assert backends.triangles(cell, (100, 100))[0].tolist() == ANTI
        assert backends.triangles(flat, (100, 20))[0].tolist() == ANTI
        assert backends.triangles(flat, (20, 100))[0].tolist() == MAIN


@every_backend
def test_triangles_are_listed_cell_by_cell(backend: str) -> None:
    phi = grids("uniform", (3, 3), (5, 5))
    with backends.use_backend(backend):
        found = backends.triangles(phi, (5, 5))
    assert found.dtype == np.int64
    assert found.tolist() == [
        [[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4], [3, 4, 7], [3, 7, 6], [4, 5, 8], [4, 8, 7]]
    ]


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
            np.testing.assert_array_equal(labels[0], np.where(covered, 0, 255))


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


def in_circle(a: tuple, b: tuple, c: tuple, d: tuple) -> Fraction:
    """Positive if d lies inside the circle through a, b, c, which come clockwise on the screen."""
    (p, q), (r, s), (t, u) = ([x - y for x, y in zip(k, d, strict=True)] for k in (a, b, c))
    p2, r2, t2 = p * p + q * q, r * r + s * s, t * t + u * u
    return -(p * (s * t2 - u * r2) - q * (r * t2 - t * r2) + p2 * (r * u - t * s))


def area(p: tuple, q: tuple, s: tuple) -> Fraction:
    return (q[1] - p[1]) * (s[0] - p[0]) - (q[0] - p[0]) * (s[1] - p[1])


@every_backend
@given(case=cases(items=1))
@example(case=Case("folded", grids("folded", (9, 9), (40, 30), seed=1), (40, 30), None))
def test_diagonals_are_delaunay_in_rational_arithmetic(backend: str, case: Case) -> None:
    with backends.use_backend(backend):
        found = backends.triangles(case.phi, case.size)[0]
    _, _, h, w = case.phi.shape
    lattice = snap(case.phi[0], *case.size).reshape(2, -1).T
    points = [tuple(Fraction(int(x)) for x in point) for point in lattice]
    for k in range((h - 1) * (w - 1)):
        i, j = divmod(k, w - 1)
        numbers = (i * w + j, i * w + j + 1, (i + 1) * w + j + 1, (i + 1) * w + j)
        a, b, c, d = (points[v] for v in numbers)
        main = min(area(a, b, c), area(a, c, d)) >= 0
        anti = min(area(a, b, d), area(b, c, d)) >= 0
        if main and anti:
            main = in_circle(a, b, c, d) <= 0
        elif not main and not anti:
            main = True
        na, nb, nc, nd = numbers
        expected = [[na, nb, nc], [na, nc, nd]] if main else [[na, nb, nd], [nb, nc, nd]]
        assert found[2 * k : 2 * k + 2].tolist() == expected


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
