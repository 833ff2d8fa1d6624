# SPDX-License-Identifier: Apache-2.0
"""The operations on NumPy arrays: check, allocate, call. torch is not needed.

Meanings, shapes and errors are those of ``adaseg_fast.ops``; ``threads`` defaults to the
processors this process may use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends import energy, specs
from adaseg_fast.backends.select import default_threads, kernels

Array = NDArray[Any]


def _plain(array: Array) -> Array:
    """As the kernels can read it: aligned, native byte order, whole-element strides."""
    odd = any(stride % array.itemsize for stride in array.strides)
    if odd or not array.flags.aligned or not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="), copy=True)
    return array


def _threads(threads: int | None) -> int:
    return default_threads() if threads is None else threads


def sample(
    image: Array,
    phi: Array,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    threads: int | None = None,
) -> Array:
    """Nearest pixels, (N, C, h, w): see ``adaseg_fast.ops.sample``."""
    specs.check_phi(phi, least=1)
    specs.check_image(image, phi)
    means, stds = specs.check_normalization(mean, std, image.shape[1])
    dtype = image.dtype if not stds else np.float64 if image.dtype == np.float64 else np.float32
    out = np.empty((*image.shape[:2], *phi.shape[2:]), np.dtype(dtype).newbyteorder("="))
    kernels().sample(_plain(image), _plain(phi), out, means, stds, _threads(threads))
    return out


def triangles(
    phi: Array, size: Sequence[int], *, diagonal: str = "delaunay", threads: int | None = None
) -> Array:
    """Vertex numbers, (N, T, 3) int64: see ``adaseg_fast.ops.triangles``."""
    specs.check_phi(phi)
    height, width = specs.check_size(size)
    rule = specs.check_diagonal(diagonal)
    out = np.empty((len(phi), 2 * (phi.shape[2] - 1) * (phi.shape[3] - 1), 3), np.int64)
    kernels().triangles(_plain(phi), out, height, width, rule, _threads(threads))
    return out


def rasterize(
    phi: Array, size: Sequence[int], *, diagonal: str = "delaunay", threads: int | None = None
) -> tuple[Array, Array]:
    """Faces (N, H, W) int32 and weights (N, 3, H, W): see ``adaseg_fast.ops.rasterize``."""
    specs.check_phi(phi)
    height, width = specs.check_size(size)
    rule = specs.check_diagonal(diagonal)
    faces = np.empty((len(phi), height, width), np.int32)
    weights = np.empty(
        (len(phi), 3, height, width), np.float64 if phi.dtype == np.float64 else np.float32
    )
    kernels().rasterize(_plain(phi), faces, weights, rule, _threads(threads))
    return faces, weights


def interpolate(
    scores: Array,
    phi: Array,
    size: Sequence[int],
    *,
    diagonal: str = "delaunay",
    threads: int | None = None,
) -> Array:
    """Scores at every pixel, (N, C, H, W): see ``adaseg_fast.ops.interpolate``."""
    specs.check_phi(phi)
    specs.check_scores(scores, phi)
    height, width = specs.check_size(size)
    rule = specs.check_diagonal(diagonal)
    out = np.empty((*scores.shape[:2], height, width), scores.dtype.newbyteorder("="))
    kernels().interpolate(_plain(scores), _plain(phi), out, rule, _threads(threads))
    return out


def interpolate_argmax(
    scores: Array,
    phi: Array,
    size: Sequence[int],
    *,
    diagonal: str = "delaunay",
    threads: int | None = None,
) -> Array:
    """Labels at every pixel, (N, H, W): see ``adaseg_fast.ops.interpolate_argmax``."""
    specs.check_phi(phi)
    specs.check_scores(scores, phi, least_classes=1)
    height, width = specs.check_size(size)
    rule = specs.check_diagonal(diagonal)
    dtype = np.uint8 if scores.shape[1] <= 256 else np.int32
    out = np.empty((len(phi), height, width), dtype)
    kernels().interpolate_argmax(_plain(scores), _plain(phi), out, rule, _threads(threads))
    return out


def boundary_mask(
    labels: Array,
    *,
    classes: Sequence[int] | None = None,
    ignore_index: int = 255,
    threads: int | None = None,
) -> Array:
    """Boundary pixels, (N, H, W) bool: see ``adaseg_fast.ops.boundary_mask``."""
    specs.check_labels(labels)
    out = np.empty(labels.shape, bool)
    kernels().boundary_mask(_plain(labels), out, classes, ignore_index, _threads(threads))
    return out


def nearest_boundary(
    labels: Array,
    size: Sequence[int],
    *,
    classes: Sequence[int] | None = None,
    ignore_index: int = 255,
    threads: int | None = None,
) -> Array:
    """b(u) of eq. (2), (N, 2, h, w) float32: see ``adaseg_fast.ops.nearest_boundary``."""
    specs.check_labels(labels)
    h, w = specs.check_size(size, least=2)
    out = np.empty((len(labels), 2, h, w), np.float32)
    kernels().nearest_boundary(_plain(labels), out, classes, ignore_index, _threads(threads))
    return out


def solve_sampling(targets: Array, lam: float = 1.0, *, threads: int | None = None) -> Array:
    """argmin of (2) subject to (3), (N, 2, h, w): see ``adaseg_fast.ops.solve_sampling``."""
    specs.check_targets(targets, lam)
    out = np.empty(targets.shape, targets.dtype.newbyteorder("="))
    kernels().solve_sampling(_plain(targets), out, lam, False, _threads(threads))
    return out


def sampling_energy(phi: Array, targets: Array, lam: float = 1.0) -> Array:
    """Eq. (2) per item, (N,): see ``adaseg_fast.ops.sampling_energy``."""
    specs.check_phi(phi)
    specs.check_targets(targets, lam)
    specs.check_same_shape(phi, targets)
    return energy.sampling_energy(phi, targets, lam)
