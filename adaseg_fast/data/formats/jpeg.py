# SPDX-License-Identifier: Apache-2.0
"""JPEG: segments and scans up to the end-of-image marker, and whether the last scan is complete."""

from __future__ import annotations

import io
import re
import struct

from PIL import JpegImagePlugin

from adaseg_fast.data.formats.base import Damaged, Header
from adaseg_fast.data.formats.exif import EXIF_PREFIX, exif_orientation

SIGNATURE = b"\xff\xd8"

_SOS, _EOI, _APP1 = 0xDA, 0xD9, 0xE1
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_SEQUENTIAL = (0xC0, 0xC1)
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Eight bytes of ones, which is what a decoder reads ahead at most; 0xff is followed by 0 in a scan.
_ONES = b"\xff\0" * 8
# Within a scan, 0xff is followed by 0 (a plain byte) or by 0xd0..0xd7 (restart markers).
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def walk(data: bytes) -> Header:
    """Follow the segments and scans to the end-of-image marker.

    A search for the two bytes of that marker would find those of a thumbnail inside a segment.

    Raises:
        Damaged: the file is cut off or damaged.
    """
    return _follow(data)[0]


def check_scan(data: bytes) -> None:
    """Check that the scan of a JPEG in one pass holds all its pixels, up to the last few blocks.

    Decoders paint missing blocks grey, without an error. So replace the end marker by invalid bits
    and decode: a complete scan never reads that far, a truncated one fails.

    Args:
        data: a file that `walk` accepts, not interlaced.

    Raises:
        Damaged: the scan breaks off.
    """
    _, end = _follow(data)
    padded = data[: end - 2] + _ONES
    try:
        with JpegImagePlugin.JpegImageFile(io.BytesIO(padded)) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise Damaged(f"the JPEG is truncated (its scan breaks off: {error})") from None


def _follow(data: bytes) -> tuple[Header, int]:
    """Do what `walk` does; also return the position behind the end-of-image marker."""
    header, orientation = None, None
    position = len(SIGNATURE)
    while True:
        marker, position = _marker(data, position)
        if marker == _EOI:
            break
        if marker in _STANDALONE:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if position + max(length, 2) > len(data):
            raise Damaged("the JPEG is truncated (inside a segment)")
        if marker in _FRAME_HEADERS and header is None:
            if length < 8:
                raise Damaged("the JPEG is damaged (short frame header)")
            height, width = struct.unpack_from(">HH", data, position + 3)
            header = Header(
                height, width, "JPEG", data[position + 2], interlaced=marker not in _SEQUENTIAL
            )
        if marker == _APP1 and orientation is None:
            orientation = _orientation(data[position + 2 : position + length])
        position += length
        if marker == _SOS:
            end = _END_OF_SCAN.search(data, position)
            if end is None:
                raise Damaged("the JPEG is truncated (no end-of-image marker)")
            position = end.start()
    if header is None:
        raise Damaged("the JPEG is damaged (no frame header)")
    return header._replace(orientation=orientation or 1), position


def _orientation(segment: bytes) -> int | None:
    """Return the orientation in an APP1 segment, None if the segment is not EXIF."""
    return exif_orientation(segment) if segment.startswith(EXIF_PREFIX) else None


def _marker(data: bytes, position: int) -> tuple[int, int]:
    """Read the marker at ``position`` (any number of 0xff, then its code); also where it ends."""
    start = position
    while position < len(data) and data[position] == 0xFF:
        position += 1
    if position >= len(data):
        raise Damaged("the JPEG is truncated (no end-of-image marker)")
    if position == start:
        raise Damaged(f"the JPEG is damaged (no marker at byte {position})")
    return data[position], position + 1
