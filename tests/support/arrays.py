# SPDX-License-Identifier: Apache-2.0
"""What the tests of operations and backends share: tolerances, sampling grids, layouts, frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from adaseg_fast import backends
from adaseg_fast.backends import energy, reference

Array = NDArray[Any]
Generator = np.random.Generator

CAMVID = Path(
    os.environ.get("ADASEG_CAMVID", Path(__file__).resolve().parents[3] / "shared" / "camvid")
)
CAMVID_TARGETS = (2, 6, 8, 9, 10)  # pole, sign, car, pedestrian, bicyclist
needs_camvid = pytest.mark.skipif(
    not CAMVID.is_dir(), reason="no CamVid frames: set ADASEG_CAMVID to their folder"
)

# Backends to be compared with the oracle; with none built, the tests over it skip visibly.
FAST_BACKENDS = tuple(name for name in backends.available_backends() if name != "reference")
DIAGONALS = ("delaunay", "main", "anti")

# --- Tolerances -----------------------------------------------------------------------------------

# Of a result computed once and rounded to this type, as a part of the largest magnitude expected.
TOLERANCES = {"float64": 1e-12, "float32": 2e-6, "float16": 1e-3, "bfloat16": 8e-3}
# Vertices are snapped to the lattice, which moves what a steep triangle says about a pixel.
LATTICE_TOLERANCE = 1e-5
# Two best scores closer than this part of the largest score may change places (interpolate_argmax).
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
    """Pixels whose label is not the oracle's argmax; each of them has to be a near tie."""
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
    """By how much the labels (N, H, W) that are not the argmax of values (N, C, H, W) miss it.

    Labels of no class miss it by infinity.
    """
    items, rows, cols = np.nonzero(labels != values.argmax(1))
    chosen = labels[items, rows, cols].astype(np.int64)
    known = (chosen >= 0) & (chosen < values.shape[1])
    lost = values.max(1)[items, rows, cols]
    lost -= values[items, np.where(known, chosen, 0), rows, cols]
    return np.where(known, lost, np.inf)


# --- Label maps -----------------------------------------------------------------------------------


def patchwork(rng: Generator, size: Sequence[int], classes: int = 5, seeds: int = 8) -> Array:
    """(H, W) integers: each pixel takes the class of the nearest of a few random points."""
    height, width = size
    points = rng.random((seeds, 2)) * size
    rows, cols = np.mgrid[:height, :width]
    away = (rows[..., None] - points[:, 0]) ** 2 + (cols[..., None] - points[:, 1]) ** 2
    found = rng.integers(0, classes, seeds)[away.argmin(-1)]
    return found.astype(np.uint8 if classes <= 256 else np.int32)


# --- Sampling grids, (2, h, w) float64 ------------------------------------------------------------


def cover(phi: Array) -> Array:
    """Onto the covering constraints (3)."""
    phi = np.clip(phi, 0.0, 1.0)
    phi[..., 0, 0, :], phi[..., 0, -1, :] = 0.0, 1.0
    phi[..., 1, :, 0], phi[..., 1, :, -1] = 0.0, 1.0
    return phi


def uniform(h: int, w: int) -> Array:
    """Pixel (i, j) of an h x w image lies at (i / (h-1), j / (w-1)), at 0 where the size is 1."""
    axes = (np.arange(n) / max(n - 1, 1) for n in (h, w))
    return np.stack(np.meshgrid(*axes, indexing="ij"))


