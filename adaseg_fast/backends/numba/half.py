# SPDX-License-Identifier: Apache-2.0
"""float32 -> float16 by integer arithmetic, which Numba lacks: to nearest, ties to even."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.backends.numba.compile import SOURCES, inlined, kernel

_16, _13, _ONE = np.uint32(16), np.uint32(13), np.uint32(1)
_SIGN, _MAGNITUDE = np.uint32(0x8000), np.uint32(0x7FFFFFFF)
_INFINITY, _TOO_LARGE, _NORMAL = np.uint32(0x7F800000), np.uint32(0x47800000), np.uint32(0x38800000)
_HALF_INFINITY, _HALF_NAN = np.uint32(0x7C00), np.uint32(0x7E00)
_BIAS, _ROUND = np.uint32(0x38000000), np.uint32(0xFFF)
_ONE_HALF, _BITS_OF_ONE_HALF = np.float32(0.5), np.uint32(0x3F000000)


@inlined
def _to_half(value: np.float32) -> np.uint16:
    bits = np.float32(value).view(np.uint32)
    magnitude = bits & _MAGNITUDE
    # Subnormal halves are multiples of 2^-24: adding 0.5 lets the float unit round there.
    subnormal = np.float32(abs(value) + _ONE_HALF).view(np.uint32) - _BITS_OF_ONE_HALF
    normal = (magnitude - _BIAS + _ROUND + ((magnitude >> _13) & _ONE)) >> _13
    result = subnormal if magnitude < _NORMAL else normal
    result = _HALF_INFINITY if magnitude >= _TOO_LARGE else result
    result = _HALF_NAN if magnitude > _INFINITY else result
    return np.uint16(((bits >> _16) & _SIGN) | result)


@kernel
def write_half(
    source: NDArray[np.float32], top: int, out: NDArray[np.uint16], sources: int = SOURCES
) -> None:
    """Copy ``source`` (C, rows, W) to ``out`` (C, H, W) from row ``top`` on."""
    for channel in range(source.shape[0]):
        for row in range(source.shape[1]):
            for col in range(source.shape[2]):
                out[channel, top + row, col] = _to_half(source[channel, row, col])
