# SPDX-License-Identifier: Apache-2.0
"""What the walker of every format returns, and what it raises."""

from __future__ import annotations

from typing import NamedTuple


class Header(NamedTuple):
    """What a file says about its picture.

    Attributes:
        height: rows of pixels, as they are stored.
        width: columns of pixels, as they are stored.
        kind: name of the format.
        bit_depth: bits per channel.
        color_type: the PNG's own number for its kind of pixels; None for other formats.
        orientation: EXIF orientation, 1 (as stored) to 8.
        interlaced: whether the pixels are stored in several passes (interlaced PNG, progressive
            JPEG).
    """

    height: int
    width: int
    kind: str
    bit_depth: int = 8
    color_type: int | None = None
    orientation: int = 1
    interlaced: bool = False


class Damaged(Exception):
    """Says what is wrong with the bytes; the caller adds the name of the file."""


def describe(header: Header) -> str:
    """Say in words which kind of picture a JPEG or PNG is."""
    if header.color_type is None:
        return f"{header.kind} (lossy, so it cannot keep class numbers)"
    names = {0: "grey", 2: "RGB", 4: "grey with alpha", 6: "RGB with alpha"}
    name = names.get(header.color_type, f"colour type {header.color_type}")
    return f"{header.bit_depth}-bit {name} PNG"
