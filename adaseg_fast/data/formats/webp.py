# SPDX-License-Identifier: Apache-2.0
"""WebP: the chunks of its RIFF container."""

from __future__ import annotations

import struct

from adaseg_fast.data.formats.base import Damaged, Header
from adaseg_fast.data.formats.exif import exif_orientation

_PICTURES = (b"VP8 ", b"VP8L")


def is_webp(data: bytes) -> bool:
    """Tell whether a file begins like a WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def walk(data: bytes) -> Header:
    """Follow the chunks to the end that the container states.

    The decoder refuses pixel data that breaks off within its chunk.

    Raises:
        Damaged: the file is cut off, damaged or animated.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise Damaged("the WebP is truncated")
    size, orientation, position = None, 1, 12
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        start = position + 8
        if start + length > end:
            raise Damaged("the WebP is damaged (a chunk is longer than the file)")
        content = data[start : start + length]
        if kind in (b"ANIM", b"ANMF"):
            raise Damaged("the WebP is animated, which is not read; save one frame as a picture")
        if kind in _PICTURES and size is None:
            size = _size_of(kind, content)
        if kind == b"EXIF":
            orientation = exif_orientation(content)
        position = start + length + length % 2
    if size is None:
        raise Damaged("the WebP is damaged (it holds no picture)")
    return Header(*size, "WebP", orientation=orientation)


def _size_of(kind: bytes, content: bytes) -> tuple[int, int]:
    """Return height and width of a picture chunk."""
    if len(content) < 10:
        raise Damaged("the WebP is damaged (a short picture)")
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 6)
        return height & 0x3FFF, width & 0x3FFF
    bits = int.from_bytes(content[1:5], "little")
    return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
