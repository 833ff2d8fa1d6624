# SPDX-License-Identifier: Apache-2.0
"""The structure of picture files, one file per format.

Each ``walk`` checks a file from its beginning to its end without decoding a pixel. It returns the
`Header`, or raises `Damaged`.
"""

from __future__ import annotations

from collections.abc import Callable

from adaseg_fast.data.formats import bmp, jpeg, png, tiff, webp
from adaseg_fast.data.formats.base import Damaged, Header

__all__ = ["DATASET_FORMATS", "FORMATS", "Damaged", "Header", "walk"]

# How a file of each format begins, and what checks the rest of it.
_WALKERS: dict[str, tuple[Callable[[bytes], bool], Callable[[bytes], Header]]] = {
    "JPEG": (lambda data: data.startswith(jpeg.SIGNATURE), jpeg.walk),
    "PNG": (lambda data: data.startswith(png.SIGNATURE), png.walk),
    "BMP": (lambda data: data.startswith(bmp.SIGNATURE), bmp.walk),
    "TIFF": (lambda data: data.startswith(tiff.SIGNATURES), tiff.walk),
    "WebP": (webp.is_webp, webp.walk),
}
FORMATS = tuple(_WALKERS)
DATASET_FORMATS = ("JPEG", "PNG")


def walk(data: bytes, formats: tuple[str, ...] = FORMATS) -> Header:
    """Check the structure of a picture. Its content decides about the format.

    Args:
        data: the whole file.
        formats: the formats that are accepted.

    Returns:
        Size and kind of the picture.

    Raises:
        Damaged: the file has none of the formats, is cut off, or is damaged.
    """
    for name in formats:
        begins, check = _WALKERS[name]
        if begins(data):
            return check(data)
    *others, last = formats
    raise Damaged(f"must be a {', '.join(others)} or {last} picture, and is none")
