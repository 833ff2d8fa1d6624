# SPDX-License-Identifier: Apache-2.0
"""How results are compared: tolerances, equality bit for bit, labels that differ at near ties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adaseg_fast import backends
from adaseg_fast.backends import reference
from adaseg_fast.backends.logit import two_classes
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


def assert_values(values: Array, exact: Array, scores: Array) -> None:
    """Interpolated values are those of float64, NaN and infinity exactly; any ``scores``."""
    finite = np.isfinite(exact)
    np.testing.assert_array_equal(values[~finite].astype(np.float64), exact[~finite])
    largest = largest_finite(scores) or 1.0
    assert_close(values[finite].astype(np.float64) / largest, exact[finite] / largest, scores.dtype)


def largest_finite(scores: Array) -> float:
    """The largest magnitude among the finite scores."""
    return float(np.abs(scores[np.isfinite(scores)]).astype(np.float64).max(initial=0.0))


def count_flips(
    labels: Array, scores: Array, phi: Array, size: Sequence[int], diagonal: str = "delaunay"
) -> int:
    """The number of pixels whose label is not the oracle's best class. Each must be a near tie.

    A single channel is a logit.
    """
    scores = two_classes(np, scores)
    with backends.use_backend("reference"):
        faces, _ = backends.rasterize(phi, size, diagonal=diagonal)
        values = backends.interpolate(scores.astype(np.float64), phi, size, diagonal=diagonal)
    best = reference.best_class(values)
    assert labels.shape == best.shape
    assert labels.dtype == (np.uint8 if scores.shape[1] <= 256 else np.int32)
    np.testing.assert_array_equal(labels[faces < 0], 255 if labels.dtype == np.uint8 else -1)
    lost = lost_scores(np.where(faces < 0, best, labels), values)
    assert (lost < NEAR_TIE * largest_finite(scores)).all(), f"lost {lost.max()}"
    return len(lost)


def lost_scores(labels: Array, values: Array) -> Array:
    """How far labels are below the best score, for each label that is not the best class.

    Args:
        labels: (N, H, W) classes.
        values: (N, C, H, W) scores.

    Returns:
        (K,) differences of scores, for the K pixels whose label is not the best class; infinity for
        a label that is no class, and where one of the two scores is not finite.
    """
    best = reference.best_class(values)
    items, rows, cols = np.nonzero(labels != best)
    chosen = labels[items, rows, cols].astype(np.int64)
    known = (chosen >= 0) & (chosen < values.shape[1])
    top = values[items, best[items, rows, cols], rows, cols]
    won = values[items, np.where(known, chosen, 0), rows, cols]
    with np.errstate(invalid="ignore"):
        return np.where(known & np.isfinite(top) & np.isfinite(won), top - won, np.inf)
