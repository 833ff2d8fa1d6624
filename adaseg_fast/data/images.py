# SPDX-License-Identifier: Apache-2.0
"""Pictures in and out of files, completely or not at all.

Decoders are lenient: a JPEG that breaks off half-way may come back with a grey lower half and only
a line on stderr, a PNG without its last rows with zeros there. So `formats` checks the structure of
a file before its pixels are decoded, and a file that fails is a DataError that names it. The size
in the header is limited before memory is allocated for pixels.

A JPEG has no checksums and does not state the length of its scans. A scan that breaks off before
the end-of-image marker is noticed if the JPEG is not progressive; bytes that were altered, or are
missing elsewhere, are not.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, ImageFile, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from adaseg_fast.data.base import DataError
from adaseg_fast.data.formats import DATASET_FORMATS, FORMATS, Damaged, Header, jpeg, png, walk
from adaseg_fast.data.formats.base import describe
from adaseg_fast.data.formats.exif import turn_upright, without_orientation
from adaseg_fast.storage import write_atomically

MAX_PIXELS = 2**28
# More than any picture of that many pixels needs, so that no other file fills the memory.
MAX_BYTES = 8 * MAX_PIXELS
MIN_SIDE = 2
_MISSING = 128

# OpenCV must not turn the pixels: the caller decides about the orientation.
_AS_STORED_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
# The classes are used directly because Image.open has a lower limit of pixels.
_PILLOW: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
}
_PILLOW_ERRORS = (
    OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip
_PILLOW_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


def read_image(path: str | os.PathLike[str], *, upright: bool = False) -> NDArray[np.uint8]:
    """Read a picture as RGB.

    Grey and palette pictures become RGB, an alpha channel is dropped, 16 bits are cut to 8. JPEG
    and PNG may be of any kind; BMP must be uncompressed, TIFF must have one page of whole numbers,
    WebP must not be animated.

    Args:
        path: a JPEG, PNG, BMP, TIFF or WebP. The content of the file, not its name, decides about
            the format.
        upright: turn the pixels as the EXIF orientation says, for a picture without labels.
            Otherwise pixels come as they are stored.

    Returns:
        (H, W, 3) uint8, C-contiguous.

    Raises:
        DataError: the file is missing, a folder, empty, of another format, cut off or damaged, has
            more than ``MAX_PIXELS`` pixels, or fewer than ``MIN_SIDE`` on a side.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_png(f"{folder}/a.png", np.full((2, 3), 7, np.uint8))
        ...     read_image(f"{folder}/a.png").shape
        (2, 3, 3)
    """
    data, header = _read(path, FORMATS)
    image = _decode_rgb(path, data, header)
    return turn_upright(image, header.orientation) if upright else image


def read_labelled_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read an image that has labels, as RGB, with its pixels as they are stored.

    Args:
        path: a JPEG or PNG without an EXIF orientation. With one, the labels might fit the turned
            pixels or the stored ones, and nothing tells which.

    Returns:
        (H, W, 3) uint8, C-contiguous.

    Raises:
        DataError: as in `read_image`, the file is no JPEG or PNG, or it has an EXIF orientation
            other than 1.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_png(f"{folder}/a.png", np.zeros((2, 3, 3), np.uint8))
        ...     read_labelled_image(f"{folder}/a.png").shape
        (2, 3, 3)
    """
    data, header = _read(path, DATASET_FORMATS)
    _refuse_orientation(path, header)
    return _decode_rgb(path, data, header)


