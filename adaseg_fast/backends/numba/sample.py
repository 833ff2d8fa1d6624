# SPDX-License-Identifier: Apache-2.0
"""Eq. (1): the pixel nearest to each grid point, and the transpose of that gather.

Only the sampled pixels are touched, where they lie in the image's memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.compile import SOURCES, inlined, kernel

BLOCK = 128  # points whose offsets are held at a time


@inlined
def _nearest_pixel(relative: float, size: int) -> int:
    """The product is exact for a coordinate of 24 bits, so that ties are true ties; to even."""
    at = np.rint(relative * float(size - 1))
    if not at > 0.0:
        return 0
    return int(min(at, float(size - 1)))


@inlined
def _offsets(
    phi: NDArray[np.float64],
    begin: int,
    count: int,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    offsets: NDArray[np.int64],
) -> None:
    """Place of each of ``count`` of the points (2, P) in memory, from the first pixel."""
    for k in range(count):
        p = np.uint64(begin) + np.uint64(k)
        row, col = _nearest_pixel(phi[0, p], size[0]), _nearest_pixel(phi[1, p], size[1])
        offsets[k] = row * strides[0] + col * strides[1]


@kernel
def pixel_offsets(
    phi: NDArray[np.float64],
    size: tuple[int, ...],
    strides: tuple[int, ...],
    sources: int = SOURCES,
) -> NDArray[np.int64]:
    """Place of each of the points (2, P) in memory with the given strides, from the first pixel."""
    offsets = np.empty(phi.shape[1], np.int64)
    _offsets(phi, 0, len(offsets), size, strides, offsets)
    return offsets


@kernel
def gather(
    elements: NDArray[Any],
    first: int,
    strides: tuple[int, ...],
    size: tuple[int, ...],
    phi: NDArray[np.float64],
    out: NDArray[Any],
    sources: int = SOURCES,
) -> None:
    """Pixels of all channels, (C, P), at the points (2, P); strides are those of (C, H, W)."""
    offsets = np.empty(BLOCK, np.int64)
    for begin in range(0, phi.shape[1], BLOCK):
        count = min(BLOCK, phi.shape[1] - begin)
        _offsets(phi, begin, count, size, strides[1:], offsets)
        for channel in range(out.shape[0]):
            start = first + channel * strides[0]
            for k in range(count):
                out[channel, begin + k] = elements[np.uint64(start + offsets[k])]


@kernel
def look_up(
    elements: NDArray[np.uint8],
    first: int,
    strides: tuple[int, ...],
    size: tuple[int, ...],
    phi: NDArray[np.float64],
    tables: NDArray[Any],
    out: NDArray[Any],
    sources: int = SOURCES,
) -> None:
    """The same, of the pixels what their channel's table, of (C, 256), has for them."""
    offsets = np.empty(BLOCK, np.int64)
    for begin in range(0, phi.shape[1], BLOCK):
        count = min(BLOCK, phi.shape[1] - begin)
        _offsets(phi, begin, count, size, strides[1:], offsets)
        for channel in range(out.shape[0]):
            start = first + channel * strides[0]
            for k in range(count):
                pixel = elements[np.uint64(start + offsets[k])]
                out[channel, begin + k] = tables[channel, pixel]


@kernel
def scatter(
    grad: NDArray[Any], offsets: NDArray[np.int64], out: NDArray[Any], sources: int = SOURCES
) -> None:
    """Add each point's gradient (P,) to its pixel of a plane, (H * W,), point after point."""
    out[:] = 0
    for p in range(grad.shape[0]):
        out[np.uint64(offsets[p])] += grad[p]
