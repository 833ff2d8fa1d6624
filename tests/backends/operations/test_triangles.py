# SPDX-License-Identifier: Apache-2.0
"""Which triangles a sampling grid has."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given

from adaseg_fast import backends
from adaseg_fast.backends.reference import snap
from support.arrays import Array
from support.grids import Case, cases, grids

every_backend = pytest.mark.parametrize("backend", backends.available_backends())

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


# --- Properties -----------------------------------------------------------------------------------


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
