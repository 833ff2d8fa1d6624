# SPDX-License-Identifier: Apache-2.0
"""Eq. (1): the pixel nearest to each grid point, and the transpose of that gather.

Only the sampled pixels are touched, where they lie in the image's memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends._numba_compile import SOURCES, inlined, kernel


@inlined
def _nearest_pixel(relative: float, size: int) -> int:
    """The product is exact for a coordinate of 24 bits, so that ties are true ties; to even."""
    at = np.rint(relative * float(size - 1))
    if not at > 0.0:
        return 0
    return int(min(at, float(size - 1)))


@kernel
def pixel_offsets(
    phi: NDArray[np.float64],
    height: int,
    width: int,
    down: int,
    right: int,
    sources: int = SOURCES,
) -> NDArray[np.int64]:
    """Place of each of the points (2, P) in memory with the given strides, from the first pixel."""
    offsets = np.empty(phi.shape[1], np.int64)
    for p in range(phi.shape[1]):
        row, col = _nearest_pixel(phi[0, p], height), _nearest_pixel(phi[1, p], width)
        offsets[p] = row * down + col * right
    return offsets


@kernel
def gather(
    elements: NDArray[Any],
    first: int,
    channel_stride: int,
    offsets: NDArray[np.int64],
    out: NDArray[Any],
    sources: int = SOURCES,
) -> None:
    """Pixels of all channels at the points' offsets, (C, P)."""
    for p in range(out.shape[1]):
        at = first + offsets[p]
        for channel in range(out.shape[0]):
            out[channel, p] = elements[np.uint64(at + channel * channel_stride)]


@kernel
def scatter(
    grad: NDArray[Any], offsets: NDArray[np.int64], out: NDArray[Any], sources: int = SOURCES
) -> None:
    """Add each point's gradient (P,) to its pixel of a plane, (H * W,), point after point."""
    out[:] = 0
    for p in range(grad.shape[0]):
        out[np.uint64(offsets[p])] += grad[p]
