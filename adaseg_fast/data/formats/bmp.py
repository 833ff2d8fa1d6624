# SPDX-License-Identifier: Apache-2.0
"""BMP without compression: its size says whether it is complete."""

from __future__ import annotations

import struct

from adaseg_fast.data.formats.base import Damaged, Header

SIGNATURE = b"BM"

_PLAIN = {0: "none", 3: "bit fields", 6: "bit fields with alpha"}
_DEPTHS = (1, 4, 8, 16, 24, 32)


def walk(data: bytes) -> Header:
    """Read the header and check that all rows are there.

    Raises:
        Damaged: the file is cut off, damaged or compressed.
    """
    if len(data) < 54:
        raise Damaged("the BMP is truncated (inside its header)")
    start, length, width, height, _, depth, compression = struct.unpack_from("<IIiiHHI", data, 10)
    if length < 40 or depth not in _DEPTHS or width < 0:
        raise Damaged("the BMP is damaged, or of a kind that is not read (its header)")
    if compression not in _PLAIN:
        raise Damaged("the BMP is compressed, which is not read")
    stride = (width * depth + 31) // 32 * 4
    missing = start + stride * abs(height) - len(data)
    if missing > 0:
        raise Damaged(f"the BMP is truncated ({missing} bytes of pixels are missing)")
    return Header(abs(height), width, "BMP", min(depth, 8))
