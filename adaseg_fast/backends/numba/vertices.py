# SPDX-License-Identifier: Apache-2.0
"""The scores of one item as the label kernels read them.

Of each vertex the best class, found class by class in whole rows; and, of the vertices of triangles
in hand, the scores of all classes side by side, read when a triangle asks for them first. The
triangles of a row of cells share two rows of vertices, and no more of them are held.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.compile import SOURCES, inlined, kernel
from adaseg_fast.backends.numba.lanes import LANES


class Layout(NamedTuple):
    """Class c at vertex (i, j) is element ``first + c * plane + i * down + j * right``."""

    first: int
    plane: int
    down: int
    right: int
    classes: int
    cols: int


class Scores(NamedTuple):
    """One item's scores.

    Attributes:
        elements: all of their memory.
        layout: where they lie in it.
        best: (h * w,), the class with the highest score, the lowest class on a tie.
    """

    elements: NDArray[Any]
    layout: Layout
    best: NDArray[np.int32]


@inlined
def _read_row(elements: NDArray[Any], first: int, right: int, count: int, to: NDArray[Any]) -> None:
    if right == 1:
        for j in range(count):
            to[np.uint64(j)] = elements[np.uint64(first) + np.uint64(j)]
    else:
        for j in range(count):
            to[np.uint64(j)] = elements[np.uint64(first + j * right)]


@kernel
def best_classes(
    elements: NDArray[Any],
    first: int,
    strides: tuple[int, ...],
    shape: tuple[int, ...],
    sources: int = SOURCES,
) -> tuple[NDArray[np.int32], bool]:
    """Best class of each vertex, (h * w,), and whether most cells have but one.

    A NaN never wins, except as class 0. Strides and shape are those of (C, h, w).
    """
    plane, down, right = strides
    classes, rows, cols = shape
    best = np.zeros((rows, cols), np.int32)
    most, value = np.empty(cols, elements.dtype), np.empty(cols, elements.dtype)
    for i in range(rows):
        winner = best[i]
        _read_row(elements, first + i * down, right, cols, most)
        for c in range(1, classes):
            _read_row(elements, first + i * down + c * plane, right, cols, value)
            number = np.int32(c)
            for j in range(cols):
                better = value[j] > most[j]
                most[j] = value[j] if better else most[j]
                winner[j] = number if better else winner[j]
    same = 0
    for i in range(rows - 1):
        for j in range(cols - 1):
            a = best[i, j]
            same += (a == best[i, j + 1]) & (a == best[i + 1, j]) & (a == best[i + 1, j + 1])
    return best.reshape(-1), 2 * same > (rows - 1) * (cols - 1)


@inlined
def make_slots(layout: Layout, dtype: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Room for the scores of the vertices held: which one each slot has, and the scores, flat.

    The number of slots is a power of two, and the scores of each are padded to whole ``LANES``.
    """
    slots = 1
    while slots < 2 * layout.cols:
        slots *= 2
    holds = np.empty(slots, np.int64)
    for slot in range(slots):
        holds[slot] = -1
    values = np.empty(slots * ((layout.classes + LANES - 1) // LANES * LANES), dtype)
    for k in range(len(values)):
        values[k] = 0
    return holds, values


@inlined
def place_of(
    elements: NDArray[Any],
    layout: Layout,
    holds: NDArray[np.int64],
    values: NDArray[Any],
    vertex: int,
) -> int:
    """Where a vertex's scores begin in ``values``, until those of two rows further are read."""
    slot = vertex & (len(holds) - 1)
    at = slot * ((layout.classes + LANES - 1) // LANES * LANES)
    i = vertex // layout.cols
    start = layout.first + i * layout.down + (vertex - i * layout.cols) * layout.right
    missing = 0 if holds[slot] == vertex else layout.classes
    holds[slot] = vertex
    # A loop that may be empty, not a branch, at the end of which some arrays would be in use no
    # more and others still be: their references would be counted.
    for c in range(missing):
        values[np.uint64(at + c)] = elements[np.uint64(start + c * layout.plane)]
    return at
