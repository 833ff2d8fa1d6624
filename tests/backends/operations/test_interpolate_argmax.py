# SPDX-License-Identifier: Apache-2.0
"""Labels at every pixel: ``interpolate(...).argmax(1)``, lowest class on a tie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaseg_fast import backends
from support.arrays import DIAGONALS, FAST_BACKENDS, LAYOUTS, Array, with_layout
from support.compare import assert_same, count_flips
from support.grids import GRID_KINDS, Case, cases, grids, patchwork, uniform

every_backend = pytest.mark.parametrize("backend", backends.available_backends())
fast_backend = pytest.mark.parametrize("backend", FAST_BACKENDS)

SQUARE = uniform(2, 2)[None]
FLOATS = (np.float64, np.float32, np.float16)


def noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.normal(size=shape)


def smooth(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A network's: one class is far ahead nearly everywhere."""
    items, classes, h, w = shape
    labels = np.stack([patchwork(rng, (h, w), classes) for _ in range(items)])
    return 5 * (labels[:, None] == np.arange(classes)[:, None, None]) + rng.normal(size=shape)


def piecewise_constant(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Few distinct scores: many corners tie, and whole triangles do."""
    return rng.integers(0, 3, shape).astype(np.float64)


def one_hot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Of label maps: borders run half-way between vertices, through pixels and along edges."""
    items, classes, h, w = shape
    labels = np.stack([patchwork(rng, (h, w), classes) for _ in range(items)])
    return (labels[:, None] == np.arange(classes)[:, None, None]).astype(np.float64)


MAKERS = {
    "noise": noise,
    "smooth": smooth,
    "piecewise_constant": piecewise_constant,
    "one_hot": one_hot,
}
every_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


# --- By hand --------------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
def test_one_cell(backend: str, dtype: Any) -> None:
    # Class 1 is ahead where min(row, column) > 1/2, at 1/2 they tie: the lower class wins.
    scores = np.array([[[[2, 2], [2, 2]], [[0, 0], [0, 4]]]], dtype)
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, SQUARE, (5, 5))
        swapped = backends.interpolate_argmax(scores[:, ::-1], SQUARE, (5, 5))
    assert labels.dtype == np.uint8
    ahead = np.zeros((5, 5), np.uint8)
    ahead[3:, 3:] = 1
    np.testing.assert_array_equal(labels[0], ahead)
    ahead[2:, 2:] = 1
    np.testing.assert_array_equal(swapped[0], 1 - ahead)


@every_backend
def test_a_class_that_wins_only_inside(backend: str) -> None:
    """It is second at both ends of every row."""
    scores = np.array([[[[8, 0], [8, 0]], [[0, 8], [0, 8]], [[7, 7], [7, 7]]]], np.float32)
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, SQUARE, (3, 17))
    assert labels[0].tolist() == 3 * [[0, 0, 0] + 11 * [2] + [1, 1, 1]]  # ties at 2 and 14


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("seed", range(5))
def test_every_tie_where_arithmetic_is_exact(backend: str, seed: int, dtype: Any) -> None:
    """Cells of 8 x 16 pixels and small integers: nothing is rounded, and ties abound."""
    scores = np.random.default_rng(seed).integers(0, 5, (2, 6, 3, 4)).astype(dtype)
    phi, size = np.stack([uniform(3, 4)] * 2), (17, 49)
    with backends.use_backend("reference"):
        values = backends.interpolate(scores.astype(np.float64), phi, size)
    assert (np.diff(np.sort(values, 1), axis=1)[:, -1] == 0).mean() > 0.02
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, phi, size)
    np.testing.assert_array_equal(labels, values.argmax(1))


