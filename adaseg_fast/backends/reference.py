# SPDX-License-Identifier: Apache-2.0
"""Every kernel of ``protocol.Kernels`` written for clarity, in NumPy: the oracle of the tests.

A pixel's owner is found by asking, for every triangle, on which side of its three edges the pixel
lies after an infinitesimal shift (csrc/core/edge.h). The fast backends use scan conversion instead,
so the two check each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends import energy

Array = NDArray[Any]


class Triangle(NamedTuple):
    number: int
    corners: tuple[int, int, int]
    points: tuple[tuple[int, int], ...]  # (row, column) on the lattice, Python integers


def lattice_bits(height: int, width: int) -> int:
    """Number of binary digits below one pixel, so that coordinates stay under 2**31."""
    return 31 - max(height - 1, width - 1, 1).bit_length()


def snap(phi: Array, height: int, width: int) -> NDArray[np.int64]:
    """(2, h, w) relative coordinates -> lattice coordinates, rounded to even and clamped."""
    if not np.isfinite(phi).all():
        raise ValueError("phi holds NaN or infinity; finite coordinates in [0, 1] are wanted")
    bits = lattice_bits(height, width)
    extents = np.array([max(height - 1, 1) << bits, max(width - 1, 1) << bits])
    scaled = phi.astype(np.float64) * extents[:, None, None]
    snapped: NDArray[np.int64] = np.rint(np.clip(scaled, 0, extents[:, None, None])).astype(
        np.int64
    )
    return snapped


def area2(p: tuple[int, int], q: tuple[int, int], s: tuple[Any, Any]) -> Any:
    """Twice the signed area; ``s`` may hold arrays."""
    return (q[1] - p[1]) * (s[0] - p[0]) - (q[0] - p[0]) * (s[1] - p[1])


def takes_main_diagonal(
    a: tuple[int, int], b: tuple[int, int], c: tuple[int, int], d: tuple[int, int], rule: int
) -> bool:
    """Whether the cell a, b, c, d (clockwise from its upper left) is split along a-c."""
    if rule != 0:
        return rule == 1
    main_fits = area2(a, b, c) >= 0 and area2(a, c, d) >= 0
    anti_fits = area2(a, b, d) >= 0 and area2(b, c, d) >= 0
    if not (main_fits and anti_fits):
        return main_fits or not anti_fits

    def dot(apex: tuple[int, int]) -> int:
        return sum((a[k] - apex[k]) * (c[k] - apex[k]) for k in range(2))

    return bool(area2(a, b, c) * dot(d) + area2(a, c, d) * dot(b) >= 0)


def list_triangles(lattice: NDArray[np.int64], rule: int) -> Iterator[Triangle]:
    """List the triangles cell by cell, row by row; in a cell that with the upper edge is first."""
    _, h, w = lattice.shape
    points = [(int(r), int(c)) for r, c in zip(lattice[0].flat, lattice[1].flat, strict=True)]
    number = 0
    for i in range(h - 1):
        for j in range(w - 1):
            a, b, c, d = i * w + j, i * w + j + 1, (i + 1) * w + j + 1, (i + 1) * w + j
            main = takes_main_diagonal(points[a], points[b], points[c], points[d], rule)
            for corners in ((a, b, c), (a, c, d)) if main else ((a, b, d), (b, c, d)):
                yield Triangle(number, corners, tuple(points[v] for v in corners))
                number += 1


def _inside(
    triangle: Triangle, rows: Array, cols: Array, bits: int, shape: tuple[int, int]
) -> Array:
    """Which pixels lie in the open triangle after an infinitesimal shift.

    The shift is of first order in the columns and of second order in the rows.
    """
    last_row, last_col = (max(size - 1, 1) for size in shape)
    move_row = np.where(rows == last_row, -1, 1)
    move_col = np.where(cols == last_col, -1, 1)
    sides = []
    for k in range(3):
        p, q = triangle.points[(k + 1) % 3], triangle.points[(k + 2) % 3]
        side = np.sign(area2(p, q, (rows << bits, cols << bits)))
        side = np.where(side == 0, np.sign(p[0] - q[0]) * move_col, side)
        sides.append(np.where(side == 0, np.sign(q[1] - p[1]) * move_row, side))
    inside: Array = (sides[0] != 0) & (sides[0] == sides[1]) & (sides[1] == sides[2])
    return inside


def _rasterize_item(
    phi: Array, size: Sequence[int], rule: int
) -> tuple[NDArray[np.int32], NDArray[np.float64], list[Triangle]]:
    """Owner of each pixel (-1: none), the weights (3, H, W) in float64, and the triangles."""
    height, width = size
    bits = lattice_bits(height, width)
    faces = np.full((height, width), -1, np.int32)
    weights = np.zeros((3, height, width))
    found = list(list_triangles(snap(phi, height, width), rule))
    for triangle in found:
        low = [min(p[k] for p in triangle.points) >> bits for k in range(2)]
        high = [max(p[k] for p in triangle.points) >> bits for k in range(2)]
        rows, cols = np.meshgrid(
            np.arange(low[0], min(high[0] + 1, height)),
            np.arange(low[1], min(high[1] + 1, width)),
            indexing="ij",
        )
        inside = _inside(triangle, rows, cols, bits, (height, width))
        rows, cols = rows[inside], cols[inside]
        faces[rows, cols] = triangle.number
        a, b, c = triangle.points
        for k, (p, q) in enumerate(((b, c), (c, a), (a, b))):
            side = area2(p, q, (rows << bits, cols << bits))
            weights[k, rows, cols] = side / area2(a, b, c) if side.size else side
    return faces, weights, found


def _corner_scores(scores: Array, faces: Array, found: list[Triangle]) -> Array:
    """(C, 3, H, W): scores (C, h, w) at the corners of each pixel's triangle; 0 outside."""
    corners = np.array([t.corners for t in found])
    flat = scores.reshape(scores.shape[0], scores.shape[1] * scores.shape[2])
    values: Array = np.moveaxis(flat[:, corners[faces]], -1, 1)
    return np.where(faces >= 0, values, 0)


