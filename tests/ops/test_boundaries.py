# SPDX-License-Identifier: Apache-2.0
"""Boundaries, and eq. (2) with its minimum, on torch tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from adaseg_fast import backends, ops
from adaseg_fast.ops.boundaries import _solve_by_products
from support.compare import assert_close, assert_same
from support.grids import patchwork
from support.tensors import LAYOUTS, every_backend, in_threads, with_layout

LABEL_TYPES = (
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.bool, torch.uint16, torch.uint32, torch.uint64),
)
FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def label_maps(size: tuple[int, int] = (21, 17)) -> Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(np.stack([patchwork(rng, size) for _ in range(3)]))


def random_tensor(
    seed: int = 0, shape: tuple[int, int] = (4, 5), dtype: Any = torch.float64
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, 2, *shape, generator=generator, dtype=torch.float64).to(dtype)


# --- boundary_mask, nearest_boundary --------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("dtype", LABEL_TYPES)
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "channels_last"])
def test_boundaries_are_those_of_numpy(backend: str, layout: str, dtype: Any) -> None:
    labels = with_layout(label_maps().to(dtype), layout)
    with backends.use_backend(backend):
        for options in ({}, {"classes": [1, 3]}, {"classes": (2,), "ignore_index": 1}):
            mask = ops.boundary_mask(labels, **options)
            assert_same(mask.numpy(), backends.boundary_mask(labels.numpy(), **options))
            nearest = ops.nearest_boundary(labels, (3, 4), **options)
            expected = backends.nearest_boundary(labels.numpy(), (3, 4), **options)
            assert_same(nearest.numpy(), expected)


def test_boundaries_do_not_depend_on_threads() -> None:
    labels = label_maps((300, 260))
    results = []
    for threads in (1, 2, 4):
        with in_threads(threads):
            results.append((ops.boundary_mask(labels), ops.nearest_boundary(labels, (8, 8))))
    for again in results[1:]:
        assert all(torch.equal(*pair) for pair in zip(again, results[0], strict=True))


# --- solve_sampling -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(2, 2), (4, 5), (8, 8)])
@pytest.mark.parametrize("path", [*backends.available_backends(), "torch"])
def test_solution_is_that_of_numpy(
    path: str, shape: tuple[int, int], layout: str, dtype: Any
) -> None:
    """The way of devices without a kernel, "torch", works on the CPU as well."""
    targets = with_layout(random_tensor(shape=shape, dtype=dtype), layout)
    for lam in (0.0, 1.0, 30.0):
        if path == "torch":
            solution = _solve_by_products(targets, lam)
        else:
            with backends.use_backend(path):
                solution = ops.solve_sampling(targets, lam)
        assert (solution.shape, solution.dtype) == (targets.shape, dtype)
        expected = backends.solve_sampling(targets.double().numpy(), lam)
        assert_close(solution.double().numpy(), expected, dtype)
        borders = torch.tensor([0.0, 1.0], dtype=dtype)
        assert (solution[:, 0, [0, -1]] == borders[:, None]).all()
        assert (solution[:, 1][..., [0, -1]] == borders).all()


@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (4, 3)])
def test_solution_gradcheck(shape: tuple[int, int]) -> None:
    targets = random_tensor(shape=shape).requires_grad_()
    torch.autograd.gradcheck(lambda x: ops.solve_sampling(x, 0.7), (targets,))
    torch.autograd.gradgradcheck(lambda x: ops.solve_sampling(x, 0.7), (targets,))


def test_linear_part_by_products() -> None:
    targets = random_tensor(shape=(5, 7))
    part = torch.ops.adaseg.solve_sampling(targets, 0.7, True)
    assert_close(_solve_by_products(targets, 0.7, True).numpy(), part.numpy())


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("path", [*backends.available_backends(), "torch"])
def test_solution_stays_between_the_borders(path: str, dtype: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((8, 8), (16, 16), (5, 20)):
        for lam in (1e-3, 1.0, 100.0):
            targets = torch.randint(0, 2, (20, 2, *shape), generator=generator).to(dtype)
            targets[0], targets[1] = 0, 1
            if path == "torch":
                solution = _solve_by_products(targets, lam)
            else:
                with backends.use_backend(path):
                    solution = ops.solve_sampling(targets, lam)
            assert solution.min() == 0
            assert solution.max() == 1


def test_solution_does_not_depend_on_threads() -> None:
    targets = random_tensor(shape=(64, 48), dtype=torch.float32)
    results = []
    for threads in (1, 2, 4):
        with in_threads(threads):
            results.append(ops.solve_sampling(targets))
    assert all(torch.equal(again, results[0]) for again in results)


@pytest.mark.parametrize("dtype", FLOATS)
def test_solution_gradient_of_an_expanded_one(dtype: Any) -> None:
    targets = with_layout(random_tensor(dtype=dtype), "channels_last").requires_grad_()
    ops.solve_sampling(targets).sum().backward()
    assert targets.grad.dtype == dtype
    wide = random_tensor(dtype=dtype).double().requires_grad_()
    ops.solve_sampling(wide).backward(torch.ones(3, 2, 4, 5, dtype=torch.float64))
    assert_close(targets.grad.double().numpy(), wide.grad.numpy(), dtype)


# --- sampling_energy ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_energy_is_that_of_numpy(layout: str, dtype: Any) -> None:
    phi, targets = (with_layout(random_tensor(k, dtype=dtype), layout) for k in range(2))
    for lam in (0.0, 1.0, 30.0):
        energy = ops.sampling_energy(phi, targets, lam)
        assert energy.dtype == dtype
        arrays = phi.double().numpy(), targets.double().numpy()
        expected = backends.sampling_energy(*arrays, lam)
        assert_close(energy.double().numpy(), expected, dtype)


def test_energy_gradcheck() -> None:
    pair = random_tensor(0).requires_grad_(), random_tensor(1).requires_grad_()
    torch.autograd.gradcheck(lambda *args: ops.sampling_energy(*args, 0.7), pair)
    torch.autograd.gradgradcheck(lambda *args: ops.sampling_energy(*args, 0.7), pair)


def test_gradient_of_the_energy_is_zero_at_the_solution() -> None:
    targets = random_tensor(0)
    free = ops.solve_sampling(targets, 0.7).requires_grad_()
    ops.sampling_energy(ops.project_to_cover(free), targets, 0.7).sum().backward()
    assert_close(free.grad.numpy(), np.zeros(free.shape))
