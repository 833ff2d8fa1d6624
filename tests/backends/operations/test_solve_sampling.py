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

from adaseg_fast import backends
from adaseg_fast.backends import energy, sampling_energy
from support.arrays import LAYOUTS, Array, with_layout
from support.compare import assert_close, assert_same
from support.grids import cover, uniform

every_backend = pytest.mark.parametrize("backend", backends.available_backends())
every_lam = pytest.mark.parametrize("lam", [0.0, 0.1, 1.0, 30.0])
every_shape = pytest.mark.parametrize("shape", [(2, 2), (2, 5), (4, 2), (3, 3), (8, 8), (5, 9)])


def solve_sampling(backend: str, targets: Array, lam: float = 1.0, **options: Any) -> Array:
    with backends.use_backend(backend):
        return backends.solve_sampling(targets, lam, **options)


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


@every_backend
@every_lam
def test_nothing_is_free_in_a_grid_of_two_by_two(backend: str, lam: float) -> None:
    assert_same(solve_sampling(backend, random_targets((2, 2), 1), lam), uniform(2, 2)[None])


@every_backend
def test_one_free_row(backend: str) -> None:
    # Rows of a 3 x 2 grid: x = (b + lam (0 + 1 + other)) / (1 + 3 lam) for both columns.
    targets = np.zeros((1, 2, 3, 2))
    targets[0, 0, 1] = 0.25, 0.75
    solution = solve_sampling(backend, targets, 1.0)
    np.testing.assert_allclose(solution[0, 0], [[0, 0], [0.45, 0.55], [1, 1]])
    np.testing.assert_allclose(solution[0, 1], [[0, 1]] * 3)


def test_energy_by_hand() -> None:
    phi = uniform(2, 3)[None]
    targets = phi + np.array([0.5, 0.25])[:, None, None]
    # Six vertices off by (1/2, 1/4); rows: 3 pairs apart by 1; columns: 4 pairs apart by 1/2.
    assert sampling_energy(phi, targets, 2.0).tolist() == [6 * (0.25 + 0.0625) + 2 * (3 + 4 * 0.25)]
    assert sampling_energy(phi, phi, 0.0).tolist() == [0.0]


# --- Layouts and types ----------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(backend: str, layout: str, dtype: Any) -> None:
    targets = with_layout(random_targets((4, 5), 3).astype(dtype), layout)
    phi = with_layout(random_targets((4, 5), 3, seed=1).astype(dtype), layout)
    solution, energy = solve_sampling(backend, targets), sampling_energy(phi, targets)
    assert solution.shape == targets.shape
    assert (solution.dtype, energy.dtype) == (dtype, dtype)
    for n in range(len(targets)):
        assert_close(solution[n], sparse_solution(targets[n].astype(np.float64), 1.0), dtype)
        wide = phi[n].astype(np.float64), targets[n].astype(np.float64)
        assert_close(energy[n], slow_energy(*wide, 1.0), dtype)


@every_backend
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_linear_part(backend: str, dtype: Any) -> None:
    """What the targets contribute to the solution, with nothing from the fixed borders."""
    targets = with_layout(random_targets((4, 6), 3).astype(dtype), "transposed")
    part = np.empty(targets.shape, dtype)
    with backends.use_backend(backend):
        backends.kernels().solve_sampling(targets, part, 0.7, True, 1)
    wide = targets.astype(np.float64)
    expected = [sparse_solution(x, 0.7) - sparse_solution(0 * x, 0.7) for x in wide]
    assert_close(part, np.stack(expected))
    for axis in range(2):
        assert not part[:, axis].take([0, -1], axis + 1).any()


# --- Properties -----------------------------------------------------------------------------------


@every_lam
@every_shape
def test_energy_is_eq_2(shape: tuple[int, int], lam: float) -> None:
    phi, targets = random_targets(shape), random_targets(shape, seed=1)
    expected = [slow_energy(*pair, lam) for pair in zip(phi, targets, strict=True)]
    np.testing.assert_allclose(sampling_energy(phi, targets, lam), expected, rtol=1e-12)


