# SPDX-License-Identifier: Apache-2.0
"""The shapes in an annotation of Supervisely: untrusted JSON becomes masks.

A bitmap is a PNG, compressed with zlib and encoded in base64, with the (column, row) of its upper
left pixel. The size of the image limits how far it is decompressed. A polygon is a list of (column,
row) points with holes; pixels on its edge belong to it, pixels on the edge of a hole do not. Parts
outside of the image are cut off.
"""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data.images import decode_mask

Size = tuple[int, int]
Place = tuple[slice, slice]

_PNG_OVERHEAD = 2**16  # bytes: signature, headers, palette, text


class ShapeError(ValueError):
    """Says what is wrong with an object; the caller adds where it was found."""


def draw_object(entry: Mapping[str, Any], size: Size) -> tuple[Place, NDArray[np.bool_]]:
    """Return the pixels of an object that has a "bitmap" or "points".

    Args:
        entry: the parsed object.
        size: (H, W) of the image.

    Returns:
        Rows and columns of the image, and the (rows, columns) mask to apply there.

    Raises:
        ShapeError: the object is not as described, or lies outside of the image.
    """
    bitmap, points = entry.get("bitmap"), entry.get("points")
    if isinstance(bitmap, Mapping):
        return _bitmap(bitmap, size)
    if isinstance(points, Mapping):
        return _polygon(points, size)
    raise ShapeError('has neither a "bitmap" nor "points"')


def _bitmap(bitmap: Mapping[str, Any], size: Size) -> tuple[Place, NDArray[np.bool_]]:
    text, origin = bitmap.get("data"), bitmap.get("origin")
    if not isinstance(text, str):
        raise ShapeError('has a bitmap without "data"')
    if not isinstance(origin, list) or len(origin) != 2 or not all(type(x) is int for x in origin):
        raise ShapeError(f'has a bitmap whose "origin" is not two whole numbers: {origin!r}')
    mask = _unpack(text, size)
    left, top = origin
    rows, cols = _overlap(top, mask.shape[0], size[0]), _overlap(left, mask.shape[1], size[1])
    if not (rows and cols):
        raise ShapeError(
            f"has a bitmap of {mask.shape[1]} x {mask.shape[0]} pixels (width x height) at column "
            f"{left} and row {top}, outside of an image of {size[1]} x {size[0]}"
        )
    place = np.s_[rows.start : rows.stop, cols.start : cols.stop]
    return place, mask[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]


def _overlap(start: int, length: int, side: int) -> range:
    """Return the part of ``length`` pixels from ``start`` that lies within the image's side."""
    return range(max(start, 0), min(start + length, side))


def _unpack(text: str, size: Size) -> NDArray[np.bool_]:
    most = 5 * size[0] * size[1] + _PNG_OVERHEAD  # four channels, and one filter byte per row
    unpacker = zlib.decompressobj()
    try:
        packed = base64.b64decode(text, validate=True)
        data = unpacker.decompress(packed, most)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise ShapeError(f"has a bitmap that cannot be unpacked ({error})") from None
    if not unpacker.eof:
        what = "is more than an image of this size can hold" if len(data) >= most else "breaks off"
        raise ShapeError(f"has a bitmap whose data {what}")
    try:
        return decode_mask(data, size[0] * size[1])
    except ValueError as error:
        raise ShapeError(f"has a bitmap whose picture {error}") from None


def _polygon(points: Mapping[str, Any], size: Size) -> tuple[Place, NDArray[np.bool_]]:
    exterior = _ring(points.get("exterior"), size)
    holes = points.get("interior") or []
    if not isinstance(holes, list):
        raise ShapeError('has points whose "interior" is not a list')
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [exterior], 1)
    for hole in holes:
        cv2.fillPoly(mask, [_ring(hole, size)], 0)
    return np.s_[:, :], mask.astype(bool)


def _ring(points: Any, size: Size) -> NDArray[np.int32]:
    """Return (N, 2) whole columns and rows; at most one image size outside of the image."""
    if not isinstance(points, list) or len(points) < 3:
        raise ShapeError("has a polygon that is not a list of three points or more")
    for point in points:
        is_point = isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))
        if not is_point:
            raise ShapeError(f"has a polygon with a point that is not two numbers: {point!r}")
        for value, side in zip(point, reversed(size), strict=True):
            if not -side <= value <= 2 * side:
                raise ShapeError(f"has a polygon with a point far outside the image: {point}")
    return np.rint(np.array(points, np.float64)).astype(np.int32)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and -math.inf < value < math.inf  # type: ignore[operator]
