# SPDX-License-Identifier: Apache-2.0
"""The kernels compiled by Numba: for machines without the compiled module.

The functions are those of ``native``, and so is the ownership of pixels, bit for bit. Each kernel
is compiled when it is first called with arrays of its type, which takes seconds, and is kept on
disk where Numba keeps such things (``NUMBA_CACHE_DIR``, else beside the modules, else in the user's
cache folder). Outputs are C-contiguous; shapes have been checked by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from adaseg_fast.backends.numba.argmax import label_changes
from adaseg_fast.backends.numba.arrays import (
    Array,
    bit_patterns,
    compute_type,
    contiguous,
    finite_grid,
    memory_of,
    protected,
    store,
)
from adaseg_fast.backends.numba.backward import collect_gradients
from adaseg_fast.backends.numba.boundaries import LabelMap, Rule, find_nearest, mark_boundaries
from adaseg_fast.backends.numba.half import write_half
from adaseg_fast.backends.numba.interpolate import interpolate_band
from adaseg_fast.backends.numba.lattice import Grid, list_triangles, make_grid
from adaseg_fast.backends.numba.paint import paint_labels
from adaseg_fast.backends.numba.rasterize import paint_faces, weigh
from adaseg_fast.backends.numba.sample import gather, look_up, pixel_offsets, scatter
from adaseg_fast.backends.numba.solve import factors_of, solve_planes
from adaseg_fast.backends.numba.threads import run
from adaseg_fast.backends.numba.vertices import Layout, Scores, best_classes

SMALL = 1 << 16  # elements of output below which threads cost more than they save
WORKSPACE = 1 << 21  # bytes that the lists of a band of image rows may take
BYTES_A_RUN = 48
BYTES = np.arange(256, dtype=np.uint8)
LEAST_ROWS = 32  # of a band: triangles on a seam are scanned on both sides of it

__all__ = [
    "boundary_mask",
    "interpolate",
    "interpolate_argmax",
    "interpolate_backward",
    "nearest_boundary",
    "rasterize",
    "sample",
    "sample_backward",
    "solve_sampling",
    "triangles",
]


def _useful(threads: int, elements: int) -> int:
    return threads if elements > SMALL else 1


def _bands(items: int, height: int, bytes_a_row: int, threads: int) -> list[tuple[int, int, int]]:
    """(item, first row, row after the last) of bands of image rows."""
    rows = max(LEAST_ROWS, WORKSPACE // bytes_a_row)
    if threads > 1:  # a few bands a thread even out unequal work
        rows = min(rows, max(LEAST_ROWS, items * height // (4 * threads)))
    starts = product(range(items), range(0, height, rows))
    return [(n, begin, min(begin + rows, height)) for n, begin in starts]


def _grids(phi: Array, height: int, width: int, diagonal: int) -> list[Grid]:
    return [make_grid(item, height, width, diagonal) for item in finite_grid(phi)]


def _by_vertex(scores: Array, dtype: Any) -> Array:
    """(N, C, h, w) -> (N, h * w, C)."""
    items, channels, h, w = scores.shape
    return contiguous(scores.reshape(items, channels, h * w).swapaxes(1, 2), dtype)


def _ranked(scores: Array) -> tuple[Scores, bool]:
    """One item's scores (C, h, w), and whether most cells have one best class at all vertices."""
    elements, first, strides = memory_of(scores.astype(compute_type(scores.dtype), copy=False))
    best, calm = best_classes(elements, first, strides, scores.shape)
    plane, down, right = strides
    layout = Layout(first, plane, down, right, len(scores), scores.shape[2])
    return Scores(elements, layout, best), calm


def triangles(phi: Array, out: Array, height: int, width: int, diagonal: int, threads: int) -> None:
    for grid, to in zip(_grids(phi, height, width, diagonal), out, strict=True):
        list_triangles(grid, to)


def rasterize(phi: Array, faces: Array, weights: Array, diagonal: int, threads: int) -> None:
    _, height, width = faces.shape
    grids = _grids(phi, height, width, diagonal)

    def fill(piece: tuple[int, int, int]) -> None:
        n, begin, end = piece
        paint_faces(grids[n], begin, end, faces[n])
        weigh(grids[n], faces[n], begin, end, weights[n])

    threads = _useful(threads, faces.size)
    run(fill, _bands(len(phi), height, width, threads), threads)


