# SPDX-License-Identifier: Apache-2.0
"""PNG: chunks with their checksums, and whether the pixel data is all there."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from adaseg_fast.data.formats.base import Damaged, Header
from adaseg_fast.data.formats.exif import exif_orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE = 0, 2, 3

_CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, 4: 2, 6: 4}
# First row and column, and their steps, of the seven passes of an interlaced picture.
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
           (1, 0, 2, 1))  # fmt: skip
_PIECE = 2**20  # bytes decompressed at once


def walk(data: bytes) -> Header:
    """Follow the chunks to IEND and check every checksum.

    Raises:
        Damaged: the file is cut off or damaged.
    """
    header, orientation = None, 1
    for kind, content in _chunks(data):
        if header is None:
            if kind != b"IHDR" or len(content) != 13:
                raise Damaged("the PNG is damaged (it does not begin with an IHDR chunk)")
            width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", content)
            header = Header(height, width, "PNG", depth, color, interlaced=interlace != 0)
        if kind == b"eXIf":
            orientation = exif_orientation(bytes(content))
    assert header is not None  # there is a first chunk, or _chunks raises
    return header._replace(orientation=orientation)


def check_pixels(data: bytes, header: Header) -> None:
    """Check that the pixel data is as long as the header says.

    Some decoders silently fill rows that are missing with zeros.

    Args:
        data: a file that `walk` accepts.
        header: what `walk` returned.

    Raises:
        Damaged: the pixel data is too short, or cannot be decompressed.
    """
    expected = _size_of_pixels(header)
    unpacker, found = zlib.decompressobj(), 0
    try:
        for kind, content in _chunks(data):
            if kind != b"IDAT":
                continue
            waiting: bytes | memoryview = content
            while found < expected:
                piece = unpacker.decompress(waiting, _PIECE)
                found, waiting = found + len(piece), unpacker.unconsumed_tail
                if not waiting and len(piece) < _PIECE:
                    break
    except zlib.error as error:
        raise Damaged(f"the PNG is damaged ({error})") from None
    if found < expected:
        raise Damaged(
            f"the PNG is damaged (rows are missing: {found} of {expected} bytes of pixel data)"
        )


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield kind and content of each chunk up to IEND; Damaged if one is cut off or altered."""
    view, position = memoryview(data), len(SIGNATURE)
    kind = b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise Damaged("the PNG is truncated (no IEND chunk)")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise Damaged(f"the PNG is truncated (inside its {_name(kind)} chunk)")
        if zlib.crc32(view[position + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise Damaged(f"the PNG is damaged (checksum of its {_name(kind)} chunk)")
        yield kind, view[position + 8 : end - 4]
        position = end


def _size_of_pixels(header: Header) -> int:
    """Return the bytes of pixel data: each row has one byte for its filter before its pixels."""
    bits = header.bit_depth * _CHANNELS.get(header.color_type or 0, 1)
    passes = _PASSES if header.interlaced else ((0, 0, 1, 1),)
    total = 0
    for row, column, down, across in passes:
        rows = -(-(header.height - row) // down)
        columns = -(-(header.width - column) // across)
        if rows > 0 and columns > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")
