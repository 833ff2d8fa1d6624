# SPDX-License-Identifier: Apache-2.0
"""The oracle itself: by hand, and in exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from adaseg_fast import backends
from adaseg_fast.backends import reference
from adaseg_fast.backends.reference import Triangle, lattice_bits, round_even, snap
from support.arrays import Array
from support.grids import GRID_KINDS, grids

Pair = tuple[Fraction, Fraction]

# The infinitesimal move of a pixel, small beside anything that two lattice points can differ by.
FIRST, SECOND = Fraction(1, 2**100), Fraction(1, 2**200)


def cross(p: Pair, q: Pair, s: Pair) -> Fraction:
    """Twice the signed area, positive for (A, right of A, below A)."""
    return (q[1] - p[1]) * (s[0] - p[0]) - (q[0] - p[0]) * (s[1] - p[1])


def moved_pixel(row: int, col: int, size: tuple[int, int]) -> Pair:
    """A pixel moved right and, far less, down; inwards on the last column and row."""
    right = -FIRST if col == max(size[1] - 1, 1) else FIRST
    down = -SECOND if row == max(size[0] - 1, 1) else SECOND
    return row + down, col + right


def turn(triangle: list[Pair], pixel: Pair) -> int:
    """1 or -1 if the pixel lies in the open triangle, by the triangle's orientation; else 0."""
    p, q, s = triangle
    sides = {(side > 0) - (side < 0) for side in (cross(p, q, pixel), cross(q, s, pixel))}
    last = cross(s, p, pixel)
    sides.add((last > 0) - (last < 0))
    return sides.pop() if len(sides) == 1 else 0


def exact_points(phi: Array, size: tuple[int, int]) -> list[Pair]:
    """Vertices in pixels: the nearest lattice points, ties to even."""
    unit = 2 ** lattice_bits(*size)
    extents = [max(length - 1, 1) * unit for length in size]
    return [
        tuple(
            Fraction(round(Fraction(float(at)) * extent), unit)
            for at, extent in zip(point, extents, strict=True)
        )
        for point in phi.reshape(2, -1).T
    ]


@pytest.mark.parametrize(
    ("size", "bits"),
    [((1, 1), 30), ((2, 2), 30), ((3, 3), 29), ((1025, 3), 20), ((4, 2710), 19), ((1, 2**20), 11)],
)
def test_lattice_is_as_fine_as_31_bits_allow(size: tuple[int, int], bits: int) -> None:
    assert lattice_bits(*size) == bits
    extent = max(max(size) - 1, 1)
    assert extent << bits < 2**31 <= extent << (bits + 1)


def test_snap_rounds_to_even_and_clamps() -> None:
    half = 2.0**-31  # half a lattice unit of a 2 x 2 image
    phi = np.array([[[half, 3 * half], [0.0, 1.0]], [[-0.5, 1.5], [0.25, 1 - 2.0**-30]]])
    rows, cols = snap(phi, 2, 2)
    assert rows.tolist() == [[0, 2], [0, 2**30]]
    assert cols.tolist() == [[0, 2**30], [2**28, 2**30 - 1]]


def test_round_even() -> None:
    assert [round_even(k, 2) for k in range(8)] == [0, 0, 1, 2, 2, 2, 3, 4]
    assert [round_even(k, 3) for k in range(7)] == [0, 0, 1, 1, 1, 2, 2]
    assert round_even(0, 0) == 0


def test_faces_by_hand() -> None:
    phi = np.array([[[[0.0, 0], [1, 1]], [[0, 1], [0, 1]]]])
    with backends.use_backend("reference"):
        main, weights = backends.rasterize(phi, (3, 3))
        anti, _ = backends.rasterize(phi, (3, 3), diagonal="anti")
    # Pixels on a diagonal lie, once moved to the right, beyond it; the last column moves left.
    assert main[0].tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 1]]
    assert anti[0].tolist() == [[0, 0, 0], [0, 1, 1], [1, 1, 1]]
    assert weights[0, :, 1, 1].tolist() == [0.5, 0.0, 0.5]
    assert weights[0, :, 2, 2].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("size", [(6, 7), (5, 1), (1, 4)])
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_one_owner_a_pixel_in_rational_arithmetic(kind: str, size: tuple[int, int]) -> None:
    phi = grids(kind, (3, 4), size, seed=5, dtype=np.float32)
    with backends.use_backend("reference"):
        corners = backends.triangles(phi, size)[0]
        faces, weights = backends.rasterize(phi, size)
    points = exact_points(phi[0], size)
    found = [[points[v] for v in triple] for triple in corners]
    for row in range(size[0]):
        for col in range(size[1]):
            pixel = moved_pixel(row, col, size)
            turns = [turn(triangle, pixel) for triangle in found]
            # However the grid is folded, it covers the pixel once more upright than turned over.
            assert sum(turns) == 1
            owner = max(k for k, direction in enumerate(turns) if direction)
            assert faces[0, row, col] == owner
            area = cross(*found[owner])
            p, q, s = found[owner]
            here = (Fraction(row), Fraction(col))
            exact = [cross(q, s, here) / area, cross(s, p, here) / area, cross(p, q, here) / area]
            assert all(0 <= weight <= 1 for weight in exact)
            assert np.allclose(weights[0, :, row, col], [float(w) for w in exact], atol=1e-7)


def test_inside_in_rational_arithmetic() -> None:
    rng = np.random.default_rng(1)
    size, bits = (5, 4), 3
    rows, cols = np.mgrid[: size[0], : size[1]]
    seen = {-1: 0, 0: 0, 1: 0}
    for _ in range(100):  # vertices on pixels and half-way between: ties, triangles without area
        points = [(4 * int(r), 4 * int(c)) for r, c in rng.integers(0, [9, 7], (3, 2))]
        triangle = Triangle(0, (0, 1, 2), tuple(points))
        inside = reference._inside(triangle, rows, cols, bits, size)
        exact = [(Fraction(r, 2**bits), Fraction(c, 2**bits)) for r, c in points]
        for row in range(size[0]):
            for col in range(size[1]):
                direction = turn(exact, moved_pixel(row, col, size))
                assert inside[row, col] == (direction != 0)
                seen[direction] += 1
    assert min(seen.values()) > 50


def test_uncovered_pixels_have_no_owner() -> None:
    phi = np.array([[[[0.2, 0.2], [0.8, 0.8]], [[0.2, 0.8], [0.2, 0.8]]]])
    with backends.use_backend("reference"):
        faces, weights = backends.rasterize(phi, (5, 5))
    covered = np.zeros((5, 5), bool)
    covered[1:4, 1:4] = True
    np.testing.assert_array_equal(faces[0] >= 0, covered)
    np.testing.assert_array_equal(weights[0].sum(0) > 0, covered)