def _compute_type(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    return np.float64 if dtype == np.float64 else np.float32


def sample(
    image: Array, phi: Array, out: Array, mean: Sequence[float], std: Sequence[float], threads: int
) -> None:
    """Eq. (1), and (x - mean) / std where a std is given."""
    if not np.isfinite(phi).all():
        raise ValueError("phi holds NaN or infinity; finite coordinates in [0, 1] are wanted")
    height, width = image.shape[2:]
    for n in range(len(image)):
        rows, cols = _nearest_pixels(phi[n], height, width)
        pixels = image[n][:, rows, cols]
        if std:
            kind = _compute_type(image.dtype)
            shift, scale = (np.array(x, kind)[:, None, None] for x in (mean, std))
            pixels = (pixels.astype(kind) - shift) / scale
        out[n] = pixels


def _nearest_pixels(phi: Array, height: int, width: int) -> tuple[Array, Array]:
    rows, cols = (
        np.rint(np.clip(phi[k].astype(np.float64) * (size - 1), 0, size - 1)).astype(np.int64)
        for k, size in enumerate((height, width))
    )
    return rows, cols


def sample_backward(
    grad: Array, phi: Array, grad_image: Array, std: Sequence[float], threads: int
) -> None:
    """The transpose of the gather."""
    kind = _compute_type(grad_image.dtype)
    for n in range(len(grad)):
        rows, cols = _nearest_pixels(phi[n], *grad_image.shape[2:])
        for c in range(grad.shape[1]):
            plane = np.zeros(grad_image.shape[2:], kind)
            values = grad[n, c].astype(kind)
            np.add.at(plane, (rows, cols), values / kind(std[c]) if std else values)
            grad_image[n, c] = plane


def triangles(phi: Array, out: Array, height: int, width: int, diagonal: int, threads: int) -> None:
    """Vertex numbers of every triangle."""
    for n in range(len(phi)):
        out[n] = [t.corners for t in list_triangles(snap(phi[n], height, width), diagonal)]


def rasterize(phi: Array, faces: Array, weights: Array, diagonal: int, threads: int) -> None:
    """Owner and barycentric weights of every pixel."""
    for n in range(len(phi)):
        faces[n], weights[n], _ = _rasterize_item(phi[n], faces.shape[1:], diagonal)


def interpolate(scores: Array, phi: Array, out: Array, diagonal: int, threads: int) -> None:
    """Sec. 3.3: barycentric interpolation in each triangle."""
    for n in range(len(phi)):
        faces, weights, found = _rasterize_item(phi[n], out.shape[2:], diagonal)
        corner = _corner_scores(scores[n], faces, found)
        out[n] = _blend(corner.astype(np.float64), weights)


def _blend(corner: Array, weights: Array) -> Array:
    """(C, 3, H, W) scores at corners, (3, H, W) weights -> (C, H, W) values, as csrc/core/blend.h.

    Corners of weight 0 do not count. Of the others a NaN makes the value NaN, else -inf makes it
    -inf, else +inf makes it +inf.
    """
    counts = weights > 0
    scores = np.where(counts, corner, 0.0)
    least = np.where(counts, corner, np.inf).min(1)
    most = np.where(counts, corner, -np.inf).max(1)
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.clip((scores * weights).sum(1), least, most)
    values = np.where(most == np.inf, np.inf, values)
    values = np.where(least == -np.inf, -np.inf, values)
    values = np.where(np.isnan(scores).any(1), np.nan, values)
    found: Array = np.where(counts.any(0), values, 0.0)
    return found


def best_class(values: Array) -> NDArray[np.int64]:
    """(N, C, H, W) -> (N, H, W): the lowest on a tie. NaN never wins; 0 where all are NaN."""
    most = values[:, 0].copy()
    best = np.zeros(most.shape, np.int64)
    for number in range(1, values.shape[1]):
        value = values[:, number]
        better = (value > most) | (np.isnan(most) & ~np.isnan(value))
        best[better], most[better] = number, value[better]
    return best


def interpolate_argmax(scores: Array, phi: Array, out: Array, diagonal: int, threads: int) -> None:
    """The class with the highest interpolated score, the lowest on a tie."""
    values = np.zeros((*scores.shape[:2], *out.shape[1:]), _compute_type(scores.dtype))
    interpolate(scores, phi, values, diagonal, threads)
    out[...] = best_class(values)
    uncovered = 255 if out.dtype == np.uint8 else -1
    for n in range(len(phi)):
        faces, _, _ = _rasterize_item(phi[n], out.shape[1:], diagonal)
        out[n][faces < 0] = uncovered


def interpolate_backward(
    grad: Array,
    scores: Array,
    phi: Array,
    grad_scores: Array | None,
    grad_phi: Array | None,
    diagonal: int,
    threads: int,
) -> None:
    """Add weight * gradient of each pixel to its corners.

    For ``phi``: a corner that moves by d changes the affine function of its triangle by minus its
    slope times d, weighted as the corner is. A channel with a score at a corner that is not finite
    counts as level.
    """
    height, width = grad.shape[2:]
    bits = lattice_bits(height, width)
    for n in range(len(phi)):
        faces, weights, found = _rasterize_item(phi[n], (height, width), diagonal)
        vertices = scores.shape[2] * scores.shape[3]
        to_scores = np.zeros((scores.shape[1], vertices))
        to_phi = np.zeros((2, vertices))
        flat = scores[n].reshape(scores.shape[1], vertices).astype(np.float64)
        for triangle in found:
            own = faces == triangle.number
            if not own.any():
                continue
            share = np.einsum("cp,kp->ck", grad[n][:, own].astype(np.float64), weights[:, own])
            corners = list(triangle.corners)
            to_scores[:, corners] += share  # three different vertices
            a, b, c = (np.array(p, np.float64) / 2.0**bits for p in triangle.points)
            finite = np.isfinite(flat[:, corners]).all(1)
            first, *others = (np.where(finite, flat[:, v], 0.0) for v in corners)
            plane = np.linalg.solve(  # gradient of the affine function, (2, C)
                np.stack([b - a, c - a]), np.stack([other - first for other in others])
            )
            for k, vertex in enumerate(corners):
                to_phi[:, vertex] -= plane @ share[:, k] * [max(height - 1, 1), max(width - 1, 1)]
        if grad_scores is not None:
            grad_scores[n] = to_scores.reshape(grad_scores.shape[1:])
        if grad_phi is not None:
            clamped = (phi[n] < 0) | (phi[n] > 1)
            grad_phi[n] = np.where(clamped, 0, to_phi.reshape(grad_phi.shape[1:]))


def boundary_mask(
    labels: Array, out: Array, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None:
    """Mark both pixels of each pair of 4-neighbours with different labels."""
    out[...] = False
    for axis in (1, 2):
        size = labels.shape[axis]
        first = np.take(labels, range(size - 1), axis)
        second = np.take(labels, range(1, size), axis)
        edge = (first != second) & (first != ignore_index) & (second != ignore_index)
        if classes is not None:
            edge &= _is_any(first, classes) | _is_any(second, classes)
        for start in (0, 1):
            part = [slice(None)] * 3
            part[axis] = slice(start, start + size - 1)
            out[tuple(part)] |= edge


def _is_any(labels: Array, classes: Sequence[int]) -> Array:
    # Not np.isin: before NumPy 2 it mistakes unsigned numbers for negative ones.
    found = np.zeros(labels.shape, bool)
    for number in classes:
        found |= labels == number
    return found


def nearest_boundary(
    labels: Array, out: Array, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None:
    """Measure the distance to every boundary pixel; on a tie take the first in raster order."""
    height, width = labels.shape[1:]
    h, w = out.shape[2:]
    mask = np.zeros(labels.shape, bool)
    boundary_mask(labels, mask, classes, ignore_index, threads)
    for n in range(len(labels)):
        rows, cols = np.nonzero(mask[n])
        for i in range(h):
            for j in range(w):
                if rows.size == 0:
                    out[n, :, i, j] = _relative(i, h), _relative(j, w)
                    continue
                row, col = round_even(i * (height - 1), h - 1), round_even(j * (width - 1), w - 1)
                nearest = np.argmin((rows - row) ** 2 + (cols - col) ** 2)
                out[n, 0, i, j] = _relative(int(rows[nearest]), height)
                out[n, 1, i, j] = _relative(int(cols[nearest]), width)


def solve_sampling(targets: Array, out: Array, lam: float, homogeneous: bool, threads: int) -> None:
    """Eq. (2) subject to eq. (3) in a basis where the system is diagonal, in float64."""
    out[...] = energy.solve_sampling(targets, lam, homogeneous)


def round_even(numerator: int, denominator: int) -> int:
    """The integer nearest to a quotient, even on a tie; 0 where the denominator is 0."""
    if denominator == 0:
        return 0
    quotient, rest = divmod(numerator, denominator)
    up = 2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1)
    return quotient + up


def _relative(index: int, size: int) -> float:
    return index / (size - 1) if size > 1 else 0.0
