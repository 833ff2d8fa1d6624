# SPDX-License-Identifier: Apache-2.0
"""Picture files made byte by byte, or by an encoder other than the code under test."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of each colour type of a PNG


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).integers(0, 256, shape, np.uint8)


def encoded(array: np.ndarray, form: str, **options: object) -> bytes:
    """The file that Pillow makes of ``array``."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, form, **options)
    return buffer.getvalue()


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(header: Sequence[int], pixels: bytes, *, pieces: int = 1, before: bytes = b"") -> bytes:
    """A PNG with correct checksums around any pixel data.

    Args:
        header: width, height, depth, colour type, interlace method.
        pixels: what is compressed into the IDAT chunks.
        pieces: number of IDAT chunks.
        before: further chunks before them.
    """
    width, height, depth, color, interlace = header
    packed = zlib.compress(pixels)
    step = -(-len(packed) // pieces)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))
        + (chunk(b"PLTE", bytes(3 << min(depth, 8))) if color == 3 else b"")
        + before
        + b"".join(chunk(b"IDAT", packed[k : k + step]) for k in range(0, len(packed), step))
        + chunk(b"IEND", b"")
    )


def exif(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """A block of EXIF that holds nothing but an orientation, of the type SHORT unless said."""
    value = struct.pack(f"{order}HH", orientation, 0)
    if kind == 4:
        value = struct.pack(f"{order}I", orientation)
    return (
        {"<": b"II", ">": b"MM"}[order]
        + struct.pack(f"{order}HIH", 42, 8, 1)
        + struct.pack(f"{order}HHI", 0x0112, kind, 1)
        + value
        + bytes(4)
    )


def jpeg_with(data: bytes, segment: bytes) -> bytes:
    """The JPEG ``data`` with an APP1 segment put first."""
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
