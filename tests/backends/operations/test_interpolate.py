# SPDX-License-Identifier: Apache-2.0
"""Scores at every pixel, and the gradients, of every backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from matplotlib.tri import LinearTriInterpolator, Triangulation
from scipy.interpolate import LinearNDInterpolator, griddata
from scipy.spatial import Delaunay

from adaseg_fast import backends
from support.arrays import CAMVID_TARGETS, DIAGONALS, FAST_BACKENDS, LAYOUTS, Array, with_layout
from support.compare import LATTICE_TOLERANCE, assert_close, assert_same
from support.grids import GRID_KINDS, PLAIN_KINDS, Case, cases, grids, patchwork, uniform

every_backend = pytest.mark.parametrize("backend", backends.available_backends())
fast_backend = pytest.mark.parametrize("backend", FAST_BACKENDS)

SQUARE = uniform(2, 2)[None]
FLOATS = (np.float64, np.float32, np.float16)


# --- By hand --------------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
def test_one_cell(backend: str, dtype: Any) -> None:
    scores = np.array([[[[0, 0], [0, 4]], [[1, 3], [5, 7]]]], dtype)
    with backends.use_backend(backend):
        main = backends.interpolate(scores, SQUARE, (3, 3))
        anti = backends.interpolate(scores, SQUARE, (3, 3), diagonal="anti")
    assert main.dtype == dtype
    assert main[0, 0].tolist() == [[0, 0, 0], [0, 2, 2], [0, 2, 4]]  # 2 min(row, column)
    assert anti[0, 0].tolist() == [[0, 0, 0], [0, 0, 2], [0, 2, 4]]  # 2 max(0, row + column - 2)
    assert main[0, 1].tolist() == anti[0, 1].tolist() == [[1, 2, 3], [3, 4, 5], [5, 6, 7]]


@every_backend
def test_a_vertex_on_a_pixel_gives_it_its_score(backend: str) -> None:
    phi = np.copy(grids("uniform", (3, 3), (5, 5)))
    phi[0, :, 1, 1] = 0.25, 0.75  # pixel (1, 3)
    scores = np.zeros((1, 1, 3, 3))
    scores[0, 0, 1, 1] = 8
    with backends.use_backend(backend):
        values = backends.interpolate(scores, phi, (5, 5))
    assert values[0, 0, 1, 3] == values.max() == 8
    # The row enters that vertex's triangles where it crosses the short diagonal at (1, 1).
    assert values[0, 0, 1].tolist() == [0, 0, 4, 8, 0]


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
def test_uncovered_pixels_are_zero(backend: str, dtype: Any) -> None:
    with backends.use_backend(backend):
        values = backends.interpolate(np.ones((1, 2, 2, 2), dtype), 0.2 + 0.6 * SQUARE, (5, 5))
    expected = np.zeros((5, 5))
    expected[1:4, 1:4] = 1
    np.testing.assert_allclose(values[0], [expected, expected], atol=1e-6)


@every_backend
def test_no_channels(backend: str) -> None:
    scores, grad = np.ones((1, 0, 2, 2)), np.ones((1, 0, 5, 4))
    to_scores, to_phi = np.empty_like(scores), np.empty_like(SQUARE)
    with backends.use_backend(backend):
        assert backends.interpolate(scores, SQUARE, (5, 4)).shape == (1, 0, 5, 4)
        backends.kernels().interpolate_backward(grad, scores, SQUARE, to_scores, to_phi, 0, 1)
    assert not to_phi.any()


# --- Every backend against the oracle -------------------------------------------------------------


def reference_values(scores: Array, phi: Array, size: Any, diagonal: str = "delaunay") -> Array:
    """In float64, so that nothing but the backend's own rounding stands between the two."""
    with backends.use_backend("reference"):
        return backends.interpolate(scores.astype(np.float64), phi, size, diagonal=diagonal)


