# SPDX-License-Identifier: Apache-2.0
"""The structure of JPEG and PNG files, walked to the end without decoding a pixel."""

from __future__ import annotations

import re
import struct
import zlib
from typing import NamedTuple

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8"
PNG_GRAY, PNG_RGB, PNG_PALETTE = 0, 2, 3

_SOS, _EOI = 0xDA, 0xD9
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# In a scan 0xff is followed by 0 where it is a plain byte, and by 0xd0..0xd7 in restart markers.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


class Header(NamedTuple):
    """What a file says of its picture; the colour type is a PNG's own number for it."""

    height: int
    width: int
    kind: str
    bit_depth: int = 8
    color_type: int | None = None


class Damaged(Exception):
    """What is wrong with the bytes; the caller adds the name of the file."""


def walk(data: bytes) -> Header:
    """Size and kind of a picture that is structurally complete.

    Raises:
        Damaged: neither a JPEG nor a PNG, cut off, or damaged.
    """
    if data.startswith(PNG_SIGNATURE):
        return walk_png(data)
    if data.startswith(_JPEG_SIGNATURE):
        return _walk_jpeg(data)
    raise Damaged("is neither a JPEG nor a PNG picture")


def walk_png(data: bytes) -> Header:
    """Follow the chunks to IEND and check every checksum."""
    header = None
    position = len(PNG_SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise Damaged("the PNG is truncated (no IEND chunk)")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise Damaged(f"the PNG is truncated (inside its {_name(kind)} chunk)")
        checksum = zlib.crc32(memoryview(data)[position + 4 : end - 4])
        if checksum != struct.unpack_from(">I", data, end - 4)[0]:
            raise Damaged(f"the PNG is damaged (checksum of its {_name(kind)} chunk)")
        if header is None:
            if kind != b"IHDR" or length != 13:
                raise Damaged("the PNG is damaged (it does not begin with an IHDR chunk)")
            width, height, depth, color = struct.unpack_from(">IIBB", data, position + 8)
            header = Header(height, width, "PNG", depth, color)
        if kind == b"IEND":
            return header
        position = end


def _walk_jpeg(data: bytes) -> Header:
    """Follow the segments and scans to the end-of-image marker.

    Looking for the marker's two bytes alone would find those of a thumbnail inside a segment.
    """
    header = None
    position = len(_JPEG_SIGNATURE)
    while True:
        marker, position = _jpeg_marker(data, position)
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
        position += length
        if marker == _SOS:
            end = _END_OF_SCAN.search(data, position)
            if end is None:
                raise Damaged("the JPEG is truncated (no end-of-image marker)")
            position = end.start()
    if header is None:
        raise Damaged("the JPEG is damaged (no frame header)")
    return header


def _jpeg_marker(data: bytes, position: int) -> tuple[int, int]:
    """The marker at ``position`` (any number of 0xff, then its code) and the position after it."""
    start = position
    while position < len(data) and data[position] == 0xFF:
        position += 1
    if position >= len(data):
        raise Damaged("the JPEG is truncated (no end-of-image marker)")
    if position == start:
        raise Damaged(f"the JPEG is damaged (no marker at byte {position})")
    return data[position], position + 1


def describe(header: Header) -> str:
    if header.color_type is None:
        return f"{header.kind} (lossy, class numbers would not survive)"
    names = {0: "grey", 2: "RGB", 4: "grey with alpha", 6: "RGB with alpha"}
    name = names.get(header.color_type, f"colour type {header.color_type}")
    return f"{header.bit_depth}-bit {name} PNG"


def _name(chunk: bytes) -> str:
    return chunk.decode("ascii", "backslashreplace")
