# SPDX-License-Identifier: Apache-2.0
"""Scores that are infinite, NaN or huge, the range of values, and a single score channel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaseg_fast import backends
from support.arrays import DIAGONALS, FAST_BACKENDS, special_scores
from support.compare import NEAR_TIE, assert_close, assert_same, assert_values, count_flips
from support.grids import GRID_KINDS, Case, cases, grids, uniform

every_backend = pytest.mark.parametrize("backend", backends.available_backends())
fast_backend = pytest.mark.parametrize("backend", FAST_BACKENDS)

INF, NAN = np.inf, np.nan
SQUARE = uniform(2, 2)[None]
FLOATS = (np.float64, np.float32, np.float16)
THIN_SIZES = ((2, 20000), (20000, 2), (4, 640), (8, 1280), (16, 2048), (30, 4000))


# --- Tiny scores ----------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("width", [2, 300, 2048])
@pytest.mark.parametrize("most", [1e-30, 1e-35, 2e-36, 1e-37, 1e-40])
def test_tiny_scores_keep_their_slope(backend: str, most: float, width: int) -> None:
    """From pixel to pixel they change by less than float32 has digits for."""
    scores = np.array([[[[0, most]] * 2]], np.float32)
    with backends.use_backend(backend):
        values = backends.interpolate(scores, SQUARE, (2, width))[0, 0]
    line = np.linspace(0, 1, width) * float(scores.max())
    np.testing.assert_allclose(values, [line, line], rtol=0, atol=1e-6 * most + 2e-45)


@every_backend
def test_tiny_scores_are_ranked_rightly(backend: str) -> None:
    scores = np.random.default_rng(0).normal(size=(1, 3, 4, 5)) * 1e-42
    scores, phi = scores.astype(np.float32), uniform(4, 5)[None]
    with backends.use_backend("reference"):
        values = backends.interpolate(scores.astype(np.float64), phi, (2, 500))
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, phi, (2, 500))
    lost = values.max(1) - np.take_along_axis(values, labels[:, None].astype(int), 1)[:, 0]
    assert lost.max() <= 2e-45, "less than the smallest difference of two scores"


# --- Covered pixels get a class -------------------------------------------------------------------


@fast_backend
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("near", [0.0, 1e-6, 4e-6, 8e-6, 1.2e-5, 2.4e-5])
@pytest.mark.parametrize("size", THIN_SIZES)
def test_a_vertex_next_to_the_border(backend: str, size: Any, near: float, dtype: Any) -> None:
    at = np.array([0, 0.3, 1 - near, 1], dtype)
    phi = np.stack(np.meshgrid(at, at, indexing="ij"))[None]
    scores = np.zeros((1, 2, 4, 4), np.float32)
    scores[:, 1] = -1
    scores[0, 1, 2, 2] = 0.5
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, phi, size, threads=1)
        values = backends.interpolate(scores.astype(np.float64), phi, size, threads=1)
    lost = values.max(1) - np.take_along_axis(values, labels[:, None].astype(np.int64) % 2, 1)[:, 0]
    assert labels.max() <= 1
    assert lost.max() < NEAR_TIE


# --- Infinite scores and NaN ----------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_class_that_is_ruled_out_never_wins(backend: str, dtype: Any) -> None:
    scores = np.random.default_rng(0).normal(size=(1, 3, 4, 4)).astype(dtype)
    scores[:, 1] = -INF
    phi = uniform(4, 4)[None]
    with backends.use_backend(backend):
        values = backends.interpolate(scores, phi, (16, 16))
        labels = backends.interpolate_argmax(scores, phi, (16, 16))
        others = backends.interpolate(scores[:, ::2], phi, (16, 16))
        expected = 2 * backends.interpolate_argmax(np.copy(scores[:, ::2]), phi, (16, 16))
    assert (values[:, 1] == -INF).all()
    assert_same(np.copy(values[:, ::2]), others)
    np.testing.assert_array_equal(labels, expected)


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
def test_minus_infinity_at_one_corner(backend: str, dtype: Any) -> None:
    """It rules the class out wherever that corner's weight is not 0."""
    scores = np.array([[[[-INF, 0], [0, 0]], [[-1, -1], [-1, -1]]]], dtype)
    with backends.use_backend(backend):
        values = backends.interpolate(scores, SQUARE, (3, 3), diagonal="main")
        labels = backends.interpolate_argmax(scores, SQUARE, (3, 3), diagonal="main")
    assert values[0, 0].tolist() == [[-INF, -INF, 0], [-INF, -INF, 0], [0, 0, 0]]
    assert (values[0, 1] == -1).all()
    assert labels[0].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("first", "second", "label"),
    [
        (NAN, -1.0, 1),
        (NAN, -INF, 1),
        (-1.0, NAN, 0),
        (NAN, NAN, 0),
        (-INF, -INF, 0),
        (-INF, NAN, 0),
        (INF, INF, 0),
        (5.0, INF, 1),
        (INF, 5.0, 0),
        (-INF, -5.0, 1),
    ],
)
def test_one_score_at_all_corners(
    backend: str, first: float, second: float, label: int, dtype: Any
) -> None:
    scores = np.empty((1, 2, 3, 3), dtype)
    scores[:, 0], scores[:, 1] = first, second
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, uniform(3, 3)[None], (7, 9))
        values = backends.interpolate(scores, uniform(3, 3)[None], (7, 9))
    assert (labels == label).all()
    np.testing.assert_array_equal(values[:, 0], np.full((1, 7, 9), first, dtype))
    np.testing.assert_array_equal(values[:, 1], np.full((1, 7, 9), second, dtype))