def interpolate(scores: Array, phi: Array, out: Array, diagonal: int, threads: int) -> None:
    _, channels, height, width = out.shape
    grids = _grids(phi, height, width, diagonal)
    vertices = _by_vertex(scores, compute_type(out.dtype))
    half, threads = out.dtype == np.float16, _useful(threads, out.size)
    bytes_a_row = BYTES_A_RUN * 2 * phi.shape[3] + half * 4 * channels * width

    def fill(piece: tuple[int, int, int]) -> None:
        n, begin, end = piece
        if not half:
            interpolate_band(grids[n], vertices[n], begin, end, 0, out[n])
            return
        rows = np.empty((channels, end - begin, width), np.float32)
        interpolate_band(grids[n], vertices[n], begin, end, begin, rows)
        write_half(rows, begin, bit_patterns(out[n]))

    run(fill, _bands(len(phi), height, bytes_a_row, threads), threads)


def interpolate_argmax(scores: Array, phi: Array, out: Array, diagonal: int, threads: int) -> None:
    _, height, width = out.shape
    grids = _grids(phi, height, width, diagonal)
    ranked = [_ranked(item) for item in scores]

    def fill(piece: tuple[int, int, int]) -> None:
        n, begin, end = piece
        vertices, calm = ranked[n]
        simple = calm and grids[n].covers and not grids[n].folded
        label = label_changes if simple else paint_labels
        label(grids[n], vertices, begin, end, out[n])

    threads = _useful(threads, out.size)
    run(fill, _bands(len(phi), height, width, threads), threads)


def interpolate_backward(
    grad: Array,
    scores: Array,
    phi: Array,
    grad_scores: Array | None,
    grad_phi: Array | None,
    diagonal: int,
    threads: int,
) -> None:
    """``grad_scores`` and ``grad_phi`` are each optional."""
    items, channels, height, width = grad.shape
    _, _, h, w = phi.shape
    grids = _grids(phi, height, width, diagonal)
    vertices = _by_vertex(scores, np.float64)
    for n in range(items):
        owed = np.zeros((h - 1, 2, w, channels + 2))
        if channels > 0:
            _collect(grids[n], vertices[n], grad[n], owed, _useful(threads, grad[n].size))
        total = np.zeros((h, w, channels + 2))
        total[:-1] += owed[:, 0]
        total[1:] += owed[:, 1]
        planes = np.moveaxis(total, -1, 0)
        if grad_scores is not None:
            store(planes[:channels], grad_scores[n])
        if grad_phi is not None:
            clamped = (phi[n] < 0) | (phi[n] > 1)
            store(np.where(clamped, 0.0, planes[channels:]), grad_phi[n])


def _collect(grid: Grid, scores: Array, grad: Array, owed: Array, threads: int) -> None:
    faces = np.empty((0, 0), np.int32)
    if grid.folded:  # then a run may hold pixels that another triangle owns
        faces = np.empty(grad.shape[1:], np.int32)
        paint_faces(grid, 0, len(faces), faces)
    wide = grad.astype(np.float32) if grad.dtype == np.float16 else grad
    elements, first, strides = memory_of(wide)

    def collect(row_of_cells: int) -> None:
        collect_gradients(grid, faces, scores, elements, first, strides, row_of_cells, owed)

    run(collect, range(len(owed)), threads)


def _points(phi: Array) -> Array:
    """(N, 2, h, w) -> (N, 2, h * w)."""
    items, _, h, w = phi.shape
    return finite_grid(phi).reshape(items, 2, h * w)


