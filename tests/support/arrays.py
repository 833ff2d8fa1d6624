# SPDX-License-Identifier: Apache-2.0
"""What tests of operations share: backends, memory layouts, and the folder of CamVid frames."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adaseg_fast import backends

Array = NDArray[Any]
Generator = np.random.Generator

CAMVID = Path(
    os.environ.get("ADASEG_CAMVID", Path(__file__).resolve().parents[3] / "shared" / "camvid")
)
CAMVID_TARGETS = (2, 6, 8, 9, 10)  # pole, sign, car, pedestrian, bicyclist
needs_camvid = pytest.mark.skipif(
    not CAMVID.is_dir(), reason="no CamVid frames: set ADASEG_CAMVID to their folder"
)

# Backends to compare with the oracle. If there is none, tests over this tuple skip visibly.
FAST_BACKENDS = tuple(name for name in backends.available_backends() if name != "reference")
DIAGONALS = ("delaunay", "main", "anti")

LAYOUTS = ("contiguous", "transposed", "channels_last", "sliced", "reversed", "expanded", "empty")


def with_layout(array: Array, layout: str) -> Array:
    """``array`` in another memory layout.

    The values stay the same, except for "expanded" (all items equal the first) and "empty" (no
    item is left).
    """
    if layout == "transposed":
        return np.ascontiguousarray(array.swapaxes(-1, -2)).swapaxes(-1, -2)
    if layout == "channels_last":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)
    if layout == "sliced":
        wide = np.zeros([2 * n + 1 for n in array.shape], array.dtype)
        view = wide[tuple(slice(1, None, 2) for _ in array.shape)]
        view[...] = array
        return view
    if layout == "reversed":
        every = (slice(None, None, -1),) * array.ndim
        return np.ascontiguousarray(array[every])[every]
    if layout == "expanded":
        return np.broadcast_to(array[:1], array.shape)
    return {"contiguous": array, "empty": array[:0]}[layout]


def special_scores(rng: Generator, shape: Sequence[int], dtype: Any) -> Array:
    """Scores of which some are infinite, NaN or as large as the type allows; classes ruled out."""
    scores = rng.normal(size=shape)
    largest = float(np.finfo(dtype).max)
    if rng.random() < 0.3:
        scores = np.clip(scores, -4, 4) * (largest / 4)
    special = (-np.inf, np.inf, np.nan, -largest, largest, 0.6 * largest, 0.0)
    for value in rng.choice(special, rng.integers(1, 4), replace=False):
        scores[rng.random(shape) < rng.choice([0.02, 0.2])] = value
    scores[:, rng.random(shape[1]) < 0.2] = -np.inf
    finite = np.isfinite(scores)
    return np.where(finite, np.clip(scores, -largest, largest), scores).astype(dtype)
