# SPDX-License-Identifier: Apache-2.0
"""Gradients of interpolation to scores and to positions, of every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from adaseg_fast import backends
from adaseg_fast.backends.specs import DIAGONALS as RULES
from support.arrays import DIAGONALS, FAST_BACKENDS, LAYOUTS, Array, with_layout
from support.compare import assert_close, assert_same
from support.grids import GRID_KINDS, Case, cases, grids, uniform

every_backend = pytest.mark.parametrize("backend", backends.available_backends())
fast_backend = pytest.mark.parametrize("backend", FAST_BACKENDS)

FLOATS = (np.float64, np.float32, np.float16)


def gradients(
    backend: str,
    grad: Array,
    scores: Array,
    phi: Array,
    *,
    diagonal: str = "delaunay",
    threads: int = 1,
) -> tuple[Array, Array]:
    to_scores, to_phi = np.empty(scores.shape, scores.dtype), np.empty(phi.shape, phi.dtype)
    with backends.use_backend(backend):
        backends.kernels().interpolate_backward(
            grad, scores, phi, to_scores, to_phi, RULES[diagonal], threads
        )
    return to_scores, to_phi


# --- By hand --------------------------------------------------------------------------------------


@every_backend
def test_one_pixel(backend: str) -> None:
    # Main diagonal, scores 4 at the lower right: the value is 4 min(row, column).
    phi, scores = uniform(2, 2)[None], np.array([[[[0.0, 0], [0, 4]]]])
    grad = np.zeros((1, 1, 5, 5))
    grad[0, 0, 1, 2] = 8  # row 1/4, column 1/2: corners (0, 0), (0, 1), (1, 1)
    to_scores, to_phi = gradients(backend, grad, scores, phi)
    assert to_scores[0, 0].tolist() == [[4, 2], [0, 2]]
    assert to_phi[0, 0].tolist() == [[-16, -8], [0, -8]]  # -weight * (4, 0) * 8
    assert not to_phi[0, 1].any()


@every_backend
def test_only_what_is_asked_for(backend: str) -> None:
    phi, scores = uniform(2, 2)[None], np.array([[[[0.0, 0], [0, 4]]]])
    grad = np.ones((1, 1, 5, 5))
    both = gradients(backend, grad, scores, phi)
    for k in range(2):
        alone = [None, None]
        alone[k] = np.empty_like(both[k])
        with backends.use_backend(backend):
            backends.kernels().interpolate_backward(grad, scores, phi, *alone, 0, 1)
        assert_same(alone[k], both[k])


@every_backend
def test_clamped_positions_get_no_gradient(backend: str) -> None:
    phi, scores = uniform(2, 2)[None], np.array([[[[0.0, 1], [2, 4]]]])
    inside = gradients(backend, np.ones((1, 1, 5, 5)), scores, phi)
    phi[0, 0, 1, 1] = 1.25
    outside = gradients(backend, np.ones((1, 1, 5, 5)), scores, phi)
    assert inside[1][0, 0, 1, 1] != 0
    inside[1][0, 0, 1, 1] = 0
    for found, expected in zip(outside, inside, strict=True):
        assert_same(found, expected)


@every_backend
@pytest.mark.parametrize("kind", ["moved", "folded", "duplicated"])
def test_finite_differences(backend: str, kind: str) -> None:
    """Central differences; a vertex whose move changes an owner near a pixel cannot be asked."""
    rng = np.random.default_rng(7)
    size, step = (11, 13), 1e-6
    phi = grids(kind, (3, 4), size, seed=4)
    scores, grad = rng.normal(size=(1, 2, 3, 4)), rng.normal(size=(1, 2, *size))
    found = gradients(backend, grad, scores, phi)

    def loss(scores: Array, phi: Array) -> tuple[float, Array]:
        faces, _ = backends.rasterize(phi, size)
        return float((backends.interpolate(scores, phi, size) * grad).sum()), faces

    asked = 0
    with backends.use_backend("reference"):
        owners = loss(scores, phi)[1]
        for which, array in enumerate((scores, phi)):
            for place in np.ndindex(array.shape):
                results = []
                for sign in (1, -1):
                    moved = [scores.copy(), phi.copy()]
                    moved[which][place] += sign * step
                    results.append((*loss(*moved), moved[1]))
                same = all((faces == owners).all() for _, faces, _ in results)
                if not same or any(p.min() < 0 or p.max() > 1 for _, _, p in results):
                    continue
                asked += which
                slope = (results[0][0] - results[1][0]) / (2 * step)
                assert found[which][place] == pytest.approx(slope, rel=2e-3, abs=2e-3)
    assert asked >= 3


# --- Every backend against the oracle -------------------------------------------------------------


@fast_backend
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(backend: str, layout: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    size = (19, 14)
    phi = with_layout(grids("moved", (4, 5), size, items=3, dtype=dtype), layout)
    scores = with_layout(rng.normal(size=(3, 2, 4, 5)).astype(dtype), layout)
    grad = with_layout(rng.normal(size=(3, 2, *size)).astype(dtype), layout)
    found = gradients(backend, grad, scores, phi)
    expected = gradients("reference", grad, scores, phi)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype
        assert_close(one, other)


@fast_backend
@pytest.mark.parametrize("diagonal", DIAGONALS)
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_gradients_are_those_of_reference(backend: str, kind: str, diagonal: str) -> None:
    rng = np.random.default_rng(1)
    phi = grids(kind, (5, 6), (40, 35), items=2)
    scores, grad = rng.normal(size=(2, 3, 5, 6)), rng.normal(size=(2, 3, 40, 35))
    found = gradients(backend, grad, scores, phi, diagonal=diagonal)
    expected = gradients("reference", grad, scores, phi, diagonal=diagonal)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, slack=10)


@fast_backend
@given(case=cases(most=20))
def test_gradients_are_those_of_reference_on_any_grid(backend: str, case: Case) -> None:
    scores = case.rng.normal(size=(len(case.phi), 2, *case.phi.shape[2:]))
    grad = case.rng.normal(size=(len(case.phi), 2, *case.size))
    # Thin triangles have steep planes, which 16 bits cannot hold.
    phi = case.phi.astype(np.float64)
    found, expected = (gradients(name, grad, scores, phi) for name in (backend, "reference"))
    assert_close(found[0], expected[0], slack=10)
    if case.kind != "slivers":  # there, the oracle's own linear system is too badly conditioned
        assert_close(found[1], expected[1], slack=1000)


# --- Properties -----------------------------------------------------------------------------------


@every_backend
@given(case=cases(most=20))
def test_gradient_to_scores_is_the_transpose(backend: str, case: Case) -> None:
    scores = case.rng.normal(size=(len(case.phi), 2, *case.phi.shape[2:]))
    grad = case.rng.normal(size=(len(case.phi), 2, *case.size))
    to_scores, _ = gradients(backend, grad, scores, case.phi)
    with backends.use_backend(backend):
        values = backends.interpolate(scores, case.phi, case.size)
    forward = (values * grad).sum((1, 2, 3))
    assert_close((scores * to_scores).sum((1, 2, 3)), forward, slack=100)


@fast_backend
@given(case=cases(most=60))
def test_threads_and_repetition_do_not_matter(backend: str, case: Case) -> None:
    scores = case.rng.normal(size=(len(case.phi), 2, *case.phi.shape[2:])).astype(np.float32)
    grad = case.rng.normal(size=(len(case.phi), 2, *case.size)).astype(np.float32)
    first = gradients(backend, grad, scores, case.phi)
    for threads in (1, 2, 4):
        again = gradients(backend, grad, scores, case.phi, threads=threads)
        for one, other in zip(first, again, strict=True):
            assert_same(one, other)
