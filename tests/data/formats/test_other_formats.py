# SPDX-License-Identifier: Apache-2.0
"""BMP, TIFF and WebP: read exactly, complete or refused by name."""

from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adaseg_fast.data import DataError
from adaseg_fast.data.images import MAX_PIXELS, read_image, read_labelled_image, read_labels
from support.data.pictures import encoded, noise, put

RGB, GREY = noise(13, 10, 3), noise(13, 10)
FILES = {
    "a.bmp": encoded(RGB, "BMP"),
    "a.tif": encoded(RGB, "TIFF"),
    "lzw.tif": encoded(RGB, "TIFF", compression="tiff_lzw"),
    "deflate.tif": encoded(RGB, "TIFF", compression="tiff_adobe_deflate"),
    "packbits.tif": encoded(RGB, "TIFF", compression="packbits"),
    "a.webp": encoded(RGB, "WebP", lossless=True),
}


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_exact(tmp_path: Path, name: str) -> None:
    image = read_image(put(tmp_path, name, FILES[name]))
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    np.testing.assert_array_equal(image, RGB)


@pytest.mark.parametrize("form", ["BMP", "TIFF"])
def test_grey_palette_and_one_bit_become_rgb(tmp_path: Path, form: str) -> None:
    expected = np.repeat(GREY[..., None], 3, axis=2)
    np.testing.assert_array_equal(read_image(put(tmp_path, "g", encoded(GREY, form))), expected)
    palette = Image.fromarray(GREY)
    palette.putpalette([255 - value for value in range(256) for _ in range(3)])
    palette.save(tmp_path / "p", form)
    np.testing.assert_array_equal(read_image(tmp_path / "p"), 255 - expected)
    np.testing.assert_array_equal(
        read_image(put(tmp_path, "b", encoded(GREY > 99, form))), np.where(expected > 99, 255, 0)
    )


@pytest.mark.parametrize("form", ["TIFF", "WebP"])
def test_alpha_is_dropped(tmp_path: Path, form: str) -> None:
    more = {"lossless": True, "exact": True} if form == "WebP" else {}
    image = np.dstack([RGB, GREY])
    read = read_image(put(tmp_path, "a", encoded(image, form, **more)))
    np.testing.assert_array_equal(read, RGB)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_are_cut_to_eight(tmp_path: Path, order: str) -> None:
    deep = (GREY.astype(np.uint16) * 256 + 200).astype(f"{order}u2")
    image = read_image(put(tmp_path, "a.tif", encoded(deep, "TIFF")))
    np.testing.assert_array_equal(image, np.repeat(GREY[..., None], 3, axis=2))


def test_lossy_webp_is_close(tmp_path: Path) -> None:
    smooth = np.full((40, 60, 3), (200, 90, 30), np.uint8)
    image = read_image(put(tmp_path, "a.webp", encoded(smooth, "WebP", quality=90)))
    assert np.abs(image.astype(int) - smooth).max() <= 6


@pytest.mark.parametrize("name", FILES)
def test_cut_off_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    """Except behind the last pixel, where nothing is missing."""
    data = FILES[name]
    for length in range(2, len(data)):
        path = put(tmp_path, name, data[:length])
        try:
            image = read_image(path)
        except DataError as error:
            assert str(path) in str(error)
        else:
            np.testing.assert_array_equal(image, RGB)
            assert length > len(data) - 3


def without_end_of_strip(name: str) -> bytes:
    """The TIFF with a strip stated to be shorter, which is otherwise whole."""
    data = FILES[name]
    offset = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, offset)[0]
    changed = bytearray(data)
    for place in range(offset + 2, offset + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, place)[0] == 279:
            kind = struct.unpack_from("<H", data, place + 2)[0]
            form = "<H" if kind == 3 else "<I"
            length = struct.unpack_from(form, data, place + 8)[0]
            struct.pack_into(form, changed, place + 8, length // 2)
    assert bytes(changed) != data
    return bytes(changed)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".tif")])
def test_short_strips_of_a_tiff_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name}: the TIFF is .*damaged"):
        read_image(put(tmp_path, name, without_end_of_strip(name)))


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_whose_picture_breaks_off_is_refused(tmp_path: Path, lossless: bool) -> None:
    """The container is whole; the chunk of the picture holds half of it."""
    data = encoded(noise(40, 60, 3), "WebP", lossless=lossless)
    kind, content = data[12:16], data[20:]
    half = content[: len(content) // 4 * 2]
    inner = b"WEBP" + kind + struct.pack("<I", len(half)) + half
    path = put(tmp_path, "half.webp", b"RIFF" + struct.pack("<I", len(inner)) + inner)
    with pytest.raises(DataError, match=r"half\.webp: the WebP is damaged"):
        read_image(path)


def pages(*shapes: tuple[int, int]) -> bytes:
    first, *others = (Image.fromarray(np.zeros(shape, np.uint8)) for shape in shapes)
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=others)
    return buffer.getvalue()


def frames() -> bytes:
    buffer = io.BytesIO()
    first, second = (Image.fromarray(noise(8, 8, 3) ^ k) for k in (0, 255))
    first.save(buffer, "WebP", save_all=True, append_images=[second])
    return buffer.getvalue()


