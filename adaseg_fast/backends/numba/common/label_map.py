# SPDX-License-Identifier: Apache-2.0
"""The boundary pixels of a label map, row by row, as in ``csrc/cpu/common/label_map.h``.

A pixel is on a boundary if one of its 4 neighbours has another label and neither label is ignored.
With target classes, at least one of the two must be among them. Labels are compared as unsigned
integers of the same bits.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from adaseg_fast.backends.numba import runtime
from adaseg_fast.backends.numba.runtime import Array, helper


class Rule(NamedTuple):
    """Which boundaries count, in the bit patterns of the labels.

    Attributes:
        ignored: (0,) or (1,), the label that is ignored.
        choosing: whether one of the two labels must be among ``classes``.
        classes: (K,), the target classes.
    """

    ignored: Array
    choosing: bool
    classes: Array


class Scratch(NamedTuple):
    """Scratch space for a row of W pixels.

    Attributes:
        marks: (W to W + 7,) uint8, 1 where a pixel differs from a neighbour; 0 beyond the row.
        words: the same memory, eight pixels at a time.
        columns: (W,) int32, columns of the boundary pixels.
    """

    marks: Array
    words: Array
    columns: Array


def rule_of(dtype: np.dtype[Any], classes: Sequence[int] | None, ignore_index: int) -> Rule:
    """Make the rule for labels of a dtype; numbers beyond its range are left out.

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
    """Make the scratch space of one thread for labels (N, H, W)."""
    width = labels.shape[2]
    words = np.zeros((width + 7) // 8, np.uint64)
    return Scratch(words.view(np.uint8), words, np.empty(width, np.int32))


@helper
def is_among(label: Any, labels: Array) -> bool:
    """Tell whether a label is one of a few."""
    found = False
    for k in range(len(labels)):
        found |= labels[k] == label
    return found


@helper
def counts(label: Any, other: Any, rule: Rule) -> bool:
    """Tell whether two neighbouring labels make a boundary."""
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
        if words[word] == 0:  # skips eight pixels at once, which is the usual case
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