@every_backend
@pytest.mark.parametrize("make", [piecewise_constant, one_hot])
@pytest.mark.parametrize("dtype", FLOATS)
def test_negative_zero_ties_with_zero(backend: str, dtype: Any, make: Any) -> None:
    """Neither -0.0 nor 0.0 beats the other: the lowest class wins, in either order."""
    zero = np.zeros((1, 1, 3, 3), dtype)
    rng = np.random.default_rng(0)
    scores = make(rng, (2, 6, 3, 4)).astype(dtype)
    mixed = np.where((scores == 0) & (rng.random(scores.shape) < 0.5), -scores, scores)
    assert np.signbit(mixed).any()
    phi, size = np.stack([uniform(3, 4)] * 2), (17, 49)
    with backends.use_backend(backend):
        for pair in ((-zero, zero), (zero, -zero)):
            both = np.concatenate(pair, 1)
            assert not backends.interpolate_argmax(both, uniform(3, 3)[None], (17, 49)).any()
        labels = backends.interpolate_argmax(mixed, phi, size)
        expected = backends.interpolate_argmax(scores, phi, size)
    np.testing.assert_array_equal(labels, expected)


@every_backend
@pytest.mark.parametrize("size", [(6, 9), (1, 1), (1, 7), (40, 1)])
def test_all_classes_equal(backend: str, size: tuple[int, int]) -> None:
    with backends.use_backend(backend):
        for scores in (np.zeros((1, 7, 3, 3)), np.full((1, 1, 3, 3), -4.0)):
            assert not backends.interpolate_argmax(scores, uniform(3, 3)[None], size).any()


@every_backend
@pytest.mark.parametrize(
    ("classes", "dtype", "nothing"),
    [(2, np.uint8, 255), (256, np.uint8, 255), (257, np.int32, -1), (300, np.int32, -1)],
)
def test_type_and_uncovered_pixels(backend: str, classes: int, dtype: Any, nothing: int) -> None:
    scores = np.zeros((1, classes, 2, 2), np.float32)
    scores[:, -1] = 1
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, 0.2 + 0.6 * SQUARE, (5, 5))
    assert labels.dtype == dtype
    expected = np.full((5, 5), nothing)
    expected[1:4, 1:4] = classes - 1
    np.testing.assert_array_equal(labels[0], expected)


@every_backend
def test_scores_that_are_not_finite(backend: str) -> None:
    """It returns, with labels that are classes; which ones is not promised."""
    rng = np.random.default_rng(0)
    scores = noise(rng, (2, 5, 4, 4))
    scores[rng.random(scores.shape) < 0.3] = np.nan
    scores[rng.random(scores.shape) < 0.2] = np.inf
    scores[rng.random(scores.shape) < 0.2] = -np.inf
    phi = grids("moved", (4, 4), (40, 50), items=2)
    with backends.use_backend(backend), np.errstate(invalid="ignore"):
        assert backends.interpolate_argmax(scores, phi, (40, 50)).max() < 5


# --- Every backend against the oracle -------------------------------------------------------------


@fast_backend
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(backend: str, layout: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    size = (19, 14)
    phi = with_layout(grids("moved", (4, 5), size, items=3, dtype=dtype), layout)
    scores = with_layout(noise(rng, (3, 4, 4, 5)).astype(dtype), layout)
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, phi, size)
    assert count_flips(labels, scores, phi, size) <= 2


@fast_backend
@every_maker
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_labels_are_those_of_reference(backend: str, kind: str, make: Any) -> None:
    size = (70, 61)
    phi = grids(kind, (5, 6), size, items=2, dtype=np.float32)
    scores = make(np.random.default_rng(1), (2, 7, 5, 6)).astype(np.float32)
    for diagonal in DIAGONALS:
        with backends.use_backend(backend):
            labels = backends.interpolate_argmax(scores, phi, size, diagonal=diagonal)
        flips = count_flips(labels, scores, phi, size, diagonal)
        if make in (noise, smooth):  # the others tie in many pixels
            assert flips <= 2


