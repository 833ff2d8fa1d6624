# SPDX-License-Identifier: Apache-2.0
"""Random sampling tensors of every kind, and label maps of patches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from adaseg_fast import backends
from adaseg_fast.backends import energy, reference
from support.arrays import Array, Generator


def patchwork(rng: Generator, size: Sequence[int], classes: int = 5, seeds: int = 8) -> Array:
    """(H, W) labels: each pixel takes the class of the nearest of ``seeds`` random points."""
    height, width = size
    points = rng.random((seeds, 2)) * size
    rows, cols = np.mgrid[:height, :width]
    away = (rows[..., None] - points[:, 0]) ** 2 + (cols[..., None] - points[:, 1]) ** 2
    found = rng.integers(0, classes, seeds)[away.argmin(-1)]
    return found.astype(np.uint8 if classes <= 256 else np.int32)


# --- Sampling grids, (2, h, w) float64 ------------------------------------------------------------


def cover(phi: Array) -> Array:
    """Move border vertices onto the borders, so that the covering constraints (3) hold."""
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
    """Everything that (3) leaves free lies in one point or on one line."""
    phi = uniform(h, w)
    for axis in range(2) if rng.random() < 0.5 else (rng.integers(2),):
        phi[axis] = rng.random()
    return phi


def _on_lattice(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    """Vertices on pixels or half-way between them, where every kind of tie occurs."""
    last = np.maximum(np.array(size) - 1, 1)[:, None, None]
    return np.rint(_moved(rng, h, w, size) * last * 2) / (2 * last)


def _slivers(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    """Vertices a few lattice units off pixels, a row of them nearly on one line of pixels."""
    last = np.maximum(np.array(size) - 1, 1)[:, None, None]
    pixels = np.rint(_folded(rng, h, w, size) * last)
    axis = rng.integers(2)
    pixels[axis] = pixels[axis].mean(1 - axis, keepdims=True).round()
    return (pixels + rng.integers(-2, 3, (2, h, w)) / 2 ** reference.lattice_bits(*size)) / last


def _near_border(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    """Vertices a few lattice units off the border that they are next to, or anywhere."""
    last = np.maximum(np.array(size) - 1, 1)[:, None, None]
    off = rng.integers(0, 4, (2, h, w)) / 2 ** reference.lattice_bits(*size) / last
    near = np.where(rng.random((2, h, w)) < 0.5, off, 1 - off)
    return np.where(rng.random((2, h, w)) < 0.4, near, _moved(rng, h, w, size))


def _near_vertex(rng: Generator, h: int, w: int, size: Sequence[int]) -> Array:
    """Vertices a few lattice units off a neighbour."""
    last = np.maximum(np.array(size) - 1, 1)[:, None, None]
    off = rng.integers(-3, 4, (2, h, w)) / 2 ** reference.lattice_bits(*size) / last
    return _duplicated(rng, h, w, size) + off


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
    "near_border": _near_border,
    "near_vertex": _near_vertex,
}
GRID_KINDS = tuple(_KINDS)
# No triangle is inverted and all vertices differ. Delaunay tools accept these.
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
    """(items, 2, h, w) sampling tensors of one kind that cover an image of ``size``."""
    rng = np.random.default_rng(seed)
    found = [cover(_KINDS[kind](rng, *shape, size)) for _ in range(items)]
    return np.stack(found).astype(dtype)


class Case(NamedTuple):
    """A batch of sampling tensors for an image size, and a generator for other random inputs."""

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
