# SPDX-License-Identifier: Apache-2.0
"""TIFF: its directories, and whether all strips or tiles of the picture are there."""

from __future__ import annotations

from adaseg_fast.data.formats.base import Damaged, Header
from adaseg_fast.data.formats.exif import (
    ORIENTATION,
    Directory,
    first_directory,
    orientation_of,
    read_directory,
)

SIGNATURES = (b"II*\0", b"MM\0*")

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _CHANNELS = 254, 256, 257, 258, 259, 277
_STRIPS, _STRIP_ROWS, _STRIP_BYTES, _PLANES = 273, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_FORMAT = 339
_TAGS = frozenset(
    (_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _CHANNELS, _STRIPS, _STRIP_ROWS, _STRIP_BYTES,
     _PLANES, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _FORMAT, ORIENTATION)
)  # fmt: skip
_NOT_A_PAGE = 1 | 4  # bits of _SUBFILE: a smaller copy of a page, a mask
_MOST_DIRECTORIES = 1000


def walk(data: bytes) -> Header:
    """Read the directories and check that the strips or tiles of the picture are all there.

    Uncompressed ones are compared with their size; the decoder refuses compressed ones that are too
    short (JPEG within TIFF excepted). Smaller copies and masks beside the picture are no pages.

    Raises:
        Damaged: the file is cut off, damaged, has several pages, or pixels of another kind than
            whole numbers of up to 16 bits.
    """
    first, *others = _directories(data)
    pages = 1 + sum(not _one(page, _SUBFILE, 0) & _NOT_A_PAGE for page in others)
    if pages > 1:
        raise Damaged(f"the TIFF has {pages} pages; each page must be a file of its own")
    height, width = _one(first, _HEIGHT), _one(first, _WIDTH)
    depths = set(first.values.get(_BITS) or (1,))
    if not depths <= {1, 2, 4, 8, 16} or set(first.values.get(_FORMAT) or (1,)) != {1}:
        raise Damaged("the TIFF must hold whole numbers of at most 16 bits per channel")
    header = Header(height, width, "TIFF", max(depths), orientation=orientation_of(first))
    if height and width:
        _check_blocks(data, first, header)
    return header


def _directories(data: bytes) -> list[Directory]:
    order, offset = first_directory(data)
    found: list[Directory] = []
    seen = set()
    while offset:
        if offset in seen or len(found) == _MOST_DIRECTORIES:
            raise Damaged("the TIFF is damaged (its directories lead back to one another)")
        seen.add(offset)
        try:
            found.append(read_directory(data, order, offset, _TAGS))
        except Damaged as error:
            raise Damaged(f"the TIFF is truncated or damaged ({error})") from None
        offset = found[-1].next
    if not found:
        raise Damaged("the TIFF is damaged (it holds no picture)")
    return found


def _check_blocks(data: bytes, page: Directory, header: Header) -> None:
    """Damaged if a strip or tile is missing, or lies beyond the end of the file."""
    tiled = _TILES in page.values
    if tiled:
        rows, columns = _one(page, _TILE_HEIGHT), _one(page, _TILE_WIDTH)
    else:
        rows, columns = min(_one(page, _STRIP_ROWS, header.height), header.height), header.width
    if not rows or not columns:
        raise Damaged("the TIFF is damaged (its strips or tiles have no pixels)")
    starts = page.values.get(_TILES if tiled else _STRIPS, ())
    lengths = page.values.get(_TILE_BYTES if tiled else _STRIP_BYTES, ())
    channels, separate = _one(page, _CHANNELS, 1), _one(page, _PLANES, 1) == 2
    planes, together = (channels, 1) if separate else (1, channels)
    down = -(-header.height // rows)
    expected = planes * down * -(-header.width // columns)
    if min(len(starts), len(lengths)) < expected:
        raise Damaged(f"the TIFF is damaged ({expected} strips or tiles must be there)")
    row_bytes = -(-columns * header.bit_depth * together // 8)
    for number in range(expected):
        needed = 1
        if _one(page, _COMPRESSION, 1) == 1:
            last = not tiled and number % down == down - 1
            needed = row_bytes * (header.height - (down - 1) * rows if last else rows)
        if lengths[number] < needed or starts[number] + lengths[number] > len(data):
            raise Damaged("the TIFF is truncated or damaged (a strip or tile is incomplete)")


def _one(page: Directory, tag: int, default: int | None = None) -> int:
    """Return the first number of a tag; Damaged if it is absent and there is no default."""
    values = page.values.get(tag, ())
    if values:
        return values[0]
    if default is None:
        raise Damaged(f"the TIFF is damaged (tag {tag} is missing)")
    return default