@fast_backend
@pytest.mark.parametrize("scores_type", FLOATS)
@pytest.mark.parametrize("phi_type", FLOATS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(backend: str, layout: str, phi_type: Any, scores_type: Any) -> None:
    rng = np.random.default_rng(0)
    size = (19, 14)
    phi = with_layout(grids("moved", (4, 5), size, items=3, dtype=phi_type), layout)
    scores = with_layout(rng.normal(size=(3, 4, 4, 5)).astype(scores_type), layout)
    with backends.use_backend(backend):
        values = backends.interpolate(scores, phi, size)
    assert values.dtype == scores_type
    assert_close(values, reference_values(scores, phi, size))


@fast_backend
@pytest.mark.parametrize("byte_order", [">f4", ">f8", ">f2"])
def test_foreign_byte_order(backend: str, byte_order: str) -> None:
    phi = grids("moved", (3, 3), (9, 9))
    scores = np.arange(9.0).reshape(1, 1, 3, 3)
    with backends.use_backend(backend):
        values = backends.interpolate(scores.astype(byte_order), phi.astype(byte_order), (9, 9))
        native = byte_order.replace(">", "=")
        assert_same(values, backends.interpolate(scores.astype(native), phi.astype(native), (9, 9)))


@fast_backend
@pytest.mark.parametrize("diagonal", DIAGONALS)
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_values_are_those_of_reference(backend: str, kind: str, diagonal: str) -> None:
    rng = np.random.default_rng(1)
    size = (70, 45)
    phi = grids(kind, (5, 6), size, items=2)
    scores = rng.normal(size=(2, 3, 5, 6))
    with backends.use_backend(backend):
        values = backends.interpolate(scores, phi, size, diagonal=diagonal)
    assert_close(values, reference_values(scores, phi, size, diagonal))


@fast_backend
@given(case=cases())
def test_values_are_those_of_reference_on_any_grid(backend: str, case: Case) -> None:
    channels = int(case.rng.integers(1, 5))
    shape = (len(case.phi), channels, *case.phi.shape[2:])
    scores = case.rng.normal(size=shape).astype(case.rng.choice(FLOATS))
    with backends.use_backend(backend):
        values = backends.interpolate(scores, case.phi, case.size)
    assert_close(values, reference_values(scores, case.phi, case.size))


# --- Properties -----------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("size", [(2, 2), (9, 5), (17, 33), (40, 23)])
def test_identity_grid(backend: str, size: tuple[int, int]) -> None:
    scores = np.random.default_rng(0).normal(size=(1, 2, *size))
    with backends.use_backend(backend):
        assert_close(backends.interpolate(scores, uniform(*size)[None], size), scores)


@every_backend
@given(case=cases())
def test_affine_functions_are_reproduced(backend: str, case: Case) -> None:
    offset, by_row, by_col = case.rng.normal(size=3)
    rows, cols = case.phi[:, :1].astype(np.float64), case.phi[:, 1:].astype(np.float64)
    scores = offset + by_row * rows + by_col * cols
    with backends.use_backend(backend):
        values = backends.interpolate(scores, case.phi, case.size)
    last = np.maximum(np.array(case.size) - 1, 1)
    row, col = np.mgrid[: case.size[0], : case.size[1]] / last[:, None, None]
    expected = offset + by_row * row + by_col * col
    # The lattice is 2^-26 of an image this small.
    np.testing.assert_allclose(values, np.broadcast_to(expected, values.shape), atol=1e-6)


@every_backend
@given(case=cases())
def test_values_stay_in_the_range_of_the_corners(backend: str, case: Case) -> None:
    items, _, h, w = case.phi.shape
    scores = case.rng.normal(size=(items, 2, h, w)).astype(np.float32)
    with backends.use_backend(backend):
        values = backends.interpolate(scores, case.phi, case.size)
        corners = backends.triangles(case.phi, case.size)
        faces, _ = backends.rasterize(case.phi, case.size)
    for n in range(items):
        at_corners = scores[n].reshape(2, -1)[:, corners[n][faces[n]]]
        assert (values[n] >= at_corners.min(-1) - 1e-5).all()
        assert (values[n] <= at_corners.max(-1) + 1e-5).all()


@every_backend
@given(case=cases(most=12))
def test_a_constant_stays_constant(backend: str, case: Case) -> None:
    constant = case.rng.normal()
    scores = np.full((len(case.phi), 1, *case.phi.shape[2:]), constant)
    with backends.use_backend(backend):
        values = backends.interpolate(scores, case.phi, case.size)
    assert_close(values, np.full(values.shape, constant))


@fast_backend
@given(case=cases(most=20))
def test_items_are_independent(backend: str, case: Case) -> None:
    scores = case.rng.normal(size=(len(case.phi), 2, *case.phi.shape[2:])).astype(np.float32)
    with backends.use_backend(backend):
        values = backends.interpolate(scores, case.phi, case.size)
        for n in range(len(scores)):
            item = slice(n, n + 1)
            alone = backends.interpolate(scores[item], case.phi[item], case.size)
            assert_same(alone, values[item])


@fast_backend
@given(case=cases(most=90))
def test_threads_do_not_matter(backend: str, case: Case) -> None:
    scores = case.rng.normal(size=(len(case.phi), 3, *case.phi.shape[2:])).astype(np.float32)
    with backends.use_backend(backend):
        one, two, four = (
            backends.interpolate(scores, case.phi, case.size, threads=threads)
            for threads in (1, 2, 4)
        )
    assert_same(two, one)
    assert_same(four, one)


# --- Outside oracles ------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("diagonal", DIAGONALS)
@pytest.mark.parametrize("kind", PLAIN_KINDS)
def test_matplotlib_given_the_triangles(backend: str, kind: str, diagonal: str) -> None:
    size = (61, 83)
    phi = grids(kind, (7, 9), size, seed=2)
    scores = np.random.default_rng(3).normal(size=(1, 1, 7, 9))
    with backends.use_backend(backend):
        values = backends.interpolate(scores, phi, size, diagonal=diagonal)
        corners = backends.triangles(phi, size, diagonal=diagonal)
    rows, cols = phi[0].reshape(2, -1) * [[size[0] - 1], [size[1] - 1]]
    plane = LinearTriInterpolator(Triangulation(cols, rows, corners[0]), scores.ravel())
    across, down = np.meshgrid(np.arange(size[1]), np.arange(size[0]))
    expected = plane(across, down)
    assert np.ma.count_masked(expected) == 0
    np.testing.assert_allclose(values[0, 0], expected.data, atol=LATTICE_TOLERANCE)


def solved_tensor(labels: Array, classes: Any = None) -> Array:
    """The paper's: 8 x 8 at lambda 1, resized to 64 x 64."""
    targets = backends.nearest_boundary(labels[None], (8, 8), classes=classes)
    phi = backends.solve_sampling(targets.astype(np.float64))
    # Bilinear with aligned corners is what interpolation over a uniform 8 x 8 grid of squares is.
    at = np.linspace(0, 7, 64)
    before = np.minimum(at.astype(int), 6)
    weight = at - before
    rows = phi[:, :, before] * (1 - weight[:, None]) + phi[:, :, before + 1] * weight[:, None]
    return rows[..., before] * (1 - weight) + rows[..., before + 1] * weight


def griddata_differs(phi: Array, size: tuple[int, int]) -> float:
    """Fraction of pixels where SciPy's griddata says something else."""
    scores = np.random.default_rng(4).normal(size=phi[:, :1].shape)
    values = backends.interpolate(scores, phi, size)[0, 0]
    points = phi[0].reshape(2, -1).T * (np.array(size) - 1)
    expected = griddata(points, scores.ravel(), tuple(np.mgrid[: size[0], : size[1]]))
    return float((~(np.abs(values - expected) < LATTICE_TOLERANCE)).mean())


@pytest.mark.parametrize("seed", range(3))
def test_griddata_on_drawn_label_maps(seed: int, record_property: Any) -> None:
    labels = patchwork(np.random.default_rng(seed), (120, 120), seeds=12)
    differing = griddata_differs(solved_tensor(labels), (200, 200))
    record_property("fraction of differing pixels", differing)
    assert differing < 1e-3


def camvid_labels(camvid: Path, every: int) -> list[Array]:
    names = sorted((camvid / "labels").glob("*/*.png"))[::every]
    return [cv2.imread(str(name), cv2.IMREAD_UNCHANGED) for name in names]


@pytest.mark.parametrize("classes", [None, CAMVID_TARGETS], ids=["all", "targets"])
def test_griddata_on_real_labels(camvid: Path, classes: Any, record_property: Any) -> None:
    # The paper's samples are the largest central squares.
    squares = [labels[:, 120:840] for labels in camvid_labels(camvid, 47)]
    found = [griddata_differs(solved_tensor(labels, classes), (300, 300)) for labels in squares]
    print(f"fraction of pixels that differ from griddata, worst of {len(found)}: {max(found)}")
    record_property("fraction of differing pixels", max(found))
    assert max(found) < 1e-3


@pytest.mark.parametrize("classes", [None, CAMVID_TARGETS], ids=["all", "targets"])
def test_griddata_on_whole_frames(camvid: Path, classes: Any, record_property: Any) -> None:
    """Away from the square, few frames ask for edges that are not the grid's; they explain all."""
    size = (240, 320)
    scores = np.random.default_rng(4).normal(size=(1, 1, 64, 64))
    fractions = []
    for labels in camvid_labels(camvid, 22):
        phi = solved_tensor(labels, classes)
        points = phi[0].reshape(2, -1).T * (np.array(size) - 1)
        delaunay = Delaunay(points)
        shared = {tuple(sorted(triple)) for triple in backends.triangles(phi, size)[0].tolist()}
        shared &= {tuple(sorted(triple)) for triple in delaunay.simplices.tolist()}
        rows, cols = np.divmod(np.sort(delaunay.simplices, 1), 64)
        in_a_cell = (np.ptp(rows, 1) == 1) & (np.ptp(cols, 1) == 1)
        assert len(shared) == in_a_cell.sum()  # wherever the cell is kept, so is the diagonal
        pixels = tuple(np.mgrid[: size[0], : size[1]])
        expected = LinearNDInterpolator(delaunay, scores.ravel())(pixels)
        values = backends.interpolate(scores, phi, size)[0, 0]
        differs = ~(np.abs(values - expected) < LATTICE_TOLERANCE)
        pixels_of = delaunay.find_simplex(np.stack(pixels, -1)[differs])
        assert not in_a_cell[pixels_of].any()
        fractions.append(float(differs.mean()))
    print(f"fraction of pixels that differ from griddata, mean: {np.mean(fractions)}")
    record_property("fraction of differing pixels", float(np.mean(fractions)))
    assert np.mean(fractions) < 1e-3
