# SPDX-License-Identifier: Apache-2.0
"""JPEG: segments and scans up to the end-of-image marker."""

from __future__ import annotations

import re
import struct

from adaseg_fast.data.formats.base import Damaged, Header
from adaseg_fast.data.formats.exif import EXIF_PREFIX, exif_orientation

SIGNATURE = b"\xff\xd8"

_SOS, _EOI, _APP1 = 0xDA, 0xD9, 0xE1
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Within a scan, 0xff is followed by 0 (a plain byte) or by 0xd0..0xd7 (restart markers).
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def walk(data: bytes) -> Header:
    """Follow the segments and scans to the end-of-image marker.

    A search for the two bytes of that marker would find those of a thumbnail inside a segment.

    Raises:
        Damaged: the file is cut off or damaged.
    """
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
            header = Header(height, width, "JPEG", data[position + 2])
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
    return header._replace(orientation=orientation or 1)


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
