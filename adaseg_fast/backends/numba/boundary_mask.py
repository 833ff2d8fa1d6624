# SPDX-License-Identifier: Apache-2.0
"""The pixels on semantic boundaries (sec. 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba import runtime
from adaseg_fast.backends.numba.common.label_map import (
    Rule,
    Scratch,
    find_boundary,
    rule_of,
    scratch_of,
)
from adaseg_fast.backends.numba.runtime import SOURCES, Array, kernel


def boundary_mask(
    labels: Array, out: Array, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None:
    """Mark the boundary pixels, on both sides of each boundary."""
    rule = rule_of(labels.dtype, classes, ignore_index)
    maps = [runtime.contiguous(item, item.dtype) for item in runtime.bit_patterns(labels)]

    def fill(n: int, begin: int, end: int) -> None:
        mark_band(maps[n], rule, scratch_of(labels), begin, end, out[n])

    runtime.run_bands(fill, out, threads)


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