@every_backend
@pytest.mark.parametrize(("dtype", "huge"), [(np.float32, 2e38), (np.float64, 1e308)])
def test_huge_scores_are_ranked_rightly(backend: str, dtype: Any, huge: float) -> None:
    scores = np.zeros((1, 3, 2, 2), dtype)
    scores[0, 0], scores[0, 1], scores[0, 2] = huge, 0.99 * huge, -huge
    scores[0, 1, 1] = 1.1 * huge  # ahead on the lower half
    scores[0, 0, 0, 0] = -huge
    phi, size = SQUARE, (9, 9)
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, phi, size)
        values = backends.interpolate(scores, phi, size)
        small = scores / dtype(huge)
        expected = backends.interpolate_argmax(small, phi, size)
        assert_close(values / dtype(huge), backends.interpolate(small, phi, size))
    np.testing.assert_array_equal(labels, expected)
    assert len(np.unique(labels)) == 2


@every_backend
@settings(max_examples=60)
@given(case=cases(most=24), diagonal=st.sampled_from(DIAGONALS), classes=st.integers(2, 6))
def test_any_scores_on_any_grid(backend: str, case: Case, diagonal: str, classes: int) -> None:
    shape = (len(case.phi), classes, *case.phi.shape[2:])
    scores = special_scores(case.rng, shape, case.rng.choice(FLOATS))
    with backends.use_backend("reference"):
        wide = scores.astype(np.float64)
        exact = backends.interpolate(wide, case.phi, case.size, diagonal=diagonal)
    with backends.use_backend(backend):
        values = backends.interpolate(scores, case.phi, case.size, diagonal=diagonal)
        labels = backends.interpolate_argmax(scores, case.phi, case.size, diagonal=diagonal)
    assert_values(values, exact, scores)
    count_flips(labels, scores, case.phi, case.size, diagonal)


@fast_backend
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_ruled_out_regions_of_a_calm_map(backend: str, kind: str) -> None:
    """Large regions of one class, and classes that are ruled out in parts of the image."""
    rng = np.random.default_rng(3)
    size, shape = (90, 130), (9, 12)
    for seed in range(6):
        phi = grids(kind, shape, size, seed=seed)
        where = rng.random((4, 2)) * shape
        away = ((np.mgrid[:9, :12].T[:, :, None] - where) ** 2).sum(-1).T  # (4, 9, 12)
        scores = -away[None].astype(np.float32)
        scores[:, 1][rng.random((1, *shape)) < 0.3] = -INF
        scores[:, 2, :, 6:] = -INF
        scores[:, 3, 2, 2] = NAN
        with backends.use_backend(backend):
            labels = backends.interpolate_argmax(scores, phi, size)
        count_flips(labels, scores, phi, size)


@every_backend
def test_gradients_beside_infinite_scores(backend: str) -> None:
    """Those of scores do not depend on the scores; those of phi leave such channels out."""
    rng = np.random.default_rng(1)
    phi, size = grids("moved", (4, 5), (21, 26)), (21, 26)
    scores, grad = rng.normal(size=(1, 3, 4, 5)), rng.normal(size=(1, 3, *size))
    ruled_out = scores.copy()
    ruled_out[:, 1] = -INF
    flat = scores.copy()
    flat[:, 1] = 0
    found = [(np.empty_like(scores), np.empty_like(phi)) for _ in range(2)]
    with backends.use_backend(backend):
        for values, out in zip((ruled_out, flat), found, strict=True):
            backends.kernels().interpolate_backward(grad, values, phi, *out, 0, 1)
    assert_same(found[0][0], found[1][0])
    assert_same(found[0][1], found[1][1])
    assert np.isfinite(found[0][1]).all()


# --- Range ----------------------------------------------------------------------------------------