def read_labels(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read class numbers from a PNG of one channel.

    Args:
        path: a PNG with 8 bits of grey, or with a palette (then the index is the class number).

    Returns:
        (H, W) uint8, C-contiguous and writable.

    Raises:
        DataError: as in `read_labelled_image`, or the picture is of another kind (colour, alpha,
            another depth).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_png(f"{folder}/a.png", np.array([[0, 1], [2, 255]], np.uint8))
        ...     read_labels(f"{folder}/a.png").tolist()
        [[0, 1], [2, 255]]
    """
    data, header = _read(path, DATASET_FORMATS)
    is_index = header.color_type == png.PALETTE or (
        header.color_type == png.GRAY and header.bit_depth == 8
    )
    if not is_index:
        raise DataError(
            f"{path}: labels must be an 8-bit PNG of one channel, or one with a palette; "
            f"this is a {describe(header)}"
        )
    _refuse_orientation(path, header)
    try:
        png.check_pixels(data, header)
        # Pillow leaves palette indices alone; OpenCV turns them into colours.
        with PngImagePlugin.PngImageFile(io.BytesIO(data)) as picture:
            return np.array(picture, np.uint8, order="C")
    except Damaged as error:
        raise DataError(f"{path}: {error}") from None
    except _PILLOW_ERRORS as error:
        raise DataError(f"{path}: the PNG is damaged ({error})") from error


def read_deep_png(path: str | os.PathLike[str], channels: int) -> NDArray[np.uint16]:
    """Read whole numbers from a PNG with 16 bits per channel.

    Args:
        path: the file.
        channels: 1 for grey, 3 for RGB.

    Returns:
        (H, W) uint16, or (H, W, 3) in the order red, green, blue.

    Raises:
        DataError: as in `read_labelled_image`, or the picture is of another kind.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     done = cv2.imwrite(f"{folder}/a.png", np.array([[1, 24003]], np.uint16))
        ...     read_deep_png(f"{folder}/a.png", 1).tolist()
        [[1, 24003]]
    """
    data, header = _read(path, DATASET_FORMATS)
    kind = {1: png.GRAY, 3: png.RGB}[channels]
    if header.bit_depth != 16 or header.color_type != kind:
        wanted = {1: "grey", 3: "RGB"}[channels]
        raise DataError(f"{path}: must be a 16-bit {wanted} PNG; this is a {describe(header)}")
    _refuse_orientation(path, header)
    try:
        values = _decode_png(data, header)
    except Damaged as error:
        raise DataError(f"{path}: {error}") from None
    return np.ascontiguousarray(values[..., ::-1] if channels == 3 else values, np.uint16)


def decode_mask(data: bytes, most_pixels: int) -> NDArray[np.bool_]:
    """Return the pixels that a PNG in memory marks.

    These are the opaque pixels, or without an alpha channel the pixels that are not black.

    Args:
        data: the PNG.
        most_pixels: a PNG with more pixels is refused before it is decoded.

    Returns:
        (H, W) bool.

    Raises:
        ValueError: ``data`` is no PNG, is truncated or damaged, or has too many pixels.

    Example:
        >>> encoded = cv2.imencode(".png", np.array([[0, 9]], np.uint8))[1].tobytes()
        >>> decode_mask(encoded, 2).tolist()
        [[False, True]]
    """
    if not data.startswith(png.SIGNATURE):
        raise ValueError("is no PNG")
    try:
        header = png.walk(data)
        if not 0 < header.height * header.width <= most_pixels:
            raise Damaged(f"has {header.width} x {header.height} pixels, more than its image")
        values = _decode_png(data, header)
    except Damaged as error:
        raise ValueError(str(error)) from None
    if values.ndim == 2:
        return np.asarray(values > 0)
    return np.asarray(values[..., 3] > 0 if values.shape[2] == 4 else values.any(axis=2))


def write_png(path: str | os.PathLike[str], array: NDArray[np.uint8]) -> None:
    """Write grey, labels or RGB as a PNG, completely or not at all.

    Args:
        path: the file; an existing one is replaced.
        array: (H, W) or (H, W, 3) uint8.

    Raises:
        TypeError: ``array`` is not uint8.
        ValueError: ``array`` has another shape, or no pixels.
        OSError: the file cannot be written; the error names ``path``.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_png(f"{folder}/a.png", np.zeros((2, 3, 3), np.uint8))
        ...     os.listdir(folder)
        ['a.png']
    """
    if array.dtype != np.uint8:
        raise TypeError(f"array must be uint8 to become a PNG, got {array.dtype}")
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise ValueError(f"array must be (H, W) or (H, W, 3) with H, W > 0, got {array.shape}")
    done, data = cv2.imencode(".png", array if array.ndim == 2 else array[:, :, ::-1])
    if not done:
        raise ValueError(f"array of shape {array.shape} cannot be encoded as a PNG")
    write_atomically(path, data.tobytes())


def _read(path: str | os.PathLike[str], formats: tuple[str, ...]) -> tuple[bytes, Header]:
    """Read a file and check its structure and its size in pixels."""
    data = _read_bytes(path)
    try:
        header = walk(data, formats)
    except Damaged as error:
        raise DataError(f"{path}: {error}") from None
    if header.height < 1 or header.width < 1:
        raise DataError(
            f"{path}: the {header.kind} header says {header.width} x {header.height} pixels"
        )
    if header.height * header.width > MAX_PIXELS:
        raise DataError(
            f"{path}: {header.width} x {header.height} pixels (width x height), more than "
            f"the {MAX_PIXELS} that are read; refused as a decompression bomb"
        )
    return data, header


def _read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Read all bytes of a regular, non-empty file."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise DataError(f"{path}: is a folder, not a picture")
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path}: is not a regular file")
        if status.st_size > MAX_BYTES:
            raise DataError(
                f"{path}: {status.st_size} bytes, more than the {MAX_BYTES} that are read"
            )
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path}: cannot be read ({reason})") from error
    if not data:
        raise DataError(f"{path}: the file is empty (0 bytes)")
    return data


def _refuse_orientation(path: str | os.PathLike[str], header: Header) -> None:
    if header.orientation != 1:
        raise DataError(
            f"{path}: has the EXIF orientation {header.orientation}, so labels may fit the turned "
            "or the stored pixels; turn the pixels for good (for example with `mogrify "
            "-auto-orient`), or remove the tag if the labels fit the stored pixels"
        )


def _decode_rgb(path: str | os.PathLike[str], data: bytes, header: Header) -> NDArray[np.uint8]:
    """Return the pixels as they are stored, (H, W, 3) uint8."""
    if min(header.height, header.width) < MIN_SIDE:
        raise DataError(
            f"{path}: {header.width} x {header.height} pixels (width x height); "
            f"an image must have at least {MIN_SIDE} on each side"
        )
    decode = _decode_with_pillow if header.kind in _PILLOW else _decode_with_opencv
    image = decode(path, data, header)
    if image is None or image.shape != (header.height, header.width, 3):
        raise DataError(f"{path}: the {header.kind} is damaged and cannot be decoded")
    return image


def _decode_with_opencv(
    path: str | os.PathLike[str], data: bytes, header: Header
) -> NDArray[np.uint8] | None:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _AS_STORED_RGB)
    except cv2.error as error:
        raise DataError(f"{path}: the {header.kind} cannot be decoded ({error})") from error
    # Missing pixels come out in this grey; so the costly check is for few files only.
    if image is not None and header.kind == "JPEG" and (image[-1, -1] == _MISSING).all():
        _check_scan(path, data, header)
    return None if image is None else np.asarray(image, np.uint8)


def _check_scan(path: str | os.PathLike[str], data: bytes, header: Header) -> None:
    if header.interlaced:
        return
    try:
        jpeg.check_scan(data)
    except Damaged as error:
        raise DataError(f"{path}: {error}") from None


def _decode_with_pillow(
    path: str | os.PathLike[str], data: bytes, header: Header
) -> NDArray[np.uint8]:
    if header.kind == "TIFF":  # Pillow would turn the pixels
        data = without_orientation(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd tags, which say nothing about the pixels
        try:
            with _PILLOW[header.kind](io.BytesIO(data)) as picture:
                if picture.mode.startswith("I;16"):
                    grey = (np.asarray(picture) >> 8).astype(np.uint8)
                    return np.repeat(grey[..., None], 3, axis=2)
                if picture.mode not in _PILLOW_MODES:
                    raise DataError(f"{path}: a {header.kind} of pixels {picture.mode} is not read")
                return np.array(picture.convert("RGB"), np.uint8, order="C")
        except _PILLOW_ERRORS as error:
            raise DataError(f"{path}: the {header.kind} is damaged ({error})") from error


def _decode_png(data: bytes, header: Header) -> NDArray[Any]:
    """Return the pixels as they are stored, channels in OpenCV's order; Damaged if they are."""
    png.check_pixels(data, header)
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        values = None
    if values is None or values.shape[:2] != (header.height, header.width):
        raise Damaged("the PNG is damaged and cannot be decoded")
    return np.asarray(values)
