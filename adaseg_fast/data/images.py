# SPDX-License-Identifier: Apache-2.0
"""Pictures in and out of files: whole or not at all.

Decoders forgive: a JPEG that breaks off half-way may come back with a grey lower half and no more
than a line on stderr. So the structure of a file is walked before its pixels are decoded (JPEG
segments up to the end-of-image marker, PNG chunks with their checksums up to IEND), and whatever
does not add up is a DataError that names the file. JPEG has no checksums: bytes altered inside a
scan go unnoticed. The size in the header is bounded before memory is taken for pixels.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from adaseg_fast.data.base import DataError
from adaseg_fast.data.image_structure import (
    PNG_GRAY,
    PNG_PALETTE,
    PNG_RGB,
    PNG_SIGNATURE,
    Damaged,
    Header,
    describe,
    walk,
    walk_png,
)
from adaseg_fast.storage import write_atomically

MAX_PIXELS = 2**28
# More than any picture of so many pixels needs, so that no other file fills the memory.
MAX_BYTES = 8 * MAX_PIXELS
MIN_SIDE = 2

# The labels do not turn with the picture's EXIF orientation, so neither may turn.
_AS_STORED_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def read_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read a JPEG or PNG as RGB.

    Grey and palette pictures become RGB, an alpha channel is dropped, 16 bits are cut to 8. EXIF
    orientation is ignored: pixels come as they are stored.

    Args:
        path: the file; its content, not its name, decides about the format.

    Returns:
        (H, W, 3) uint8, C-contiguous.

    Raises:
        DataError: missing, a folder, empty, not a JPEG or PNG, cut off, damaged, above
            ``MAX_PIXELS`` pixels or below ``MIN_SIDE`` pixels on a side.
    """
    data = _read_bytes(path)
    header = _checked_header(path, data)
    if min(header.height, header.width) < MIN_SIDE:
        raise DataError(
            f"{path}: {header.width} x {header.height} pixels (width x height); "
            f"an image needs at least {MIN_SIDE} on each side"
        )
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _AS_STORED_RGB)
    except cv2.error as error:
        raise DataError(f"{path}: the {header.kind} cannot be decoded ({error})") from error
    if image is None or image.shape != (header.height, header.width, 3):
        raise DataError(f"{path}: the {header.kind} is damaged and cannot be decoded")
    return np.asarray(image, np.uint8)


