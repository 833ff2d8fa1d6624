# SPDX-License-Identifier: Apache-2.0
"""Gradients of interpolation to the scores and to the sampling tensor.

Each pixel gives weight * gradient to its triangle's corners, and a corner that moves takes the
triangle's affine function with it. Sums are taken per triangle, then per vertex, always in the same
order, so that they do not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba import geometry, runtime
from adaseg_fast.backends.numba.geometry import Triangle, Weights
from adaseg_fast.backends.numba.grid import Grid, make_grids, scan, triangle_of
from adaseg_fast.backends.numba.runtime import SOURCES, Array, Floats, helper, kernel

Faces = NDArray[np.int32]


def interpolate_backward(
    grad: Array,
    scores: Array,
    phi: Array,
    grad_scores: Array | None,
    grad_phi: Array | None,
    diagonal: int,
    threads: int,
) -> None:
    """Fill ``grad_scores`` and ``grad_phi``, each of which may be None."""
    channels, (h, w) = grad.shape[1], phi.shape[2:]
    for n, grid in enumerate(make_grids(phi, grad.shape[2:], diagonal)):
        values = runtime.contiguous(scores[n].reshape(channels, h * w), np.float64)
        given = runtime.contiguous(grad[n], runtime.compute_type(grad.dtype))
        # What a row of cells owes to the row of vertices above it and to the one below it: to the
        # scores, then to the two coordinates.
        owed = np.zeros((h - 1, 2, channels + 2, w))
        collect(grid, values, given, owed, threads)
        total = np.zeros((channels + 2, h, w))
        total[:, 1:] += owed[:, 1].swapaxes(0, 1)
        total[:, :-1] += owed[:, 0].swapaxes(0, 1)
        if grad_scores is not None:
            runtime.store(total[:channels], grad_scores[n])
        if grad_phi is not None:
            clamped = (phi[n] < 0) | (phi[n] > 1)
            runtime.store(np.where(clamped, 0.0, total[channels:]), grad_phi[n])


def collect(grid: Grid, scores: Floats, grad: Array, owed: Floats, threads: int) -> None:
    """Fill ``owed`` on threads, one row of cells at a time."""
    faces = owners(grid)

    def fill(i: int) -> None:
        collect_row(grid, faces, scores, grad, i, owed[i])

    runtime.run(fill, range(len(owed)), threads, grad.size)


@kernel
def owners(grid: Grid, sources: int = SOURCES) -> Faces:
    """Number of the triangle that owns each pixel, (H, W); -1 where there is none."""
    lattice, points, main = grid.lattice, grid.points, grid.main
    rows, cols = main.shape
    shares = np.empty((lattice.height, 2), np.int64)
    faces = np.full((lattice.height, lattice.width), np.int32(-1), np.int32)
    for i in range(rows):
        for k in range(2 * cols):
            t = triangle_of(points, main, i, k)
            first, last = scan(t, lattice, 0, lattice.height, shares)
            for row in range(first, last):
                faces[row, shares[row - first, 0] : shares[row - first, 1]] = 2 * i * cols + k
    return faces


@helper
def add_run(
    faces: Faces,
    number: int,
    grad: NDArray[Any],
    w: Weights,
    sums: Floats,
) -> None:
    """Add gradient times weight, over a triangle's own pixels of an image row, to ``sums`` (C, 3).

    ``faces`` (L,) and ``grad`` (C, L) are of the pixels that the triangle covers, ``w`` the
    weights at the first of them.
    """
    for c in range(len(grad)):
        total = moment = 0.0
        for k in range(len(faces)):
            if faces[k] == number:
                value = float(grad[c, k])
                total += value
                moment += value * float(k)
        for k in range(3):
            sums[c, k] += w.at[k] * total + w.per_col[k] * moment


@helper
def motion_of(t: Triangle, grid: Grid, scores: Floats, sums: Floats, k: int) -> tuple[float, float]:
    """-weight * gradient of the triangle's affine function, per unit of phi, for corner ``k``."""
    down = right = 0.0
    for c in range(len(sums)):
        x, y, z = scores[c, t.a], scores[c, t.b], scores[c, t.c]
        if not (np.isfinite(x) and np.isfinite(y) and np.isfinite(z)):
            continue  # counts as level: a class that is ruled out by -inf moves no vertex
        by_row, by_col = geometry.gradient_of(x, y, z, t, grid.lattice.bits)
        down -= sums[c, k] * by_row
        right -= sums[c, k] * by_col
    return down * float(grid.lattice.row_extent), right * float(grid.lattice.col_extent)


@kernel
def collect_row(
    grid: Grid,
    faces: Faces,
    scores: Floats,
    grad: NDArray[Any],
    i: int,
    owed: Floats,
    sources: int = SOURCES,
) -> None:
    """Add what row ``i`` of cells owes to the vertices above and below it to ``owed``.

    ``faces`` (H, W) are the owners of the pixels, ``scores`` is (C, V), ``grad`` (C, H, W) and
    ``owed`` (2, C + 2, w).
    """
    lattice, cols, channels = grid.lattice, grid.main.shape[1], len(scores)
    shares, sums = np.empty((lattice.height, 2), np.int64), np.empty((channels, 3))
    for number in range(2 * i * cols, 2 * (i + 1) * cols):
        t = triangle_of(grid.points, grid.main, i, number - 2 * i * cols)
        if geometry.area2(t.p, t.q, t.s) == 0:
            continue  # owns no pixel
        first, last = scan(t, lattice, 0, lattice.height, shares)
        sums[:] = 0.0
        for row in range(first, last):
            left, right = shares[row - first, 0], shares[row - first, 1]
            if left < right:
                w = geometry.weights_at(t, row, left, lattice.bits)
                given = grad[:, row, left:right]
                add_run(faces[row, left:right], number, given, w, sums)
        vertices = t.a, t.b, t.c
        for k in range(3):
            vertex = vertices[k] - i * (cols + 1)
            bins = owed[vertex // (cols + 1), :, vertex % (cols + 1)]
            for c in range(channels):
                bins[c] += sums[c, k]
            by_row, by_col = motion_of(t, grid, scores, sums, k)
            bins[channels] += by_row
            bins[channels + 1] += by_col
