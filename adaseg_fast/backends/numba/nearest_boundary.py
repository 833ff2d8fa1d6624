# SPDX-License-Identifier: Apache-2.0
"""The nearest boundary pixel of each point of a uniform grid: b(u) of eq. (2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba import geometry, runtime
from adaseg_fast.backends.numba.common.label_map import (
    Rule,
    Scratch,
    find_boundary,
    rule_of,
    scratch_of,
)
from adaseg_fast.backends.numba.runtime import SOURCES, Array, helper, kernel


def nearest_boundary(
    labels: Array, out: Array, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None:
    """Find the boundary pixel nearest to each point of a uniform grid, in relative coordinates."""
    rule = rule_of(labels.dtype, classes, ignore_index)
    patterns = runtime.bit_patterns(labels)

    def fill(n: int) -> None:
        item = runtime.contiguous(patterns[n], patterns.dtype)
        find_nearest(item, rule, scratch_of(labels), out[n])

    runtime.run(fill, range(len(labels)), threads, labels.size)


@helper
def find_nearest_columns(
    columns: NDArray[np.int32], count: int, width: int, nearest: NDArray[np.int32]
) -> None:
    """Find the nearest of ``columns`` for points spread evenly over a row; the left one on a tie.

    Fills ``nearest`` (w,): with -1 if there are no columns.
    """
    right = 0
    for j in range(len(nearest)):
        col = geometry.even_pixel(j, len(nearest), width)
        while right < count and columns[right] < col:
            right += 1
        nearest[j] = columns[right] if right < count else -1
        if right > 0:
            left = columns[right - 1]
            if nearest[j] < 0 or col - left <= nearest[j] - col:
                nearest[j] = left


@kernel
def find_nearest(
    labels: Array, rule: Rule, scratch: Scratch, out: NDArray[np.float32], sources: int = SOURCES
) -> None:
    """Fill ``out`` (2, h, w) with each point's nearest boundary pixel, in relative coordinates.

    The smallest row, then the smallest column wins a tie; without a boundary it is the point
    itself. Each row's boundary pixels are found when the first search reaches the row.
    """
    (height, width), (_, h, w) = labels.shape, out.shape
    known, nearest = np.zeros(height, np.bool_), np.empty((height, w), np.int32)
    for i in range(h):
        for j in range(w):
            row, col = geometry.even_pixel(i, h, height), geometry.even_pixel(j, w, width)
            least, found_row, found_col = height * height + width * width, -1, -1
            away = 0
            while away < height and away * away <= least:
                for at in (row - away, row + away):
                    if at < 0 or at >= height:
                        continue
                    if not known[at]:
                        count = find_boundary(labels, rule, at, scratch)
                        find_nearest_columns(scratch.columns, count, width, nearest[at])
                        known[at] = True
                    candidate = int(nearest[at, j])
                    distance = away * away + (candidate - col) ** 2
                    # On a tie a row above wins against all rows before it, and a row below loses.
                    if candidate >= 0 and (distance < least or (distance == least and at < row)):
                        least, found_row, found_col = distance, at, candidate
                away += 1
            if found_row < 0:
                out[0, i, j] = geometry.relative_coordinate(i, h)
                out[1, i, j] = geometry.relative_coordinate(j, w)
            else:
                out[0, i, j] = geometry.relative_coordinate(found_row, height)
                out[1, i, j] = geometry.relative_coordinate(found_col, width)
