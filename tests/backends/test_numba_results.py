# SPDX-License-Identifier: Apache-2.0
"""Results of the Numba backend where its own rules matter: shortcuts, dtypes, memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaseg_fast import backends
from support.arrays import Array
from support.compare import NEAR_TIE, assert_same, lost_scores
from support.grids import Case, cases, cover, patchwork, uniform

pytest.importorskip("numba")

from adaseg_fast.backends import numba as numba_backend
from adaseg_fast.backends.numba import geometry, runtime

# --- Labels, whether or not the most common one is filled in first --------------------------------


def check_labels(scores: Array, phi: Array, size: tuple[int, int]) -> None:
    """The argmax of the values but for near ties, and 255 where there is no triangle."""
    with backends.use_backend("numba"):
        labels = backends.interpolate_argmax(scores, phi, size)
        values = backends.interpolate(scores.astype(np.float64), phi, size)
        faces, _ = backends.rasterize(phi, size)
    assert (labels[faces < 0] == 255).all()
    inside = np.where(faces < 0, 0, labels)
    values[:, 0][faces < 0] = 1 + values.max(initial=0)
    assert (lost_scores(inside, values) < NEAR_TIE * np.abs(scores).max()).all()


@given(case=cases(most=120), classes=st.integers(2, 40), patches=st.integers(1, 9))
def test_labels_are_the_argmax_of_the_values(case: Case, classes: int, patches: int) -> None:
    shape = case.phi.shape[2:]
    best = patchwork(case.rng, shape, classes, patches) == np.arange(classes)[:, None, None]
    scores = case.rng.normal(size=(len(case.phi), classes, *shape)) + 6 * best
    check_labels(scores.astype(np.float32), case.phi, case.size)


@pytest.mark.parametrize("seed", range(10))
def test_a_turned_over_cell_in_a_plain_grid(seed: int) -> None:
    """Some pixels have several triangles then, so that all of them are painted in order."""
    rng = np.random.default_rng(seed)
    phi = uniform(12, 12)
    phi[:, rng.integers(1, 11), rng.integers(1, 11)] += rng.normal(0, 0.15, 2)
    best = patchwork(rng, (12, 12), 6, 6) == np.arange(6)[:, None, None]
    scores = (rng.normal(size=(1, 6, 12, 12)) + 6 * best).astype(np.float32)
    check_labels(scores, cover(phi)[None], (150, 170))


@pytest.mark.parametrize("width", [1, 15, 16, 17, 33, 200])
@pytest.mark.parametrize("shape", [(2, 2), (2, 40), (3, 5)])
def test_nothing_is_written_beyond_the_output(width: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    phi = cover(uniform(*shape) + rng.normal(0, 0.1 / max(shape), (2, *shape)))[None]
    scores = rng.normal(size=(1, 3, *shape))
    memory = np.full(64 + 3 * 5 * width, 9.0)
    numba_backend.interpolate(scores, phi, memory[32:-32].reshape(1, 3, 5, width), 0, 1)
    with backends.use_backend("reference"):
        values = backends.interpolate(scores, phi, (5, width))
    np.testing.assert_allclose(memory[32:-32], values.reshape(-1), rtol=0, atol=1e-12)
    assert (memory[:32] == 9).all()
    assert (memory[-32:] == 9).all()


def test_halves_are_computed_in_float32(recwarn: pytest.WarningsRecorder) -> None:
    """And rounded once; what is beyond the range of float16 becomes infinity."""
    phi = uniform(2, 2)[None]
    scores = np.array([[[[0, 1], [2, 3]], [[65504, 65504], [65504, 65504]]]], np.float16)
    with backends.use_backend("numba"):
        values = backends.interpolate(scores, phi, (7, 7))
        wide = backends.interpolate(scores.astype(np.float32), phi, (7, 7))
    assert_same(values, wide.astype(np.float16))
    beyond = np.empty(4, np.float16)
    runtime.store(np.array([65519, 65520, -1e30, np.nan], np.float32), beyond)
    np.testing.assert_array_equal(beyond, np.float32([65504, np.inf, -np.inf, np.nan]))
    assert not recwarn


def test_wide_products() -> None:
    """Which diagonal is Delaunay's is decided by products of more than 64 bits."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        p, s = (int(x) for x in rng.integers(0, 1 << 62, 2) >> rng.integers(0, 62, 2))
        q, t = (int(x) for x in rng.integers(-(1 << 62), 1 << 62, 2) >> rng.integers(0, 62, 2))
        for pair in ((q, t), (q, -q), (-t, t)):
            found = geometry.sum_of_products_nonnegative(p, pair[0], s, pair[1])
            assert found == (p * pair[0] + s * pair[1] >= 0)
        assert geometry.sum_of_products_nonnegative(p, q, abs(q), p if q < 0 else -p)


def test_types_that_are_not_supported() -> None:
    with backends.use_backend("numba"):
        for dtype in (np.complex64, "datetime64[s]"):
            with pytest.raises(TypeError, match=r"arrays of dtype .* are not supported"):
                backends.sample(np.zeros((1, 1, 2, 2), dtype), uniform(2, 2)[None])
        long = uniform(2, 2)[None].astype(np.longdouble)
        if long.itemsize > 8:
            with pytest.raises(TypeError, match=r"arrays of dtype .* are not supported"):
                backends.triangles(long, (3, 3))


def test_classes_of_any_kind_of_sequence() -> None:
    """As the compiled module takes them: an array too, and no number that is not an integer."""
    labels = patchwork(np.random.default_rng(0), (20, 20))[None]
    with backends.use_backend("numba"):
        expected = backends.boundary_mask(labels, classes=[1, 3])
        for classes in ((1, 3), np.array([1, 3]), np.array([3, 1], np.uint8)):
            assert_same(backends.boundary_mask(labels, classes=classes), expected)
        assert not backends.boundary_mask(labels, classes=np.array([], np.int64)).any()
        for wrong in ({"classes": [1.5]}, {"classes": 3}, {"ignore_index": 2.0}):
            with pytest.raises(TypeError):
                backends.boundary_mask(labels, **wrong)
            with pytest.raises(TypeError):
                backends.nearest_boundary(labels, (3, 3), **wrong)