def read_labels(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read class numbers from a PNG of one channel.

    Args:
        path: a PNG with 8 bits of grey, or with a palette (then the index is the class number).

    Returns:
        (H, W) uint8, C-contiguous and writable.

    Raises:
        DataError: as in `read_image`, or another kind of picture (colour, alpha, another depth).
    """
    data = _read_bytes(path)
    header = _checked_header(path, data)
    is_index = header.color_type == PNG_PALETTE or (
        header.color_type == PNG_GRAY and header.bit_depth == 8
    )
    if not is_index:
        raise DataError(
            f"{path}: labels must be an 8-bit PNG of one channel, or one with a palette; "
            f"this is a {describe(header)}"
        )
    try:
        # Pillow leaves palette indices alone (OpenCV turns them into colours). The class is taken
        # directly because Image.open has a lower size limit of its own.
        with PngImagePlugin.PngImageFile(io.BytesIO(data)) as picture:
            labels = np.array(picture, np.uint8, order="C")
    except (OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error) as error:
        raise DataError(f"{path}: the PNG is damaged ({error})") from error
    return labels


def read_deep_png(path: str | os.PathLike[str], channels: int) -> NDArray[np.uint16]:
    """Read whole numbers from a PNG with 16 bits a channel.

    Args:
        path: the file.
        channels: 1 for grey, 3 for RGB.

    Returns:
        (H, W) uint16, or (H, W, 3) in the order red, green, blue.

    Raises:
        DataError: as in `read_image`, or another kind of picture.
    """
    data = _read_bytes(path)
    header = _checked_header(path, data)
    kind = {1: PNG_GRAY, 3: PNG_RGB}[channels]
    if header.bit_depth != 16 or header.color_type != kind:
        wanted = {1: "grey", 3: "RGB"}[channels]
        raise DataError(f"{path}: wanted a 16-bit {wanted} PNG; this is a {describe(header)}")
    values = _decode_png(data, header)
    if values is None or values.size != header.height * header.width * channels:
        raise DataError(f"{path}: the PNG is damaged and cannot be decoded")
    return np.ascontiguousarray(values[..., ::-1] if channels == 3 else values, np.uint16)


def decode_mask(data: bytes, most_pixels: int) -> NDArray[np.bool_]:
    """What a PNG in memory marks: its opaque pixels, without an alpha channel those not black.

    Args:
        data: the PNG.
        most_pixels: what it may hold; more is refused before it is decoded.

    Returns:
        (H, W) bool.

    Raises:
        ValueError: not a PNG, truncated, damaged or too large.
    """
    if not data.startswith(PNG_SIGNATURE):
        raise ValueError("is no PNG")
    try:
        header = walk_png(data)
    except Damaged as error:
        raise ValueError(str(error)) from None
    if not 0 < header.height * header.width <= most_pixels:
        raise ValueError(f"has {header.width} x {header.height} pixels, more than its image")
    values = _decode_png(data, header)
    if values is None:
        raise ValueError("cannot be decoded")
    if values.ndim == 2:
        return np.asarray(values > 0)
    return np.asarray(values[..., 3] > 0 if values.shape[2] == 4 else values.any(axis=2))


def write_png(path: str | os.PathLike[str], array: NDArray[np.uint8]) -> None:
    """Write (H, W) grey or labels, or (H, W, 3) RGB, uint8, as a PNG, completely or not at all.

    Raises:
        TypeError: ``array`` is not uint8.
        ValueError: ``array`` has another shape, or no pixels.
        OSError: the file cannot be written; names ``path``.
    """
    if array.dtype != np.uint8:
        raise TypeError(f"array must be uint8 to become a PNG, got {array.dtype}")
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise ValueError(f"array must be (H, W) or (H, W, 3) with H, W > 0, got {array.shape}")
    done, data = cv2.imencode(".png", array if array.ndim == 2 else array[:, :, ::-1])
    if not done:
        raise ValueError(f"array of shape {array.shape} cannot be encoded as a PNG")
    write_atomically(path, data.tobytes())


def _read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a regular, non-empty file."""
    file = Path(path)
    try:
        if file.is_dir():
            raise DataError(f"{path}: is a folder, not a picture")
        if not file.exists():
            raise DataError(f"{path}: there is no such file")
        if not file.is_file():
            raise DataError(f"{path}: is not a regular file")
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path}: {size} bytes, more than the {MAX_BYTES} that are read")
        data = file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not data:
        raise DataError(f"{path}: the file is empty (0 bytes)")
    return data


def _checked_header(path: str | os.PathLike[str], data: bytes) -> Header:
    """Size and kind of a structurally complete JPEG or PNG, or a DataError."""
    try:
        header = walk(data)
        if header.height < 1 or header.width < 1:
            raise Damaged(f"the {header.kind} header says {header.width} x {header.height} pixels")
    except Damaged as error:
        raise DataError(f"{path}: {error}") from None
    if header.height * header.width > MAX_PIXELS:
        raise DataError(
            f"{path}: {header.width} x {header.height} pixels (width x height), more than "
            f"the {MAX_PIXELS} that are read; refused as a decompression bomb"
        )
    return header


def _decode_png(data: bytes, header: Header) -> NDArray[Any] | None:
    """The pixels as they are stored, OpenCV's order of channels; None if they are damaged."""
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    fits = values is not None and values.shape[:2] == (header.height, header.width)
    return np.asarray(values) if fits else None