@fast_backend
def test_borders_of_regions_through_pixels(backend: str) -> None:
    """Many at a time: that two borders meet in a pixel, and rounding might swap them, is rare."""
    rng = np.random.default_rng(0)
    for _ in range(400):
        grid, size = rng.integers(2, 34, 2), tuple(rng.integers(8, 130, 2).tolist())
        shape = (1, int(rng.integers(2, 27)), *grid.tolist())
        scores, phi = one_hot(rng, shape), uniform(*grid.tolist())[None]
        with backends.use_backend(backend):
            labels = backends.interpolate_argmax(scores, phi, size, threads=1).astype(int)
            values = backends.interpolate(scores, phi, size, threads=1)
        assert labels.max() < shape[1]
        won = np.take_along_axis(values, labels[:, None], 1)[:, 0]
        assert (values.max(1) - won).max() < 1e-12


@fast_backend
@pytest.mark.parametrize("size", [(1, 1), (9, 1), (1, 9)])
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_images_one_pixel_wide(backend: str, kind: str, size: tuple[int, int]) -> None:
    for shape in ((2, 4), (5, 3)):
        phi = grids(kind, shape, size, items=8)
        scores = noise(np.random.default_rng(2), (8, 3, *shape))
        with backends.use_backend(backend):
            labels = backends.interpolate_argmax(scores, phi, size)
        assert count_flips(labels, scores, phi, size) <= 2


@fast_backend
@every_maker
@given(case=cases(most=45), classes=st.integers(2, 40))
def test_labels_are_those_of_reference_on_any_grid(
    backend: str, make: Any, case: Case, classes: int
) -> None:
    scores = make(case.rng, (len(case.phi), classes, *case.phi.shape[2:]))
    scores = scores.astype(case.rng.choice(FLOATS))
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, case.phi, case.size)
    count_flips(labels, scores, case.phi, case.size)


@fast_backend
@every_maker
@settings(max_examples=5)
@given(case=cases())
def test_many_classes(backend: str, make: Any, case: Case) -> None:
    scores = make(case.rng, (len(case.phi), 300, *case.phi.shape[2:])).astype(np.float32)
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, case.phi, case.size)
    count_flips(labels, scores, case.phi, case.size)


@fast_backend
@given(case=cases(most=20), classes=st.integers(2, 12))
def test_equal_classes_give_way_to_the_lowest(backend: str, case: Case, classes: int) -> None:
    """Every class stands there twice: the second copy never wins, on a tie or off it."""
    scores = noise(case.rng, (len(case.phi), classes, *case.phi.shape[2:])).astype(np.float32)
    twice = np.concatenate([scores, scores], 1)
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(twice, case.phi, case.size)
        assert_same(labels, backends.interpolate_argmax(scores, case.phi, case.size))


# --- Properties -----------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("size", [(2, 2), (9, 5), (40, 23)])
def test_identity_grid(backend: str, size: tuple[int, int]) -> None:
    scores = smooth(np.random.default_rng(0), (1, 6, *size))
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, uniform(*size)[None], size)
    np.testing.assert_array_equal(labels, scores.argmax(1))


@fast_backend
@given(case=cases(most=20))
def test_items_are_independent(backend: str, case: Case) -> None:
    scores = noise(case.rng, (len(case.phi), 3, *case.phi.shape[2:])).astype(np.float32)
    with backends.use_backend(backend):
        labels = backends.interpolate_argmax(scores, case.phi, case.size)
        for n in range(len(scores)):
            item = slice(n, n + 1)
            alone = backends.interpolate_argmax(scores[item], case.phi[item], case.size)
            assert_same(alone, labels[item])


@fast_backend
@given(case=cases(most=90))
def test_threads_do_not_matter(backend: str, case: Case) -> None:
    scores = noise(case.rng, (len(case.phi), 9, *case.phi.shape[2:])).astype(np.float32)
    with backends.use_backend(backend):
        one, two, four = (
            backends.interpolate_argmax(scores, case.phi, case.size, threads=threads)
            for threads in (1, 2, 4)
        )
    assert_same(two, one)
    assert_same(four, one)
