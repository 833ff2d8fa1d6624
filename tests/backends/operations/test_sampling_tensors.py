# SPDX-License-Identifier: Apache-2.0
"""uniform_sampling_tensor, resize_sampling_tensor and project_to_cover on NumPy arrays.

They are compared with torch's own bilinear interpolation and with ``adaseg_fast.ops``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from adaseg_fast import backends, ops
from support.arrays import LAYOUTS, Array, with_layout
from support.compare import assert_close, assert_same
from support.grids import GRID_KINDS, cover, grids

FLOATS = (np.float64, np.float32, np.float16)
shapes = st.tuples(st.integers(2, 40), st.integers(2, 40))


def moved(shape: tuple[int, int] = (4, 5), dtype: Any = np.float64) -> Array:
    """Three sampling tensors that reach beyond [0, 1]."""
    rng = np.random.default_rng(0)
    return (grids("uniform", shape, (9, 9), items=3) + rng.normal(0, 0.3, (3, 2, *shape))).astype(
        dtype
    )


# --- uniform_sampling_tensor ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [(2, 2), (3, 7), (128, 101)])
def test_uniform_is_that_of_torch(size: tuple[int, int], dtype: Any) -> None:
    found = backends.uniform_sampling_tensor(size, batch_size=3, dtype=dtype)
    kind = getattr(torch, np.dtype(dtype).name)
    assert_same(found, ops.uniform_sampling_tensor(size, batch_size=3, dtype=kind).numpy())


def test_uniform_by_hand() -> None:
    found = backends.uniform_sampling_tensor([2, 5])
    assert found.shape == (1, 2, 2, 5) and found.dtype == np.float32
    assert found[0, 0].tolist() == [[0.0] * 5, [1.0] * 5]
    assert found[0, 1].tolist() == [[0.0, 0.25, 0.5, 0.75, 1.0]] * 2
    assert backends.uniform_sampling_tensor((2, 2), batch_size=0).shape == (0, 2, 2, 2)


def test_uniform_errors() -> None:
    with pytest.raises(TypeError, match=r"uniform_sampling_tensor: dtype must be .* got int64"):
        backends.uniform_sampling_tensor((3, 3), dtype=np.int64)
    with pytest.raises(ValueError, match="batch_size must not be negative, got -1"):
        backends.uniform_sampling_tensor((3, 3), batch_size=-1)


# --- resize_sampling_tensor -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [(4, 5), (2, 2), (9, 3), (3, 9), (64, 37)])
def test_resize_is_that_of_torch(size: tuple[int, int], dtype: Any) -> None:
    phi = moved(dtype=dtype)
    found = backends.resize_sampling_tensor(phi, size)
    expected = ops.resize_sampling_tensor(torch.from_numpy(phi), size).numpy()
    assert found.dtype == expected.dtype
    assert_close(found, expected)
    wide = torch.from_numpy(phi).double()
    bilinear = F.interpolate(wide, size, mode="bilinear", align_corners=True)
    assert_close(found, bilinear, slack=2)


@given(shape=shapes, size=shapes, seed=st.integers(0, 99))
def test_resize_keeps_the_covering_constraints(
    shape: tuple[int, int], size: tuple[int, int], seed: int
) -> None:
    phi = grids("moved", shape, (9, 9), seed=seed, dtype=np.float32)
    found = backends.resize_sampling_tensor(phi, size)
    assert_same(found, cover(found.copy()))


@given(shape=shapes, size=shapes, value=st.floats(0, 1, width=32))
def test_resize_keeps_what_is_equal(
    shape: tuple[int, int], size: tuple[int, int], value: float
) -> None:
    phi = np.full((1, 2, *shape), value, np.float32)
    assert_same(
        backends.resize_sampling_tensor(phi, size), np.full((1, 2, *size), value, np.float32)
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str) -> None:
    phi = with_layout(moved(), layout)
    plain = np.ascontiguousarray(phi)
    assert_same(
        backends.resize_sampling_tensor(phi, (7, 3)), backends.resize_sampling_tensor(plain, (7, 3))
    )
    assert_same(backends.project_to_cover(phi), backends.project_to_cover(plain))


def test_other_byte_order() -> None:
    phi = moved()
    swapped = phi.astype(phi.dtype.newbyteorder())
    assert_same(
        backends.resize_sampling_tensor(swapped, (6, 6)),
        backends.resize_sampling_tensor(phi, (6, 6)),
    )
    assert_same(backends.project_to_cover(swapped), backends.project_to_cover(phi))


# --- project_to_cover -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(2, 2), (4, 5), (3, 30)])
def test_projection_is_that_of_torch(shape: tuple[int, int], dtype: Any) -> None:
    phi = moved(shape, dtype)
    before = phi.copy()
    found = backends.project_to_cover(phi)
    assert_same(found, ops.project_to_cover(torch.from_numpy(phi)).numpy())
    assert_same(found, cover(phi.copy()))
    assert_same(phi, before)


@pytest.mark.parametrize("kind", GRID_KINDS)
def test_projection_leaves_what_covers(kind: str) -> None:
    phi = grids(kind, (5, 6), (9, 11), items=2)
    assert_same(backends.project_to_cover(phi), phi)


# --- All that a frame passes through --------------------------------------------------------------


def test_the_steps_of_the_paper_are_those_of_torch() -> None:
    """Boundary points, eq. (2), Fig. 5, eq. (1), sec. 3.3, each from the result of the last."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, (1, 6, 8)).repeat(8, 1).repeat(8, 2).astype(np.uint8)
    image = rng.integers(0, 256, (1, 3, 48, 64), np.uint8)
    results = []
    for face, wrap in ((backends, lambda x: x), (ops, torch.from_numpy)):
        phi = face.solve_sampling(face.nearest_boundary(wrap(labels), (8, 8)))
        phi = face.resize_sampling_tensor(face.project_to_cover(phi), (16, 12))
        small = face.sample(wrap(image), phi, mean=[1, 2, 3], std=[4, 5, 6])
        full = face.interpolate(small, phi, (48, 64))
        results.append([np.asarray(x) for x in (phi, small, full)])
    for one, other in zip(*results, strict=True):
        assert_close(one, other, slack=10)
