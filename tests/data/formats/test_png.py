# SPDX-License-Identifier: Apache-2.0
"""PNGs whose pixel data is shorter than their header says, though every chunk is whole."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import numpy as np
import pytest

from adaseg_fast.data import DataError
from adaseg_fast.data.images import (
    decode_mask,
    read_deep_png,
    read_image,
    read_labelled_image,
    read_labels,
)
from adaseg_fast.data.readers.supervisely_shapes import ShapeError, draw_object
from support.data.pictures import CHANNELS, encoded, noise, png, put

WIDTH, HEIGHT = 21, 30
# First row and column, and their steps.
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
          (1, 0, 2, 1))  # fmt: skip


def rows(depth: int, color: int, count: int) -> bytes:
    """Rows without a filter, each pixel not zero."""
    stride = -(-WIDTH * depth * CHANNELS[color] // 8)
    return (b"\0" + b"\x11" * stride) * count


def interlaced(depth: int, color: int) -> bytes:
    """The seven passes of a whole picture."""
    data = b""
    for row, column, down, across in PASSES:
        columns = len(range(column, WIDTH, across))
        stride = -(-columns * depth * CHANNELS[color] // 8)
        data += (b"\0" + b"\x11" * stride) * len(range(row, HEIGHT, down))
    return data


LABELS = [(8, 0), (8, 3), (4, 3), (2, 3), (1, 3)]
READS = {
    "labels": (read_labels, LABELS),
    "image": (read_image, [*LABELS, (8, 2), (8, 4), (8, 6), (16, 0), (16, 2), (1, 0), (4, 0)]),
    "labelled image": (read_labelled_image, [(8, 0), (8, 2), (16, 6)]),
    "deep grey": (lambda path: read_deep_png(path, 1), [(16, 0)]),
    "deep RGB": (lambda path: read_deep_png(path, 3), [(16, 2)]),
    "mask": (lambda path: decode_mask(path.read_bytes(), 10**6), [(8, 0), (8, 3), (8, 6), (1, 0)]),
}
CASES = [
    pytest.param(read, depth, color, interlace, id=f"{name}, {depth} bits of {color}, {interlace}")
    for name, (read, kinds) in READS.items()
    for depth, color in kinds
    for interlace in (0, 1)
]


@pytest.mark.parametrize(("read", "depth", "color", "interlace"), CASES)
@pytest.mark.parametrize("pieces", [1, 3])
def test_missing_rows_are_refused(
    tmp_path: Path, read, depth: int, color: int, interlace: int, pieces: int
) -> None:
    header = (WIDTH, HEIGHT, depth, color, interlace)
    whole = interlaced(depth, color) if interlace else rows(depth, color, HEIGHT)
    path = put(tmp_path, "a.png", png(header, whole, pieces=pieces))
    assert read(path).shape[:2] == (HEIGHT, WIDTH)
    stride = len(rows(depth, color, 1))
    for missing in (1, 2, stride, 12 * stride, len(whole) - 1, len(whole)):
        cut = whole[: max(0, len(whole) - missing)]
        path = put(tmp_path, "short.png", png(header, cut, pieces=pieces))
        with pytest.raises((DataError, ValueError), match="PNG is damaged"):
            read(path)


def test_message_says_how_much_is_missing(tmp_path: Path) -> None:
    path = put(tmp_path, "a.png", png((WIDTH, HEIGHT, 8, 0, 0), rows(8, 0, 12)))
    with pytest.raises(DataError, match=r"a\.png: .*rows are missing: 264 of 660 bytes"):
        read_labels(path)


def test_pixels_that_do_not_decompress(tmp_path: Path) -> None:
    data = png((WIDTH, HEIGHT, 8, 0, 0), rows(8, 0, HEIGHT))
    packed = zlib.compress(rows(8, 0, HEIGHT))
    broken = packed[:2] + bytes([packed[2] ^ 6]) + packed[3:]
    damaged = data.replace(packed, broken)
    crc = zlib.crc32(b"IDAT" + broken).to_bytes(4, "big")
    at = damaged.index(broken) + len(broken)
    damaged = damaged[:at] + crc + damaged[at + 4 :]
    with pytest.raises(DataError, match=r"a\.png: the PNG is damaged"):
        read_labels(put(tmp_path, "a.png", damaged))


def test_more_rows_than_needed_do_no_harm(tmp_path: Path) -> None:
    data = png((WIDTH, HEIGHT, 8, 0, 0), rows(8, 0, HEIGHT + 5))
    assert (read_labels(put(tmp_path, "a.png", data)) == 0x11).all()


def test_large_labels_in_one_piece(tmp_path: Path) -> None:
    """More than is decompressed at once, of a rate at which much output waits for its turn."""
    labels = np.zeros((3000, 2000), np.uint8)
    labels[-1, -1] = 7
    read = read_labels(put(tmp_path, "a.png", encoded(labels, "PNG")))
    np.testing.assert_array_equal(read, labels)


def test_bitmap_of_supervisely_without_its_last_rows() -> None:
    data = png((WIDTH, HEIGHT, 8, 0, 0), rows(8, 0, 12))
    text = base64.b64encode(zlib.compress(data)).decode()
    with pytest.raises(ShapeError, match="bitmap whose picture the PNG is damaged"):
        draw_object({"bitmap": {"data": text, "origin": [0, 0]}}, (HEIGHT, WIDTH))


def test_interlaced_labels_are_read(tmp_path: Path) -> None:
    """Of 1 x 1 pixels too, where most passes are empty."""
    for size in ((1, 1), (2, 3), (5, 4)):
        labels = noise(*size)
        pixels = b"".join(
            b"\0" + labels[row, column::across].tobytes()
            for top, column, down, across in PASSES
            for row in range(top, size[0], down)
            if column < size[1]
        )
        data = png((size[1], size[0], 8, 0, 1), pixels)
        np.testing.assert_array_equal(read_labels(put(tmp_path, "a.png", data)), labels)
