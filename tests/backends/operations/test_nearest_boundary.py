# SPDX-License-Identifier: Apache-2.0
"""nearest_boundary, and boundary_mask where one oracle serves both."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from adaseg_fast import backends
from support.arrays import CAMVID_TARGETS, FAST_BACKENDS, LAYOUTS, Array, with_layout
from support.compare import assert_same
from support.grids import patchwork, uniform

every_backend = pytest.mark.parametrize("backend", backends.available_backends())
fast_backend = pytest.mark.parametrize("backend", FAST_BACKENDS)

LABEL_TYPES = (*"bhilqBHILQ", np.bool_)


@st.composite
def label_maps(draw: st.DrawFn, most: int = 24) -> Array:
    """(2, H, W): patches, some of them ignored, or specks, or no boundary at all."""
    size = draw(st.integers(1, most)), draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    seeds = draw(st.sampled_from((1, 2, 6, 400)))
    labels = np.stack([patchwork(rng, size, 4, seeds) for _ in range(2)])
    labels[labels == 3] = draw(st.sampled_from((3, 255)))
    return labels


class_choices = st.sampled_from((None, [], [0], [1, 2], [7]))


# --- By hand --------------------------------------------------------------------------------------


@every_backend
def test_nearest(backend: str) -> None:
    labels = np.zeros((1, 5, 5), np.uint8)
    labels[0, :, 3:] = 1  # boundary pixels: columns 2 and 3
    with backends.use_backend(backend):
        nearest = backends.nearest_boundary(labels, (3, 3))
    assert nearest.dtype == np.float32
    assert (nearest[0] * 4).tolist() == [[[0] * 3, [2] * 3, [4] * 3], [[2, 2, 3]] * 3]


@every_backend
def test_the_smallest_row_then_column_wins_a_tie(backend: str) -> None:
    labels = np.full((1, 9, 9), 255, np.uint8)
    labels[0, 0:2, 4] = 0, 1
    labels[0, 7:9, 4] = 0, 1
    labels[0, 4, 0:2] = 0, 1
    labels[0, 4, 7:9] = 0, 1
    with backends.use_backend(backend):
        nearest = backends.nearest_boundary(labels, (3, 3))
        assert (nearest[0, :, 1, 1] * 8).tolist() == [1, 4]
        labels[0, 0:2, 4] = 255
        nearest = backends.nearest_boundary(labels, (3, 3))
        assert (nearest[0, :, 1, 1] * 8).tolist() == [4, 1]


@every_backend
@pytest.mark.parametrize("width", [6, 8])
def test_points_are_rounded_to_the_even_pixel(backend: str, width: int) -> None:
    """The middle point lies between two pixels, each beside a boundary of its own."""
    middle = (width - 1) / 2
    even = int(np.rint(middle))
    labels = np.full((1, 2, width), 255, np.uint8)
    labels[0, :, even] = 0, 1
    labels[0, :, int(2 * middle) - even] = 0, 1
    with backends.use_backend(backend):
        nearest = backends.nearest_boundary(labels, (2, 3))
    assert nearest[0, 1, 0, 1] * (width - 1) == pytest.approx(even)


@every_backend
@pytest.mark.parametrize("size", [(7, 9), (1, 1), (1, 5)])
def test_without_a_boundary_the_grid_is_uniform(backend: str, size: tuple[int, int]) -> None:
    with backends.use_backend(backend):
        nearest = backends.nearest_boundary(np.full((1, *size), 3), (4, 8))
    assert_same(nearest[0], uniform(4, 8).astype(np.float32))


@every_backend
@pytest.mark.parametrize(("size", "row", "col"), [((1, 6), 0, 0.4), ((6, 1), 0.4, 0)])
def test_labels_one_pixel_wide(backend: str, size: tuple[int, int], row: float, col: float) -> None:
    labels = np.array([0, 0, 255, 1, 1, 1], np.uint8)
    labels[2] = 0
    with backends.use_backend(backend):
        nearest = backends.nearest_boundary(labels.reshape(1, *size), (2, 2))
    np.testing.assert_allclose(nearest[0, :, 0, 0], [row, col])


# --- Every backend against the oracle -------------------------------------------------------------


def check_against_reference(backend: str, labels: Array, size: Any, **options: Any) -> None:
    with backends.use_backend("reference"):
        mask = backends.boundary_mask(labels, **options)
        nearest = backends.nearest_boundary(labels, size, **options)
    with backends.use_backend(backend):
        for threads in (1, 2, 4):
            assert_same(backends.boundary_mask(labels, threads=threads, **options), mask)
            found = backends.nearest_boundary(labels, size, threads=threads, **options)
            assert_same(found, nearest)


@fast_backend
@pytest.mark.parametrize("dtype", LABEL_TYPES)
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "channels_last"])
def test_layouts(backend: str, layout: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    labels = np.stack([patchwork(rng, (21, 17)) for _ in range(3)]).astype(dtype)
    check_against_reference(backend, with_layout(labels, layout), (4, 5), classes=[1, 3])


@fast_backend
@given(labels=label_maps(), classes=class_choices)
def test_boundaries_are_those_of_reference(backend: str, labels: Array, classes: Any) -> None:
    check_against_reference(backend, labels, (4, 3), classes=classes)


@fast_backend
def test_a_large_map_on_threads(backend: str) -> None:
    labels = patchwork(np.random.default_rng(0), (300, 260), seeds=5)[None]
    check_against_reference(backend, labels, (8, 8))


# --- Properties -----------------------------------------------------------------------------------


@every_backend
@given(labels=label_maps(), classes=class_choices)
def test_items_are_independent(backend: str, labels: Array, classes: Any) -> None:
    with backends.use_backend(backend):
        mask = backends.boundary_mask(labels, classes=classes)
        nearest = backends.nearest_boundary(labels, (3, 5), classes=classes)
        for n in range(len(labels)):
            item = slice(n, n + 1)
            assert_same(backends.boundary_mask(labels[item], classes=classes), mask[item])
            alone = backends.nearest_boundary(labels[item], (3, 5), classes=classes)
            assert_same(alone, nearest[item])


# --- Outside oracle -------------------------------------------------------------------------------


def slow_mask(labels: Array, classes: Any, ignore_index: int) -> Array:
    """One pixel and one neighbour after the other."""
    height, width = labels.shape
    mask = np.zeros(labels.shape, bool)
    for row, col in np.ndindex(height, width):
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            if not (0 <= row + down < height and 0 <= col + right < width):
                continue
            pair = {int(labels[row, col]), int(labels[row + down, col + right])}
            chosen = classes is None or bool(pair & set(classes))
            mask[row, col] |= len(pair) == 2 and ignore_index not in pair and chosen
    return mask


def check_distances(labels: Array, mask: Array, nearest: Array) -> None:
    """Every point got a boundary pixel that lies as far away as SciPy says the nearest one does."""
    last = np.array(labels.shape) - 1
    h, w = nearest.shape[1:]
    rows, cols = (
        np.rint(np.arange(n) * m / (n - 1)).astype(int) for n, m in zip((h, w), last, strict=True)
    )
    expected = distance_transform_edt(~mask)[np.ix_(rows, cols)]
    found = np.rint(nearest * last[:, None, None]).astype(int)
    assert mask[tuple(found)].all()
    away = np.hypot(found[0] - rows[:, None], found[1] - cols[None, :])
    np.testing.assert_allclose(away, expected, rtol=1e-12)


@every_backend
@given(labels=label_maps(), classes=class_choices, size=st.tuples(*[st.integers(2, 9)] * 2))
def test_scipy_finds_the_same_distances(
    backend: str, labels: Array, classes: Any, size: tuple[int, int]
) -> None:
    with backends.use_backend(backend):
        mask = backends.boundary_mask(labels, classes=classes)
        nearest = backends.nearest_boundary(labels, size, classes=classes)
    for n in range(len(labels)):
        np.testing.assert_array_equal(mask[n], slow_mask(labels[n], classes, 255))
        if mask[n].any():
            check_distances(labels[n], mask[n], nearest[n])
        else:
            assert_same(nearest[n], uniform(*size).astype(np.float32))


def test_scipy_finds_the_same_distances_on_real_labels(camvid: Any) -> None:
    for name in sorted((camvid / "labels").glob("*/*.png"))[::60]:
        labels = cv2.imread(str(name), cv2.IMREAD_UNCHANGED)[None]
        for classes in (None, CAMVID_TARGETS):
            mask = backends.boundary_mask(labels, classes=classes)
            nearest = backends.nearest_boundary(labels, (16, 16), classes=classes)
            check_distances(labels[0], mask[0], nearest[0])
