# SPDX-License-Identifier: Apache-2.0
"""Eq. (2) subject to eq. (3): the energy, and the sampling tensor that minimises it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from adaseg_fast.backends import sampling_energy, solve_sampling

from helpers import LAYOUTS, Array, assert_close, assert_same, cover, uniform, with_layout

every_lam = pytest.mark.parametrize("lam", [0.0, 0.1, 1.0, 30.0])
every_shape = pytest.mark.parametrize("shape", [(2, 2), (2, 5), (4, 2), (3, 3), (8, 8), (5, 9)])


def random_targets(shape: tuple[int, int], items: int = 2, seed: int = 0) -> Array:
    return np.random.default_rng(seed).random((items, 2, *shape))


def neighbours(h: int, w: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Each unordered pair once."""
    cells = np.ndindex(h, w)
    pairs = [((i, j), (i + di, j + dj)) for i, j in cells for di, dj in ((1, 0), (0, 1))]
    return [(p, q) for p, q in pairs if q[0] < h and q[1] < w]


def slow_energy(phi: Array, targets: Array, lam: float) -> float:
    """Eq. (2) as it stands in the paper, one vertex and one pair after the other."""
    _, h, w = phi.shape
    data = sum(((phi[:, i, j] - targets[:, i, j]) ** 2).sum() for i, j in np.ndindex(h, w))
    pull = sum(((phi[:, i, j] - phi[:, k, m]) ** 2).sum() for (i, j), (k, m) in neighbours(h, w))
    return float(data + lam * pull)


def sparse_solution(targets: Array, lam: float) -> Array:
    """Where the derivative of eq. (2) by each free coordinate is 0, by SciPy's sparse solver."""
    _, h, w = targets.shape
    solution = np.empty(targets.shape)
    for axis in range(2):
        fixed = {}
        for i, j in np.ndindex(h, w):
            at, last = ((i, h - 1), (j, w - 1))[axis]
            if at in (0, last):
                fixed[i, j] = float(at == last)
        number = {place: i * w + j for place in np.ndindex(h, w) for i, j in [place]}
        entries: dict[tuple[int, int], float] = {}
        right = np.zeros(h * w)

        def add(row: int, col: int, value: float, entries: dict = entries) -> None:
            entries[row, col] = entries.get((row, col), 0.0) + value

        for place, v in number.items():
            add(v, v, 1.0)
            right[v] += fixed.get(place, targets[axis][place])
        for pair in neighbours(h, w):
            for one, other in (pair, pair[::-1]):
                if one not in fixed:
                    add(number[one], number[one], lam)
                    add(number[one], number[other], -lam)
        rows, cols = np.array(list(entries)).T
        system = coo_array((list(entries.values()), (rows, cols)), (h * w, h * w)).tocsc()
        solution[axis] = spsolve(system, right).reshape(h, w)
    return solution


# --- By hand --------------------------------------------------------------------------------------


@every_lam
def test_nothing_is_free_in_a_grid_of_two_by_two(lam: float) -> None:
    assert_same(solve_sampling(random_targets((2, 2), 1), lam), uniform(2, 2)[None])


def test_one_free_row() -> None:
    # Rows of a 3 x 2 grid: x = (b + lam (0 + 1 + other)) / (1 + 3 lam) for both columns.
    targets = np.zeros((1, 2, 3, 2))
    targets[0, 0, 1] = 0.25, 0.75
    solution = solve_sampling(targets, 1.0)
    np.testing.assert_allclose(solution[0, 0], [[0, 0], [0.45, 0.55], [1, 1]])
    np.testing.assert_allclose(solution[0, 1], [[0, 1]] * 3)


def test_energy_by_hand() -> None:
    phi = uniform(2, 3)[None]
    targets = phi + np.array([0.5, 0.25])[:, None, None]
    # Six vertices off by (1/2, 1/4); rows: 3 pairs apart by 1; columns: 4 pairs apart by 1/2.
    assert sampling_energy(phi, targets, 2.0).tolist() == [6 * (0.25 + 0.0625) + 2 * (3 + 4 * 0.25)]
    assert sampling_energy(phi, phi, 0.0).tolist() == [0.0]