def sample(
    image: Array, phi: Array, out: Array, mean: Sequence[float], std: Sequence[float], threads: int
) -> None:
    """(x - mean) / std where a std is given."""
    points = _points(phi)
    if out.size == 0:
        return
    elements, first, strides = memory_of(bit_patterns(image))
    shift, scale = (np.array(x, out.dtype)[:, None] for x in (mean, std))

    def normalized(pixels: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            result: Array = (pixels.view(image.dtype).astype(out.dtype) - shift) / scale
        return result

    tables = protected(normalized(BYTES)) if std and image.itemsize == 1 else None

    def fill(n: int) -> None:
        to = out[n].reshape(len(out[n]), -1)
        place = elements, first + n * strides[0], strides[1:], image.shape[2:], points[n]
        if not std:
            gather(*place, bit_patterns(to))
        elif tables is not None:
            look_up(*place, tables, to)
        else:
            pixels = np.empty(to.shape, elements.dtype)
            gather(*place, pixels)
            to[...] = normalized(pixels)

    run(fill, range(len(out)), _useful(threads, out.size))


def sample_backward(
    grad: Array, phi: Array, grad_image: Array, std: Sequence[float], threads: int
) -> None:
    """The transpose of the gather."""
    points = _points(phi)
    items, channels, height, width = grad_image.shape
    kind = compute_type(grad_image.dtype)
    offsets = [pixel_offsets(item, (height, width), (width, 1)) for item in points]

    def fill(piece: tuple[int, int]) -> None:
        values = grad[piece].astype(kind).reshape(-1)
        if std:
            values /= kind(std[piece[1]])
        plane = grad_image[piece].reshape(-1)
        if plane.dtype == kind:
            scatter(values, offsets[piece[0]], plane)
        else:  # sums of sixteen bits would lose small terms
            sums = np.empty(plane.shape, kind)
            scatter(values, offsets[piece[0]], sums)
            store(sums, plane)

    run(fill, product(range(items), range(channels)), _useful(threads, grad_image.size))


def _label_map(labels: Array) -> LabelMap:
    """One item's labels; copied if a row does not lie in one piece."""
    if labels.strides[1] != labels.itemsize:
        labels = np.ascontiguousarray(labels)
    elements, first, strides = memory_of(bit_patterns(labels))
    return LabelMap(elements, first, strides[0], *labels.shape)


def _rule(dtype: np.dtype[Any], classes: Sequence[int] | None, ignore_index: int) -> Rule:
    """In the bit patterns of a label type; labels beyond it never occur."""
    least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    ignored = [label for label in (ignore_index,) if least <= label <= most]
    chosen = [label for label in classes or () if least <= label <= most]
    value = bit_patterns(np.array(ignored or [0], dtype))[0]
    patterns = protected(bit_patterns(np.array(chosen, dtype)))
    return Rule(bool(ignored), value, classes is not None, patterns)


def boundary_mask(
    labels: Array, out: Array, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None:
    rule = _rule(labels.dtype, classes, ignore_index)
    maps = [_label_map(item) for item in labels]

    def fill(piece: tuple[int, int, int]) -> None:
        n, begin, end = piece
        mark_boundaries(maps[n], rule, begin, end, bit_patterns(out[n]))

    threads = _useful(threads, out.size)
    run(fill, _bands(len(labels), labels.shape[1], 8 * labels.shape[2], threads), threads)


def nearest_boundary(
    labels: Array, out: Array, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None:
    rule = _rule(labels.dtype, classes, ignore_index)

    def fill(n: int) -> None:
        find_nearest(_label_map(labels[n]), rule, out[n])

    run(fill, range(len(labels)), _useful(threads, labels.size))


def solve_sampling(targets: Array, out: Array, lam: float, homogeneous: bool, threads: int) -> None:
    """With ``homogeneous`` the fixed borders are all 0: the linear part of the solution."""
    items, _, h, w = targets.shape
    kind = np.dtype(compute_type(targets.dtype))
    threads = _useful(threads, targets.size)
    count = min(items, 4 * threads) if threads > 1 else 1
    pieces = [(items * k // count, items * (k + 1) // count) for k in range(count)]
    both = factors_of(h, w, lam, kind), factors_of(w, h, lam, kind)
    last = 0.0 if homogeneous else 1.0

    def fill(piece: tuple[int, int]) -> None:
        wanted, to = targets[slice(*piece)], out[slice(*piece)]
        store(solve_planes(contiguous(wanted[:, 0], kind), both[0], last), to[:, 0])
        across = contiguous(wanted[:, 1].swapaxes(1, 2), kind)
        store(solve_planes(across, both[1], last).swapaxes(1, 2), to[:, 1])

    run(fill, pieces, threads)
