# SPDX-License-Identifier: Apache-2.0
"""Directories of tags, as EXIF and TIFF have them, and the orientation that they may state."""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data.formats.base import Damaged

EXIF_PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
_MOST_VALUES = 2**20  # of one tag
# Types of values that are whole numbers: bytes, shorts, longs.
_TYPES = {1: "B", 3: "H", 4: "I"}


class Directory(NamedTuple):
    """One directory of tags.

    Attributes:
        values: the whole numbers of each tag that was asked for; tags of other types are left out,
            and those whose values lie beyond the end of the data.
        places: position of the entry of each tag in ``values``.
        next: position of the next directory, 0 after the last one.
    """

    values: dict[int, tuple[int, ...]]
    places: dict[int, int]
    next: int


def first_directory(data: bytes) -> tuple[str, int]:
    """Return the byte order ("<" or ">") and the position of the first directory.

    Raises:
        Damaged: ``data`` does not begin like a TIFF.
    """
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None or len(data) < 8:
        raise Damaged("the directory of tags is damaged")
    magic, offset = struct.unpack_from(f"{order}HI", data, 2)
    if magic != 42:
        raise Damaged(f"the directory of tags is of another kind ({magic} in place of 42)")
    return order, offset


def read_directory(
    data: bytes, order: str, offset: int, wanted: Collection[int] = (ORIENTATION,)
) -> Directory:
    """Read the ``wanted`` tags of the directory at ``offset``.

    Of a tag that occurs twice, the first one counts. A tag of more than a million values counts as
    absent.

    Raises:
        Damaged: the directory lies beyond the end of ``data``.
    """
    try:
        (count,) = struct.unpack_from(f"{order}H", data, offset)
        values: dict[int, tuple[int, ...]] = {}
        places: dict[int, int] = {}
        for place in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, length = struct.unpack_from(f"{order}HHI", data, place)
            if kind not in _TYPES or tag not in wanted or tag in values or length > _MOST_VALUES:
                continue
            form = f"{order}{length}{_TYPES[kind]}"
            start = place + 8
            if struct.calcsize(form) > 4:
                (start,) = struct.unpack_from(f"{order}I", data, start)
            if start + struct.calcsize(form) <= len(data):
                values[tag] = struct.unpack_from(form, data, start)
                places[tag] = place
        (following,) = struct.unpack_from(f"{order}I", data, offset + 2 + 12 * count)
    except (struct.error, OverflowError):
        raise Damaged("the directory of tags is truncated") from None
    return Directory(values, places, following)


def orientation_of(directory: Directory) -> int:
    """Return the orientation that a directory states, 1 if it states none or an unknown one."""
    stated = directory.values.get(ORIENTATION, (1,))
    return stated[0] if len(stated) == 1 and 1 <= stated[0] <= 8 else 1


def without_orientation(data: bytes) -> bytes:
    """Return a TIFF whose orientation is 1. Its pixels stay as they are stored.

    Args:
        data: a TIFF that `tiff.walk` accepts.

    Returns:
        The changed file.
    """
    order, offset = first_directory(data)
    place = read_directory(data, order, offset).places.get(ORIENTATION)
    if place is None:
        return data
    entry = struct.pack(f"{order}HHIHH", ORIENTATION, 3, 1, 1, 0)
    return data[:place] + entry + data[place + len(entry) :]


def exif_orientation(data: bytes) -> int:
    """Return the orientation in a block of EXIF, 1 if there is none.

    Damage in EXIF is no damage in the picture, so a block that cannot be read counts as absent,
    as in other decoders.

    Args:
        data: the block, with or without the prefix that JPEG puts before it.

    Returns:
        1 (as stored) to 8.

    Example:
        >>> one_tag = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
        >>> exif_orientation(b"II*\\0" + struct.pack("<IH", 8, 1) + one_tag + bytes(4))
        6
    """
    try:
        data = data.removeprefix(EXIF_PREFIX)
        return orientation_of(read_directory(data, *first_directory(data)))
    except Damaged:
        return 1


def turn_upright(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn the pixels of a picture so that it is seen upright.

    Args:
        image: (H, W, ...) pixels as they are stored.
        orientation: EXIF orientation, 1 (as stored) to 8.

    Returns:
        (H, W, ...), or (W, H, ...) for orientations 5 to 8; C-contiguous.

    Example:
        >>> turn_upright(np.array([[1, 2, 3]]), 6).tolist()  # stored lying on its left side
        [[1], [2], [3]]
        >>> turn_upright(np.array([[1, 2, 3]]), 8).tolist()
        [[3], [2], [1]]
    """
    if orientation >= 5:  # the first stored row is the left or right side
        image = np.swapaxes(image, 0, 1)
    if orientation in (3, 4, 7, 8):  # stored upside down
        image = image[::-1]
    if orientation in (2, 3, 6, 7):  # stored with left and right swapped
        image = image[:, ::-1]
    return np.ascontiguousarray(image)