# --- Layouts and types ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, dtype: Any) -> None:
    targets = with_layout(random_targets((4, 5), 3).astype(dtype), layout)
    phi = with_layout(random_targets((4, 5), 3, seed=1).astype(dtype), layout)
    solution, energy = solve_sampling(targets), sampling_energy(phi, targets)
    assert solution.shape == targets.shape
    assert (solution.dtype, energy.dtype) == (dtype, dtype)
    for n in range(len(targets)):
        assert_close(solution[n], sparse_solution(targets[n].astype(np.float64), 1.0), dtype)
        wide = phi[n].astype(np.float64), targets[n].astype(np.float64)
        assert_close(energy[n], slow_energy(*wide, 1.0), dtype, slack=5)


# --- Properties -----------------------------------------------------------------------------------


@every_lam
@every_shape
def test_energy_is_eq_2(shape: tuple[int, int], lam: float) -> None:
    phi, targets = random_targets(shape), random_targets(shape, seed=1)
    expected = [slow_energy(*pair, lam) for pair in zip(phi, targets, strict=True)]
    np.testing.assert_allclose(sampling_energy(phi, targets, lam), expected, rtol=1e-12)


@every_lam
@given(shape=st.tuples(st.integers(2, 9), st.integers(2, 9)), seed=st.integers(0, 2**16))
def test_solution_covers_and_stays_inside(lam: float, shape: tuple[int, int], seed: int) -> None:
    targets = np.random.default_rng(seed).choice([0.0, 0.5, 1.0], (2, 2, *shape))
    for dtype in (np.float64, np.float32, np.float16):
        solution = solve_sampling(targets.astype(dtype), lam)
        covering = cover(solution)
        assert_close(solution, covering)
        for axis in range(2):  # the borders are in place exactly
            for end in (0, -1):
                assert_same(
                    solution[:, axis].take(end, axis + 1), covering[:, axis].take(end, axis + 1)
                )
        alone = solve_sampling(targets[1:].astype(dtype), lam)
        assert_close(alone, solution[1:])


def test_uniform_targets_give_the_uniform_tensor() -> None:
    """It is harmonic along the axis that matters; along the other, there is nothing to smooth."""
    for lam in (0.0, 1.0, 30.0):
        np.testing.assert_allclose(solve_sampling(uniform(5, 7)[None], lam)[0], uniform(5, 7))


def test_weight_zero_follows_the_targets_and_a_large_one_the_uniform_tensor() -> None:
    targets = random_targets((6, 5))
    free = np.s_[:, :, 1:-1, 1:-1]
    np.testing.assert_allclose(solve_sampling(targets, 0.0)[free], targets[free], atol=1e-12)
    distance = np.abs(solve_sampling(targets, 1e7) - uniform(6, 5)).max()
    assert distance < 1e-5


@every_lam
@every_shape
def test_solution_is_the_minimum(shape: tuple[int, int], lam: float) -> None:
    """No move that keeps (3) lowers the energy."""
    rng = np.random.default_rng(3)
    targets = random_targets(shape)
    solution = solve_sampling(targets, lam)
    least = sampling_energy(solution, targets, lam)
    for step in (1e-3, 1e-1):
        for _ in range(5):
            moved = cover(solution + step * rng.normal(size=solution.shape))
            assert (sampling_energy(moved, targets, lam) >= least * (1 - 1e-12)).all()


# --- Outside oracles ------------------------------------------------------------------------------


@every_lam
@every_shape
def test_scipy_solves_the_same_system(shape: tuple[int, int], lam: float) -> None:
    targets = random_targets(shape)
    expected = np.stack([sparse_solution(item, lam) for item in targets])
    assert_close(solve_sampling(targets, lam), expected)


def test_scipy_finds_the_same_minimum() -> None:
    targets = random_targets((4, 5), 1, seed=5)
    free = np.ones((2, 4, 5), bool)
    free[0, [0, -1]] = free[1][:, [0, -1]] = False

    def phi_of(x: Array) -> Array:
        phi = uniform(4, 5)
        phi[free] = x
        return phi[None]

    found = minimize(
        lambda x: sampling_energy(phi_of(x), targets, 0.7)[0], np.full(free.sum(), 0.5), tol=1e-10
    )
    np.testing.assert_allclose(phi_of(found.x), solve_sampling(targets, 0.7), atol=1e-5)