def bmp(width: int, height: int, compression: int = 0, depth: int = 24) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, depth, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def tiff(tags: list[tuple[int, int]], following: int = 0, magic: int = 42) -> bytes:
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return (
        b"II"
        + struct.pack("<HIH", magic, 8, len(tags))
        + entries
        + struct.pack("<I", following)
        + bytes(64)
    )


BASE = [(256, 4), (257, 4), (258, 8), (262, 1)]
WHOLE = [*BASE, (273, 8), (277, 1), (278, 4), (279, 16)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GIF89a" + bytes(40), "must be a JPEG, PNG, BMP, TIFF or WebP picture"),
        (b"BM" + bytes(60), "the BMP is damaged"),
        (bmp(10, 10), "the BMP is truncated \\(320 bytes"),
        (bmp(10, 10, compression=1, depth=8), "the BMP is compressed"),
        (bmp(0, 10), "0 x 10 pixels"),
        (bmp(-4, 10), "the BMP is damaged"),
        (pages((8, 8), (8, 8), (4, 4)), "the TIFF has 3 pages; each page must be a file"),
        (encoded(GREY.astype(np.float32), "TIFF"), "whole numbers of at most 16 bits"),
        (encoded(GREY.astype(np.int32), "TIFF"), "whole numbers of at most 16 bits"),
        (tiff(BASE), "1 strips or tiles must be there"),
        (tiff(BASE[1:]), "tag 256 is missing"),
        (tiff([(256, 2**15), (257, 2**15), (258, 8)]), "strips or tiles must be there"),
        (tiff([*BASE, (273, 10**6), (278, 4), (279, 16)]), "a strip or tile is incomplete"),
        (tiff([*BASE, (273, 8), (278, 0), (279, 16)]), "have no pixels"),
        (tiff([*BASE, (322, 0), (323, 16), (324, 8), (325, 16)]), "have no pixels"),
        (tiff(WHOLE, following=8), "lead back to one another"),
        (tiff(WHOLE, following=10**6), "truncated or damaged"),
        (b"II*\0" + bytes(20), "it holds no picture"),
        (b"II*\0", "directory of tags is damaged"),
        (frames(), "the WebP is animated"),
        (b"RIFF" + struct.pack("<I", 4) + b"WEBP", "it holds no picture"),
        (b"RIFF" + struct.pack("<I", 400) + b"WEBP", "the WebP is truncated"),
        (b"RIFF" + struct.pack("<I", 14) + b"WEBPVP8L" + bytes(6), "a short picture|longer than"),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=rf"odd\.x: .*({message})"):
        read_image(put(tmp_path, "odd.x", data))


def test_a_plain_tiff_made_by_hand_is_read(tmp_path: Path) -> None:
    """So that the damaged ones above fail for the reason that is looked for."""
    assert read_image(put(tmp_path, "a.tif", tiff(WHOLE))).shape == (4, 4, 3)
    overview = tiff(WHOLE, following=8 + 2 + 12 * len(WHOLE) + 4)[: 8 + 2 + 12 * len(WHOLE) + 4]
    smaller = tiff([(254, 1), *WHOLE])[8:]
    assert read_image(put(tmp_path, "b.tif", overview + smaller)).shape == (4, 4, 3)


def test_a_directory_that_names_the_file_again_and_again_takes_no_memory(tmp_path: Path) -> None:
    """60,000 tags, each with the whole file as its values."""
    count, filler = 60_000, bytes(2**20)
    entry = struct.pack("<HHII", 258, 1, 2**20 + 10**5, 8)
    data = b"II" + struct.pack("<HIH", 42, 8, count) + entry * count + bytes(4) + filler
    tracemalloc.start()
    with pytest.raises(DataError, match=r"a\.tif: the TIFF is damaged \(tag 257 is missing\)"):
        read_image(put(tmp_path, "a.tif", data))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**25


@pytest.mark.parametrize("tag", [258, 339])
def test_a_tag_without_values_counts_as_absent(tmp_path: Path, tag: int) -> None:
    data = bytearray(tiff([*WHOLE, (tag, 1)] if tag == 339 else WHOLE))
    place = data.index(struct.pack("<HHI", tag, 4, 1))
    data[place + 4 : place + 8] = bytes(4)
    assert read_image(put(tmp_path, "a.tif", bytes(data))).shape == (4, 4, 3)


@pytest.mark.parametrize("side", [2**14 + 1, 2**16])
def test_size_is_bounded_before_pixels_are_made(tmp_path: Path, side: int) -> None:
    assert side * side > MAX_PIXELS
    row = -(-side // 8)
    lying = [(256, side), (257, side), (258, 1), (262, 1), (273, 8), (277, 1), (278, side)]
    data = tiff([*lying, (259, 5), (279, row)]) + bytes(row)
    with pytest.raises(DataError, match=r"bomb\.tif: .*decompression bomb"):
        read_image(put(tmp_path, "bomb.tif", data))


@pytest.mark.parametrize("name", FILES)
def test_data_sets_hold_jpeg_and_png_only(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name, FILES[name])
    for read in (read_labelled_image, read_labels):
        with pytest.raises(DataError, match=rf"{name}: must be a JPEG or PNG picture"):
            read(path)
