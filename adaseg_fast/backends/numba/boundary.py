# SPDX-License-Identifier: Apache-2.0
"""Semantic boundaries and, for a few points, the nearest of them: b(u) of eq. (2).

A pixel is on a boundary if a 4-neighbour has another label and neither is ignored; with classes
given, one of the two labels must be among them. Labels are compared as bit patterns.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba import geometry, runtime
from adaseg_fast.backends.numba.runtime import SOURCES, Array, helper, kernel


class Rule(NamedTuple):
    """Which boundaries count, in the bit patterns of the labels.

    Attributes:
        ignored: (0,) or (1,), the label that is ignored.
        choosing: whether one of the two labels must be among ``classes``.
        classes: (K,).
    """

    ignored: Array
    choosing: bool
    classes: Array


class Scratch(NamedTuple):
    """Room for a row of ``width`` pixels.

    Attributes:
        marks: (W or up to 7 more,) uint8, which pixels differ from a neighbour; 0 beyond the row.
        words: the same memory, eight pixels at a time.
        columns: (W,) int32, those of the boundary pixels.
    """

    marks: Array
    words: Array
    columns: Array


def boundary_mask(
    labels: Array, out: Array, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None:
    """Boundary pixels, on both sides of each boundary."""
    rule = rule_of(labels.dtype, classes, ignore_index)
    maps = [runtime.contiguous(item, item.dtype) for item in runtime.bit_patterns(labels)]

    def fill(n: int, begin: int, end: int) -> None:
        mark_band(maps[n], rule, scratch_of(labels), begin, end, out[n])

    runtime.run_bands(fill, out, threads)


def nearest_boundary(
    labels: Array, out: Array, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None:
    """The boundary pixel nearest to each point of a uniform grid, in relative coordinates."""
    rule = rule_of(labels.dtype, classes, ignore_index)
    patterns = runtime.bit_patterns(labels)

    def fill(n: int) -> None:
        item = runtime.contiguous(patterns[n], patterns.dtype)
        find_nearest(item, rule, scratch_of(labels), out[n])

    runtime.run(fill, range(len(labels)), threads, labels.size)


def rule_of(dtype: np.dtype[Any], classes: Sequence[int] | None, ignore_index: int) -> Rule:
    """The rule for labels of a dtype; numbers beyond its range never occur.

    Raises:
        TypeError: ``classes`` or ``ignore_index`` are not integers.
    """
    least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)

    def patterns(numbers: Sequence[int]) -> Array:
        found = [x for x in map(operator.index, numbers) if least <= x <= most]
        return runtime.protected(runtime.bit_patterns(np.array(found, dtype)))

    chosen = () if classes is None else classes
    return Rule(patterns([ignore_index]), classes is not None, patterns(chosen))


def scratch_of(labels: Array) -> Scratch:
    """For one thread and labels (N, H, W)."""
    width = labels.shape[2]
    words = np.zeros((width + 7) // 8, np.uint64)
    return Scratch(words.view(np.uint8), words, np.empty(width, np.int32))


@helper
def is_among(label: Any, labels: Array) -> bool:
    """Whether a label is one of a few."""
    found = False
    for k in range(len(labels)):
        found |= labels[k] == label
    return found


@helper
def counts(label: Any, other: Any, rule: Rule) -> bool:
    """Whether two labels side by side are a boundary."""
    if label == other or is_among(label, rule.ignored) or is_among(other, rule.ignored):
        return False
    return not rule.choosing or is_among(label, rule.classes) or is_among(other, rule.classes)


@helper
def mark_changes(here: Array, above: Array, below: Array, marks: Array) -> None:
    """Mark the pixels of a row whose label differs from one of its 4 neighbours."""
    for col in range(len(here)):
        marks[col] = (here[col] != above[col]) | (here[col] != below[col])
    before, after, marks_after = here[:-1], here[1:], marks[1:]
    for col in range(len(before)):
        marks[col] |= before[col] != after[col]
    for col in range(len(before)):
        marks_after[col] |= before[col] != after[col]


@helper
def find_boundary(labels: Array, rule: Rule, row: int, scratch: Scratch) -> int:
    """List the columns of a row's boundary pixels in ``scratch``, and count them."""
    marks, words, columns = scratch
    height, width = labels.shape
    here = labels[row]
    above, below = labels[max(row - 1, 0)], labels[min(row + 1, height - 1)]
    mark_changes(here, above, below, marks)
    count = 0
    for word in range(len(words)):
        if words[word] == 0:  # most are, and looking at eight pixels at once saves time
            continue
        for col in range(8 * word, min(8 * word + 8, width)):
            if not marks[col]:
                continue
            left, right = here[max(col - 1, 0)], here[min(col + 1, width - 1)]
            for other in (above[col], below[col], left, right):
                if counts(here[col], other, rule):
                    columns[count] = col
                    count += 1
                    break
    return count


@kernel
def mark_band(
    labels: Array,
    rule: Rule,
    scratch: Scratch,
    begin: int,
    end: int,
    out: NDArray[np.bool_],
    sources: int = SOURCES,
) -> None:
    """Fill the rows [begin, end) of ``out`` (H, W)."""
    for row in range(begin, end):
        out[row] = False
        for k in range(find_boundary(labels, rule, row, scratch)):
            out[row, scratch.columns[k]] = True


@helper
def find_nearest_columns(
    columns: NDArray[np.int32], count: int, width: int, nearest: NDArray[np.int32]
) -> None:
    """For points spread evenly over a row, the nearest of ``columns``; the left one on a tie.

    ``nearest`` (w,) is filled with -1 where there are no columns.
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
    """Nearest boundary pixel of each point of a uniform grid, (2, h, w), in relative coordinates.

    The smallest row, then column, on a tie; the point itself if there is no boundary. A row is
    looked at when the first search reaches it.
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
