# SPDX-License-Identifier: Apache-2.0
"""Rows of labels as sums of changes: a pixel's label is the sum of the changes up to its column.

Changes are kept as they come, (row, step), and sorted in the end; those that coincide may cancel.
A step is a column and what is added there, in one integer by which steps are put in order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.compile import inlined
from adaseg_fast.backends.numba.scan import fill

_DIGITS = 32  # of what is added; its sign makes no difference to the order of columns


@inlined
def moved(changes: NDArray[np.int64], count: int, room: int) -> NDArray[np.int64]:
    """The first ``count`` changes in a larger array."""
    larger = np.empty((room, 2), np.int64)
    for k in range(count):
        larger[k, 0], larger[k, 1] = changes[k, 0], changes[k, 1]
    return larger


@inlined
def add(changes: NDArray[np.int64], count: int, row: int, col: int, value: int) -> int:
    """Returns the number of changes there are then."""
    changes[count, 0], changes[count, 1] = row, (col << _DIGITS) + value
    return count + 1


@inlined
def _sort(steps: NDArray[np.int64], begin: int, end: int) -> None:
    """Few steps by insertion; of many, those far apart first."""
    gap = 1
    while 64 * gap < end - begin:
        gap = 3 * gap + 1
    while gap > 0:
        for k in range(begin + gap, end):
            moved, to = steps[k], k
            while to - gap >= begin and steps[to - gap] > moved:
                steps[to] = steps[to - gap]
                to -= gap
            steps[to] = moved
        gap //= 3


@inlined
def write_rows(
    changes: NDArray[np.int64], count: int, begin: int, end: int, out: NDArray[Any]
) -> None:
    """Write the image rows [begin, end), to which all changes belong."""
    start = np.zeros(end - begin + 1, np.int64)
    for k in range(count):
        start[changes[k, 0] - begin] += 1
    total = 0
    for row in range(end - begin + 1):
        total += start[row]
        start[row] = total
    steps = np.empty(count, np.int64)
    for k in range(count):
        row = changes[k, 0] - begin
        start[row] -= 1
        steps[start[row]] = changes[k, 1]
    width, half = out.shape[1], 1 << (_DIGITS - 1)
    for row in range(end - begin):
        _sort(steps, start[row], start[row + 1])
        first = label = 0
        for k in range(start[row], start[row + 1]):
            col = (steps[k] + half) >> _DIGITS
            if col >= width:
                break
            fill(out, begin + row, first, col, label)
            first = col
            label += steps[k] - (col << _DIGITS)
        fill(out, begin + row, first, width, label)