def _solved(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    labels = patchwork(rng, (24, 31))
    with backends.use_backend("reference"):
        targets = backends.nearest_boundary(labels[None], (h, w)).astype(np.float64)
    return energy.solve_sampling(targets, 1.0)[0]


def _moved(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    return uniform(h, w) + rng.uniform(-0.2, 0.2, (2, h, w)) / max(h - 1, w - 1)


def _folded(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    return uniform(h, w) + rng.normal(0, 0.5, (2, h, w))


def _collapsed(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    """All that (3) leaves free in one point or on one line."""
    phi = uniform(h, w)
    for axis in range(2) if rng.random() < 0.5 else (rng.integers(2),):
        phi[axis] = rng.random()
    return phi


def _on_lattice(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    """Vertices on pixels or half-way between them, where every tie there is occurs."""
    last = np.maximum(np.array(size) - 1, 1)[:, None, None]
    return np.rint(_moved(rng, h, w, size) * last * 2) / (2 * last)


def _slivers(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    """Vertices a few lattice units off pixels, a row of them nearly on one line of pixels."""
    last = np.maximum(np.array(size) - 1, 1)[:, None, None]
    pixels = np.rint(_folded(rng, h, w, size) * last)
    axis = rng.integers(2)
    pixels[axis] = pixels[axis].mean(1 - axis, keepdims=True).round()
    return (pixels + rng.integers(-2, 3, (2, h, w)) / 2 ** reference.lattice_bits(*size)) / last


def _border(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    """Border vertices out of order along the border."""
    phi = _moved(rng, h, w, size)
    phi[1, [0, -1]] = rng.random((2, w))
    phi[0][:, [0, -1]] = rng.random((h, 2))
    return phi


def _duplicated(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    """Vertices on top of a neighbour."""
    phi = _moved(rng, h, w, size)
    onto_left, onto_upper = rng.random((2, h, w)) < 0.3
    phi[:, :, 1:] = np.where(onto_left[:, 1:], phi[:, :, :-1], phi[:, :, 1:])
    phi[:, 1:] = np.where(onto_upper[1:], phi[:, :-1], phi[:, 1:])
    return phi


_KINDS: dict[str, Callable[[Generator, int, int, Sequence[int]], Array]] = {
    "uniform": lambda rng, h, w, size: uniform(h, w),
    "solved": _solved,
    "moved": _moved,
    "folded": _folded,
    "collapsed": _collapsed,
    "on_lattice": _on_lattice,
    "slivers": _slivers,
    "border": _border,
    "duplicated": _duplicated,
}
GRID_KINDS = tuple(_KINDS)
# No triangle is turned over and every pair of vertices differs: what Delaunay tools accept.
PLAIN_KINDS = ("uniform", "solved", "moved")


def grids(
    kind: str,
    shape: Sequence[int],
    size: Sequence[int],
    *,
    items: int = 1,
    seed: int = 0,
    dtype: Any = np.float64,
) -> Array:
    """(items, 2, h, w) sampling tensors of a kind that cover an image of ``size``."""
    rng = np.random.default_rng(seed)
    found = [cover(_KINDS[kind](rng, *shape, size)) for _ in range(items)]
    return np.stack(found).astype(dtype)


class Case(NamedTuple):
    """A batch of sampling tensors for an image size, and a source of whatever else is wanted."""

    kind: str
    phi: Array
    size: tuple[int, int]
    rng: Generator


@st.composite
def cases(
    draw: st.DrawFn, kinds: Sequence[str] = GRID_KINDS, most: int = 30, items: int = 2
) -> Case:
    """Grids of 2x2 to 9x9 over images of 1x1 to ``most`` x ``most``, in any precision."""
    kind = draw(st.sampled_from(kinds))
    shape = draw(st.integers(2, 9)), draw(st.integers(2, 9))
    size = draw(st.integers(1, most)), draw(st.integers(1, most))
    dtype = draw(st.sampled_from((np.float64, np.float32, np.float16)))
    seed = draw(st.integers(0, 2**16))
    phi = grids(kind, shape, size, items=items, seed=seed, dtype=dtype)
    return Case(kind, phi, size, np.random.default_rng(seed + 1))


# --- Memory layouts -------------------------------------------------------------------------------

LAYOUTS = ("contiguous", "transposed", "channels_last", "sliced", "reversed", "expanded", "empty")


def with_layout(array: Array, layout: str) -> Array:
    """``array`` laid out in memory in another way.

    Values stay, but for "expanded" (the first item stands for all) and "empty" (no item is left).
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
