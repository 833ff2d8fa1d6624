# SPDX-License-Identifier: Apache-2.0
"""Semantic boundaries and, for a few points, the nearest of them: b(u) of eq. (2).

A pixel is on a boundary if a 4-neighbour has another label and neither is ignored; with classes
given, one of the two labels has to be among them. Labels are compared as bit patterns. A search
looks at rows when it reaches them, and each row's boundary columns are kept, so that it costs a
look-up a row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.compile import SOURCES, inlined, kernel


class LabelMap(NamedTuple):
    """Label (row, col) is ``elements[first + row * down + col]``."""

    elements: NDArray[Any]
    first: int
    down: int
    height: int
    width: int


class Rule(NamedTuple):
    """Which boundaries count.

    Attributes:
        ignoring: whether a label is ignored.
        ignored: that label.
        choosing: whether one of the two labels has to be among ``classes``.
        classes: (K,).
    """

    ignoring: bool
    ignored: Any
    choosing: bool
    classes: NDArray[Any]


@inlined
def _parts(label: Any, other: Any, ignoring: bool, ignored: Any) -> Any:
    """Whether another label and the boundary to it count, unless ``label`` itself is ignored."""
    return (label != other) & ((other != ignored) | (not ignoring))


@inlined
def _is_among(label: Any, classes: NDArray[Any]) -> bool:
    found = False
    for k in range(len(classes)):
        found |= classes[k] == label
    return found


@inlined
def _mark_row(
    elements: NDArray[Any],
    here: int,
    above: int,
    below: int,
    width: int,
    ignoring: bool,
    ignored: Any,
    marks: NDArray[np.uint8],
) -> None:
    """Set ``marks`` on a row's boundary pixels; ``here``, ``above``, ``below``: starts of rows."""
    for col in range(1, width - 1):
        at = np.uint64(here) + np.uint64(col)
        label = elements[at]
        mark = _parts(label, elements[at - np.uint64(1)], ignoring, ignored)
        mark |= _parts(label, elements[at + np.uint64(1)], ignoring, ignored)
        mark |= _parts(label, elements[np.uint64(above) + np.uint64(col)], ignoring, ignored)
        mark |= _parts(label, elements[np.uint64(below) + np.uint64(col)], ignoring, ignored)
        marks[col] = mark & ((label != ignored) | (not ignoring))
    for col in (0, width - 1):
        label = elements[here + col]
        mark = _parts(label, elements[here + max(col - 1, 0)], ignoring, ignored)
        mark |= _parts(label, elements[here + min(col + 1, width - 1)], ignoring, ignored)
        mark |= _parts(label, elements[above + col], ignoring, ignored)
        mark |= _parts(label, elements[below + col], ignoring, ignored)
        marks[col] = mark & ((label != ignored) | (not ignoring))


@inlined
def _find_row(
    labels: LabelMap,
    rule: Rule,
    row: int,
    words: NDArray[np.uint64],
    marks: NDArray[np.uint8],
    columns: NDArray[np.int32],
    first: int,
) -> int:
    """List a row's boundary columns from columns[first] on, and count them.

    ``marks`` are the bytes of ``words``.
    """
    elements, classes = labels.elements, rule.classes
    here = labels.first + row * labels.down
    above = here - labels.down if row > 0 else here
    below = here + labels.down if row + 1 < labels.height else here
    _mark_row(elements, here, above, below, labels.width, rule.ignoring, rule.ignored, marks)
    ignoring, ignored, choosing = rule.ignoring, rule.ignored, rule.choosing
    count, width = 0, labels.width
    for word in range(len(words)):
        if words[word] == 0:
            continue
        for col in range(8 * word, 8 * word + 8):
            if not marks[col]:
                continue
            counts = True
            if choosing:
                label, left, right = elements[here + col], max(col - 1, 0), min(col + 1, width - 1)
                counts = _is_among(label, classes)
                for at in (here + left, here + right, above + col, below + col):
                    other = elements[at]
                    if not counts and _parts(label, other, ignoring, ignored):
                        counts = _is_among(other, classes)
            if counts:
                columns[first + count] = col
                count += 1
    return count


@kernel
def mark_boundaries(
    labels: LabelMap,
    rule: Rule,
    begin: int,
    end: int,
    out: NDArray[np.uint8],
    sources: int = SOURCES,
) -> None:
    """Set the rows [begin, end) of ``out`` (H, W) to 1 on boundaries, to 0 elsewhere."""
    elements, width = labels.elements, labels.width
    words = np.zeros((width + 7) // 8, np.uint64)
    marks = words.view(np.uint8)
    columns = np.empty(width, np.int32)
    for row in range(begin, end):
        if rule.choosing:
            count = _find_row(labels, rule, row, words, marks, columns, 0)
            for col in range(width):
                out[row, col] = 0
            for k in range(count):
                out[row, columns[k]] = 1
        else:
            here = labels.first + row * labels.down
            above = here - labels.down if row > 0 else here
            below = here + labels.down if row + 1 < labels.height else here
            _mark_row(elements, here, above, below, width, rule.ignoring, rule.ignored, marks)
            for col in range(width):
                out[row, col] = marks[col]


@inlined
def _even_pixel(index: int, count: int, size: int) -> int:
    """Pixel of a point of ``count`` spread evenly, ends included; to even on a tie."""
    return int(np.rint(float(index * (size - 1)) / float(count - 1)))


@inlined
def _relative(index: int, size: int) -> float:
    return float(index) / float(size - 1) if size > 1 else 0.0


@kernel
def find_nearest(
    labels: LabelMap, rule: Rule, out: NDArray[np.float32], sources: int = SOURCES
) -> None:
    """Nearest boundary pixel of each point of a uniform grid, (2, h, w), in relative coordinates.

    The smallest row, then column, on a tie; the point itself if there is no boundary.
    """
    height, width = labels.height, labels.width
    _, h, w = out.shape
    words = np.zeros((width + 7) // 8, np.uint64)
    marks = words.view(np.uint8)
    # Row r has count[r] columns from columns[start[r]] on; -1: not looked at yet. There is room for
    # every pixel, but memory that is never written to costs nothing.
    start, count = np.empty(height, np.int64), np.full(height, -1, np.int64)
    columns, used = np.empty(height * width, np.int32), 0
    for i in range(h):
        for j in range(w):
            row, col = _even_pixel(i, h, height), _even_pixel(j, w, width)
            nearest, near_row, near_col = height * height + width * width, -1, -1
            away = 0
            while away < height and away * away <= nearest:
                for at in (row - away, row + away):
                    if at < 0 or at >= height:
                        continue
                    if count[at] < 0:
                        start[at] = used
                        count[at] = _find_row(labels, rule, at, words, marks, columns, used)
                        used += count[at]
                    first, last = start[at], start[at] + count[at]
                    right, beyond = first, last
                    while right < beyond:  # the first column that is not left of the point
                        middle = (right + beyond) // 2
                        if columns[middle] < col:
                            right = middle + 1
                        else:
                            beyond = middle
                    for k in range(max(right - 1, first), min(right + 1, last)):
                        distance = away * away + (columns[k] - col) ** 2
                        before = at < near_row or (at == near_row and columns[k] < near_col)
                        if distance < nearest or (distance == nearest and before):
                            nearest, near_row, near_col = distance, at, columns[k]
                away += 1
            out[0, i, j] = _relative(i, h) if near_row < 0 else _relative(near_row, height)
            out[1, i, j] = _relative(j, w) if near_row < 0 else _relative(near_col, width)
