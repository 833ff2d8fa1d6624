# SPDX-License-Identifier: Apache-2.0
"""How results are compared: tolerances, equality bit for bit, labels that differ at near ties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adaseg_fast import backends
from support.arrays import Array

# For a result computed once and rounded to this type, relative to the largest expected magnitude.
TOLERANCES = {"float64": 1e-12, "float32": 2e-6, "float16": 1e-3, "bfloat16": 8e-3}
# Vertices are snapped to the lattice, which changes the value of a steep triangle at a pixel.
LATTICE_TOLERANCE = 1e-5
# interpolate_argmax may exchange the two best classes if their scores differ by less than this,
# relative to the largest score.
NEAR_TIE = 1e-5


def assert_close(actual: Any, expected: Any, dtype: Any = None, slack: float = 1.0) -> None:
    """Equal within the tolerance of ``dtype``, ``actual``'s own by default, times ``slack``."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    name = str(actual.dtype if dtype is None else dtype).removeprefix("torch.")
    name = name if name in TOLERANCES else np.dtype(dtype).name
    assert actual.shape == expected.shape
    wide, wanted = actual.astype(np.float64), expected.astype(np.float64)
    largest = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    np.testing.assert_allclose(wide, wanted, rtol=0, atol=TOLERANCES[name] * largest * slack)


def assert_same(actual: Array, expected: Array) -> None:
    """Equal bit for bit, in type and shape too."""
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    assert actual.tobytes() == expected.tobytes()


def count_flips(
    labels: Array, scores: Array, phi: Array, size: Sequence[int], diagonal: str = "delaunay"
) -> int:
    """The number of pixels whose label is not the oracle's argmax. Each must be a near tie."""
    with backends.use_backend("reference"):
        corners = backends.triangles(phi, size, diagonal=diagonal)
        faces, weights = backends.rasterize(phi.astype(np.float64), size, diagonal=diagonal)
    values = np.empty((*scores.shape[:2], *size))
    for n, item in enumerate(scores.astype(np.float64)):
        at_corners = item.reshape(len(item), -1)[:, corners[n][faces[n]]]
        values[n] = np.einsum("chwk,khw->chw", at_corners, weights[n])
    best = values.argmax(1)
    assert labels.shape == best.shape
    assert labels.dtype == (np.uint8 if scores.shape[1] <= 256 else np.int32)
    np.testing.assert_array_equal(labels[faces < 0], 255 if labels.dtype == np.uint8 else -1)
    lost = lost_scores(np.where(faces < 0, best, labels), values)
    assert (lost < NEAR_TIE * np.abs(scores).max(initial=0.0)).all(), f"lost {lost.max()}"
    return len(lost)


def lost_scores(labels: Array, values: Array) -> Array:
    """How far labels are below the best score, for each label that is not the argmax.

    Args:
        labels: (N, H, W) classes.
        values: (N, C, H, W) scores.

    Returns:
        (K,) differences of scores, for the K pixels whose label is not the argmax; infinity for a
        label that is no class.
    """
    items, rows, cols = np.nonzero(labels != values.argmax(1))
    chosen = labels[items, rows, cols].astype(np.int64)
    known = (chosen >= 0) & (chosen < values.shape[1])
    lost = values.max(1)[items, rows, cols]
    lost -= values[items, np.where(known, chosen, 0), rows, cols]
    return np.where(known, lost, np.inf)
