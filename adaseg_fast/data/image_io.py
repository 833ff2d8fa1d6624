# SPDX-License-Identifier: Apache-2.0
"""Pictures in and out of files: whole or not at all.

Decoders forgive: a JPEG that breaks off half-way may come back with a grey lower half and no more
than a line on stderr. So the structure of a file is walked before its pixels are decoded (JPEG
segments up to the end-of-image marker, PNG chunks with their checksums up to IEND), and whatever
does not add up is a DataError that names the file. JPEG has no checksums: bytes altered inside a
scan go unnoticed. The size in the header is bounded before memory is taken for pixels.

Writing goes to a temporary name in the same folder and is then renamed, so that a file is there
completely or not at all.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import secrets
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from adaseg_fast.data.base import DataError

MAX_PIXELS = 2**28
MIN_SIDE = 2

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8"
_PNG_GRAY, _PNG_PALETTE = 0, 3

_SOS, _EOI = 0xDA, 0xD9
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# In a scan 0xff is followed by 0 where it is a plain byte, and by 0xd0..0xd7 in restart markers.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")

# The labels do not turn with the picture's EXIF orientation, so neither may turn.
_AS_STORED_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


class _Header(NamedTuple):
    height: int
    width: int
    kind: str
    bit_depth: int = 8
    color_type: int | None = None


class _Damaged(Exception):
    """What is wrong with the bytes; the caller adds the name of the file."""


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
    is_index = header.color_type == _PNG_PALETTE or (
        header.color_type == _PNG_GRAY and header.bit_depth == 8
    )
    if not is_index:
        raise DataError(
            f"{path}: labels must be an 8-bit PNG of one channel, or one with a palette; "
            f"this is a {_describe(header)}"
        )
    try:
        # Pillow leaves palette indices alone (OpenCV turns them into colours). The class is taken
        # directly because Image.open has a lower size limit of its own.
        with PngImagePlugin.PngImageFile(io.BytesIO(data)) as picture:
            labels = np.array(picture, np.uint8, order="C")
    except (OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error) as error:
        raise DataError(f"{path}: the PNG is damaged ({error})") from error
    return labels


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


def write_json(path: str | os.PathLike[str], obj: object) -> None:
    """Write JSON, completely or not at all.

    NumPy arrays and numbers become lists and numbers; NaN becomes null, as JSON has no NaN.

    Raises:
        TypeError: ``obj`` holds something that JSON has no form for.
        ValueError: ``obj`` holds an infinity.
        OSError: the file cannot be written; names ``path``.
    """
    text = json.dumps(_plain(obj), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, (text + "\n").encode())


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write ``data`` to ``path``, completely or not at all (see `atomic_file`)."""
    with atomic_file(path) as file:
        file.write(data)


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file to write to that becomes ``path`` when the block ends without an exception.

    With an exception (Ctrl-C included) ``path`` is as it was before, and no temporary file stays.

    Raises:
        OSError: cannot be written; of the fitting subclass, and naming ``path``.
    """
    target = Path(path)
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        # Not tempfile: it makes files that only their owner may read.
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (str(temporary), None):
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise


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
        data = file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not data:
        raise DataError(f"{path}: the file is empty (0 bytes)")
    return data


def _checked_header(path: str | os.PathLike[str], data: bytes) -> _Header:
    """Size and kind of a structurally complete JPEG or PNG, or a DataError."""
    try:
        if data.startswith(_PNG_SIGNATURE):
            header = _walk_png(data)
        elif data.startswith(_JPEG_SIGNATURE):
            header = _walk_jpeg(data)
        else:
            raise _Damaged("is neither a JPEG nor a PNG picture")
        if header.height < 1 or header.width < 1:
            raise _Damaged(f"the {header.kind} header says {header.width} x {header.height} pixels")
    except _Damaged as error:
        raise DataError(f"{path}: {error}") from None
    if header.height * header.width > MAX_PIXELS:
        raise DataError(
            f"{path}: {header.width} x {header.height} pixels (width x height), more than "
            f"the {MAX_PIXELS} that are read; refused as a decompression bomb"
        )
    return header


def _walk_png(data: bytes) -> _Header:
    """Follow the chunks to IEND and check every checksum."""
    header = None
    position = len(_PNG_SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise _Damaged("the PNG is truncated (no IEND chunk)")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise _Damaged(f"the PNG is truncated (inside its {_name(kind)} chunk)")
        checksum = zlib.crc32(memoryview(data)[position + 4 : end - 4])
        if checksum != struct.unpack_from(">I", data, end - 4)[0]:
            raise _Damaged(f"the PNG is damaged (checksum of its {_name(kind)} chunk)")
        if header is None:
            if kind != b"IHDR" or length != 13:
                raise _Damaged("the PNG is damaged (it does not begin with an IHDR chunk)")
            width, height, depth, color = struct.unpack_from(">IIBB", data, position + 8)
            header = _Header(height, width, "PNG", depth, color)
        if kind == b"IEND":
            return header
        position = end


def _walk_jpeg(data: bytes) -> _Header:
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
            raise _Damaged("the JPEG is truncated (inside a segment)")
        if marker in _FRAME_HEADERS and header is None:
            if length < 8:
                raise _Damaged("the JPEG is damaged (short frame header)")
            height, width = struct.unpack_from(">HH", data, position + 3)
            header = _Header(height, width, "JPEG", data[position + 2])
        position += length
        if marker == _SOS:
            end = _END_OF_SCAN.search(data, position)
            if end is None:
                raise _Damaged("the JPEG is truncated (no end-of-image marker)")
            position = end.start()
    if header is None:
        raise _Damaged("the JPEG is damaged (no frame header)")
    return header


def _jpeg_marker(data: bytes, position: int) -> tuple[int, int]:
    """The marker at ``position`` (any number of 0xff, then its code) and the position after it."""
    start = position
    while position < len(data) and data[position] == 0xFF:
        position += 1
    if position >= len(data):
        raise _Damaged("the JPEG is truncated (no end-of-image marker)")
    if position == start:
        raise _Damaged(f"the JPEG is damaged (no marker at byte {position})")
    return data[position], position + 1


def _describe(header: _Header) -> str:
    if header.color_type is None:
        return f"{header.kind} (lossy, class numbers would not survive)"
    names = {0: "grey", 2: "RGB", 4: "grey with alpha", 6: "RGB with alpha"}
    name = names.get(header.color_type, f"colour type {header.color_type}")
    return f"{header.bit_depth}-bit {name} PNG"


def _plain(obj: object) -> Any:
    """``obj`` in what `json` knows: no NumPy, and None for NaN."""
    if isinstance(obj, dict):
        return {key: _plain(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [_plain(value) for value in obj]
    if isinstance(obj, np.ndarray | np.generic):
        return _plain(obj.tolist())
    if isinstance(obj, float) and math.isnan(obj):
        return None
    return obj


def _name(chunk: bytes) -> str:
    return chunk.decode("ascii", "backslashreplace")