@every_backend
@settings(max_examples=100)
@given(case=cases(most=60), diagonal=st.sampled_from(DIAGONALS))
def test_no_value_leaves_the_range_of_its_corners(backend: str, case: Case, diagonal: str) -> None:
    shape = (len(case.phi), 3, *case.phi.shape[2:])
    scores = case.rng.normal(size=shape)
    scores[:, 1] = case.rng.integers(0, 2, shape[2:])
    scores[:, 2] = 0.1
    scores = scores.astype(case.rng.choice(FLOATS))
    how = {"diagonal": diagonal}
    with backends.use_backend(backend):
        values = backends.interpolate(scores, case.phi, case.size, **how)
        corners = backends.triangles(case.phi, case.size, **how)
        faces, _ = backends.rasterize(case.phi, case.size, **how)
    for n in range(len(scores)):
        at_corners = scores[n].reshape(3, -1)[:, corners[n][faces[n]]]
        assert (values[n] >= at_corners.min(-1)).all()
        assert (values[n] <= at_corners.max(-1)).all()


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [(97, 203), (64, 64), (300, 41)])
def test_scores_of_0_and_1_stay_between(backend: str, size: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for shape in ((17, 17), (9, 14), (30, 5)):
        scores = rng.integers(0, 2, (1, 4, *shape)).astype(dtype)
        for kind in ("uniform", "moved"):
            with backends.use_backend(backend):
                values = backends.interpolate(scores, grids(kind, shape, size), size)
            assert values.min() == 0
            assert values.max() == 1


@every_backend
@given(
    seed=st.integers(0, 2**16),
    shape=st.tuples(st.integers(2, 20), st.integers(2, 20)),
    lam=st.sampled_from([0.0, 1e-3, 0.5, 1.0, 30.0, 1e4]),
    dtype=st.sampled_from(FLOATS),
    inside=st.booleans(),
)
def test_a_solution_stays_in_the_range_of_its_targets(
    backend: str, seed: int, shape: tuple[int, int], lam: float, dtype: Any, inside: bool
) -> None:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, (2, 2, *shape)) if seed % 2 else rng.random((2, 2, *shape))
    targets = np.asarray(targets if inside else 3 * targets - 1, dtype)
    with backends.use_backend(backend):
        solved = backends.solve_sampling(targets, lam=lam)
    axes = (2, 3)
    assert (solved >= np.minimum(targets.min(axes, keepdims=True), 0)).all()
    assert (solved <= np.maximum(targets.max(axes, keepdims=True), 1)).all()


# --- One channel ----------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
def test_one_channel_is_a_logit(backend: str, dtype: Any) -> None:
    at_corners = (-1.0, 1.0, 0.0, NAN, -INF, INF)
    with backends.use_backend(backend):
        for score, label in zip(at_corners, (0, 1, 0, 0, 0, 1), strict=True):
            scores = np.full((2, 1, 3, 3), score, dtype)
            labels = backends.interpolate_argmax(scores, np.stack([uniform(3, 3)] * 2), (6, 5))
            assert labels.shape == (2, 6, 5)
            assert labels.dtype == np.uint8
            assert (labels == label).all()
        outside = backends.interpolate_argmax(
            np.ones((1, 1, 2, 2), dtype), 0.2 + 0.6 * SQUARE, (5, 5)
        )
    expected = np.full((5, 5), 255)
    expected[1:4, 1:4] = 1
    np.testing.assert_array_equal(outside[0], expected)


@every_backend
@given(case=cases(most=24))
def test_one_channel_on_any_grid(backend: str, case: Case) -> None:
    scores = case.rng.normal(size=(len(case.phi), 1, *case.phi.shape[2:])).astype(np.float32)
    with backends.use_backend("reference"):
        exact = backends.interpolate(scores.astype(np.float64), case.phi, case.size)
        uncovered = backends.rasterize(case.phi, case.size)[0] < 0
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, case.phi, case.size)
    clear = (np.abs(exact[:, 0]) > NEAR_TIE * np.abs(scores).max()) & ~uncovered
    np.testing.assert_array_equal(labels[clear], exact[:, 0][clear] > 0)
    assert (labels[uncovered] == 255).all()


# --- Numbers of threads ---------------------------------------------------------------------------

CALLS_OF_NATIVE = """
import numpy as np
from adaseg_fast import _native
phi = np.stack(np.meshgrid(*[np.linspace(0, 1, 5)] * 2, indexing="ij"))[None].repeat(3, 0)
scores = np.random.default_rng(0).normal(size=(3, 4, 5, 5)).astype(np.float32)
for threads in (1, -5, 0, 100000, 2**29, 2**30, 2**31 - 1):
    values, labels = np.empty((3, 4, 90, 70), np.float32), np.empty((3, 90, 70), np.uint8)
    solved = np.empty((3, 2, 5, 5))
    _native.interpolate(scores, phi, values, 0, threads)
    _native.interpolate_argmax(scores, phi, labels, 0, threads)
    _native.solve_sampling(phi, solved, 1.0, False, threads)
    found = [x.tobytes() for x in (values, labels, solved)]
    if threads == 1:
        first = found
    assert found == first, threads
print("same")
"""


@pytest.mark.skipif("native" not in FAST_BACKENDS, reason="the kernels are not compiled")
def test_the_native_module_bounds_threads_itself(tmp_path: Path) -> None:
    program = [sys.executable, "-c", CALLS_OF_NATIVE]
    # In a folder without a copy of the package, which would be imported.
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "same\n"), done.stderr