@every_backend
@every_lam
@given(shape=st.tuples(st.integers(2, 9), st.integers(2, 9)), seed=st.integers(0, 2**16))
def test_solution_covers_and_stays_inside(
    backend: str, lam: float, shape: tuple[int, int], seed: int
) -> None:
    targets = np.random.default_rng(seed).choice([0.0, 0.5, 1.0], (2, 2, *shape))
    for dtype in (np.float64, np.float32, np.float16):
        solution = solve_sampling(backend, targets.astype(dtype), lam)
        covering = cover(solution)
        assert_close(solution, covering)
        for axis in range(2):  # the borders are in place exactly
            for end in (0, -1):
                assert_same(
                    solution[:, axis].take(end, axis + 1), covering[:, axis].take(end, axis + 1)
                )
        alone = solve_sampling(backend, targets[1:].astype(dtype), lam)
        assert_close(alone, solution[1:])


@every_backend
@pytest.mark.parametrize("shape", [(8, 8), (3, 40), (21, 2)])
def test_items_and_threads_change_nothing(backend: str, shape: tuple[int, int]) -> None:
    targets = random_targets(shape, 301).astype(np.float32)  # enough to be worth threads
    alone = [solve_sampling(backend, item[None], threads=1) for item in targets[:5]]
    first = solve_sampling(backend, targets, threads=1)
    assert_close(first[:5], np.concatenate(alone))
    for threads in (2, 3, 4):
        assert_same(solve_sampling(backend, targets, threads=threads), first)
    if backend != "reference":  # there, the order of sums depends on the size of the batch
        assert_same(first[:5], np.concatenate(alone))


@every_backend
def test_uniform_targets_give_the_uniform_tensor(backend: str) -> None:
    """It is harmonic along the axis that matters; along the other, there is nothing to smooth."""
    for lam in (0.0, 1.0, 30.0):
        np.testing.assert_allclose(
            solve_sampling(backend, uniform(5, 7)[None], lam)[0], uniform(5, 7)
        )


@every_backend
def test_weight_zero_follows_the_targets_and_a_large_one_the_uniform_tensor(backend: str) -> None:
    targets = random_targets((6, 5))
    free = np.s_[:, :, 1:-1, 1:-1]
    np.testing.assert_allclose(
        solve_sampling(backend, targets, 0.0)[free], targets[free], atol=1e-12
    )
    distance = np.abs(solve_sampling(backend, targets, 1e7) - uniform(6, 5)).max()
    assert distance < 1e-5


@every_backend
@every_lam
@every_shape
def test_solution_is_the_minimum(backend: str, shape: tuple[int, int], lam: float) -> None:
    """No move that keeps (3) lowers the energy."""
    rng = np.random.default_rng(3)
    targets = random_targets(shape)
    solution = solve_sampling(backend, targets, lam)
    least = sampling_energy(solution, targets, lam)
    for step in (1e-3, 1e-1):
        for _ in range(5):
            moved = cover(solution + step * rng.normal(size=solution.shape))
            assert (sampling_energy(moved, targets, lam) >= least * (1 - 1e-12)).all()


# --- Outside oracles ------------------------------------------------------------------------------


@every_backend
@every_lam
@every_shape
def test_scipy_solves_the_same_system(backend: str, shape: tuple[int, int], lam: float) -> None:
    targets = random_targets(shape)
    expected = np.stack([sparse_solution(item, lam) for item in targets])
    assert_close(solve_sampling(backend, targets, lam), expected)


@every_backend
@pytest.mark.parametrize("shape", [(64, 64), (33, 70), (19, 130)])
def test_large_grids(backend: str, shape: tuple[int, int]) -> None:
    for lam in (0.3, 1e4):
        targets = random_targets(shape, 3)
        expected = energy.solve_sampling(targets, lam)
        if lam < 1:  # of larger ones, the sparse solver is too rough an oracle
            assert_close(expected[0], sparse_solution(targets[0], lam))
        assert_close(solve_sampling(backend, targets, lam), expected)
        single = solve_sampling(backend, targets.astype(np.float32), lam)
        assert_close(single, expected)


@every_backend
def test_one_grid_after_another(backend: str) -> None:
    """Factors that are kept are those of the size and weight asked for."""
    for shape in ((5, 4), (4, 5), (5, 5), (5, 4)):
        for lam in (1.0, 0.5, 1.0):
            targets = random_targets(shape)
            expected = energy.solve_sampling(targets, lam)
            assert_close(solve_sampling(backend, targets, lam), expected)


@every_backend
def test_scipy_finds_the_same_minimum(backend: str) -> None:
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
    np.testing.assert_allclose(phi_of(found.x), solve_sampling(backend, targets, 0.7), atol=1e-5)
