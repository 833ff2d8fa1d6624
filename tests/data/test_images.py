# SPDX-License-Identifier: Apache-2.0
"""Files of pictures: what comes out, and that every kind of damage is refused by name."""

from __future__ import annotations

import io
import os
import re
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from adaseg_fast.data.base import DataError
from adaseg_fast.data.images import (
    MAX_PIXELS,
    decode_mask,
    read_deep_png,
    read_image,
    read_labels,
    write_png,
)
from support.data.pictures import encoded, noise, png, put


def png_of_header(width: int, height: int, depth: int = 8, color: int = 2) -> bytes:
    """A PNG with correct checksums, but no more than a header and a few bytes of pixels."""
    return png((width, height, depth, color, 0), bytes(20))


# Reading.


def test_png_is_read_exactly_as_rgb(tmp_path: Path) -> None:
    picture = noise(11, 7, 3)
    image = read_image(put(tmp_path, "a.png", encoded(picture, "PNG")))
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    np.testing.assert_array_equal(image, picture)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_read_as_pillow_reads_it(tmp_path: Path, progressive: bool) -> None:
    smooth = cv2.resize(noise(3, 4, 3), (60, 40), interpolation=cv2.INTER_LINEAR)
    data = encoded(smooth, "JPEG", progressive=progressive, subsampling=0)
    image = read_image(put(tmp_path, "a.jpg", data))
    expected = np.asarray(Image.open(io.BytesIO(data)))
    assert image.shape == (40, 60, 3)
    assert np.abs(image.astype(int) - expected).max() <= 2  # the two may hold different libjpegs


def test_content_not_suffix_decides(tmp_path: Path) -> None:
    picture = noise(5, 6, 3)
    path = put(tmp_path, "really_a_png.jpg", encoded(picture, "PNG"))
    np.testing.assert_array_equal(read_image(path), picture)


def test_file_name_may_hold_any_letters(tmp_path: Path) -> None:
    picture = noise(5, 6, 3)
    path = tmp_path / "straße 道 №1.png"
    write_png(path, picture)
    np.testing.assert_array_equal(read_image(str(path)), picture)


def test_grey_alpha_and_16_bit_become_rgb(tmp_path: Path) -> None:
    grey = noise(5, 6)
    read = read_image(put(tmp_path, "grey.png", encoded(grey, "PNG")))
    np.testing.assert_array_equal(read, np.repeat(grey[:, :, None], 3, axis=2))
    with_alpha = noise(5, 6, 4)
    read = read_image(put(tmp_path, "alpha.png", encoded(with_alpha, "PNG")))
    np.testing.assert_array_equal(read, with_alpha[:, :, :3])
    deep = grey.astype(np.uint16) * 257
    read = read_image(put(tmp_path, "deep.png", encoded(deep, "PNG")))
    np.testing.assert_array_equal(read[:, :, 0], grey)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_exif_orientation_is_ignored(tmp_path: Path, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    data = encoded(noise(8, 24, 3), form, exif=exif)
    assert Image.open(io.BytesIO(data)).getexif()[0x0112] == 6
    assert read_image(put(tmp_path, "turned", data)).shape == (8, 24, 3)


def test_bytes_after_the_end_of_the_jpeg_do_no_harm(tmp_path: Path) -> None:
    data = encoded(noise(16, 16, 3), "JPEG")
    expected = read_image(put(tmp_path, "a.jpg", data))
    np.testing.assert_array_equal(read_image(put(tmp_path, "b.jpg", data + bytes(100))), expected)


def test_labels_of_one_channel(tmp_path: Path) -> None:
    labels = noise(5, 6)
    read = read_labels(put(tmp_path, "a.png", encoded(labels, "PNG")))
    assert read.dtype == np.uint8 and read.flags.c_contiguous and read.flags.writeable
    np.testing.assert_array_equal(read, labels)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_labels_give_the_index(tmp_path: Path, bits: int) -> None:
    labels = noise(5, 6) & (2**bits - 1)
    picture = Image.fromarray(labels)
    picture.putpalette([value % 256 for value in range(7, 7 + 3 * 2**bits)])
    picture.save(tmp_path / "a.png", bits=bits)
    color_type_and_depth = (tmp_path / "a.png").read_bytes()[24:26]
    assert color_type_and_depth == bytes([bits, 3])
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), labels)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (encoded(noise(4, 4, 3), "PNG"), "8-bit RGB PNG"),
        (encoded(noise(4, 4, 4), "PNG"), "8-bit RGB with alpha PNG"),
        (encoded(noise(4, 4).astype(np.uint16), "PNG"), "16-bit grey PNG"),
        (encoded(noise(4, 4) > 99, "PNG"), "1-bit grey PNG"),
        (encoded(noise(4, 4), "JPEG"), "JPEG"),
    ],
    ids=["rgb", "alpha", "deep", "bit", "jpeg"],
)
def test_other_pictures_are_no_labels(tmp_path: Path, data: bytes, kind: str) -> None:
    with pytest.raises(DataError, match=rf"odd\.png: labels must be .* this is a {kind}"):
        read_labels(put(tmp_path, "odd.png", data))


# Damage.


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_truncated_anywhere_is_refused(tmp_path: Path, progressive: bool) -> None:
    data = encoded(noise(24, 16, 3), "JPEG", progressive=progressive)
    for length in range(2, len(data)):
        with pytest.raises(DataError, match=r"cut\.jpg: .*truncated"):
            read_image(put(tmp_path, "cut.jpg", data[:length]))


def test_end_marker_of_a_thumbnail_does_not_hide_truncation(tmp_path: Path) -> None:
    thumbnail = encoded(noise(8, 8, 3), "JPEG")
    data = encoded(noise(64, 64, 3), "JPEG", exif=b"Exif\x00\x00" + thumbnail)
    assert data.count(b"\xff\xd9") == 2
    with pytest.raises(DataError, match=r"thumb\.jpg: .*truncated"):
        read_image(put(tmp_path, "thumb.jpg", data[: len(data) * 3 // 4]))


def test_end_of_jpeg_overwritten_with_zeros_is_refused(tmp_path: Path) -> None:
    data = encoded(noise(24, 16, 3), "JPEG")
    with pytest.raises(DataError, match=r"hole\.jpg: .*truncated"):
        read_image(put(tmp_path, "hole.jpg", data[:-200] + bytes(200)))


@pytest.mark.parametrize("read", [read_image, read_labels])
def test_png_truncated_anywhere_is_refused(tmp_path: Path, read) -> None:
    data = encoded(noise(9, 7) if read is read_labels else noise(9, 7, 3), "PNG")
    for length in range(8, len(data)):
        with pytest.raises(DataError, match=r"cut\.png: .*truncated"):
            read(put(tmp_path, "cut.png", data[:length]))


@pytest.mark.parametrize("read", [read_image, read_labels])
def test_png_with_any_byte_changed_is_refused(tmp_path: Path, read) -> None:
    data = encoded(noise(9, 7) if read is read_labels else noise(9, 7, 3), "PNG")
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x24
        with pytest.raises(DataError, match=r"bit\.png: "):
            read(put(tmp_path, "bit.png", bytes(changed)))


@pytest.mark.parametrize(("read", "color"), [(read_image, 2), (read_labels, 0)])
def test_png_with_too_few_pixels_is_refused(tmp_path: Path, read, color: int) -> None:
    path = put(tmp_path, "short.png", png_of_header(30, 40, color=color))
    with pytest.raises(DataError, match=r"short\.png: .*damaged"):
        read(path)


NO_PICTURES = {
    "empty.png": (b"", "empty"),
    "text.jpg": (b"this is no picture\n", "must be a JPEG.* picture, and is none"),
    "bitmap.png": (b"BM" + bytes(60), "(must be a JPEG or PNG picture|the BMP is damaged)"),
    "garbage.jpg": (b"\xff\xd8 and then garbage", "damaged"),
    "bare.jpg": (b"\xff\xd8\xff\xd9", "no frame header"),
    "flat.png": (png_of_header(0, 7), "0 x 7 pixels"),
    "bomb.png": (png_of_header(2**14, 2**14 + 1), "decompression bomb"),
}


@pytest.mark.parametrize("read", [read_image, read_labels])
@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_refused(tmp_path: Path, read, name: str) -> None:
    data, message = NO_PICTURES[name]
    with pytest.raises(DataError, match=rf"{re.escape(name)}: .*{message}"):
        read(put(tmp_path, name, data))


def test_jpeg_bomb_is_refused(tmp_path: Path) -> None:
    data = bytearray(encoded(noise(8, 8, 3), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65000, 65001)
    assert MAX_PIXELS < 65000 * 65001
    with pytest.raises(DataError, match=r"bomb\.jpg: 65001 x 65000 .*decompression bomb"):
        read_image(put(tmp_path, "bomb.jpg", bytes(data)))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (9, 1, 3)])
def test_image_below_two_pixels_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=rf"dot\.png: {shape[1]} x {shape[0]} pixels .*at least 2"):
        read_image(put(tmp_path, "dot.png", encoded(noise(*shape), "PNG")))


@pytest.mark.parametrize("read", [read_image, read_labels])
def test_what_is_no_file_is_refused(tmp_path: Path, read) -> None:
    with pytest.raises(DataError, match=r"gone\.png: there is no such file"):
        read(tmp_path / "gone.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(DataError, match=r"folder\.png: is a folder"):
        read(tmp_path / "folder.png")
    with pytest.raises(DataError, match=r"cannot be read|no such file"):
        read("zero\0byte.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system here")
def test_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match=r"pipe\.png: is not a regular file"):
        read_image(tmp_path / "pipe.png")


# Writing.


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3), (1, 1)])
def test_written_png_is_what_pillow_reads(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = noise(*shape)
    write_png(tmp_path / "a.png", array)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), array)


def test_strided_array_is_written(tmp_path: Path) -> None:
    array = noise(6, 8, 3)
    write_png(tmp_path / "a.png", array[::2, ::-2])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), array[::2, ::-2])


def test_what_is_no_png_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"array must be uint8 .* got float64"):
        write_png(tmp_path / "a.png", np.zeros((3, 4)))  # type: ignore[arg-type]
    for shape in [(3, 4, 2), (3,), (0, 4)]:
        with pytest.raises(ValueError, match=re.escape(f"got {shape}")):
            write_png(tmp_path / "a.png", np.zeros(shape, np.uint8))
    assert not list(tmp_path.iterdir())


def test_errors_in_writing_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing.a\.png'$"):
        write_png(tmp_path / "missing" / "a.png", noise(3, 3))
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OSError, match=r"folder\.png'$"):
        write_png(tmp_path / "folder.png", noise(3, 3))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def deep(folder: Path, values: np.ndarray) -> Path:
    """Written by OpenCV, whose order is blue, green, red."""
    stored = values if values.ndim == 2 else values[..., ::-1]
    return put(folder, "deep.png", cv2.imencode(".png", stored)[1].tobytes())


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_sixteen_bits(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 2**16, shape).astype(np.uint16)
    found = read_deep_png(deep(tmp_path, values), 1 if len(shape) == 2 else 3)
    np.testing.assert_array_equal(found, values)
    assert found.dtype == np.uint16 and found.flags.c_contiguous


def test_sixteen_bits_of_another_kind(tmp_path: Path) -> None:
    grey = deep(tmp_path, np.zeros((4, 5), np.uint16))
    with pytest.raises(
        DataError, match=r"deep\.png: must be a 16-bit RGB PNG; this is a 16-bit grey"
    ):
        read_deep_png(grey, 3)
    put(tmp_path, "eight.png", encoded(noise(4, 5), "PNG"))
    with pytest.raises(DataError, match=r"eight\.png: must be a 16-bit grey PNG; this is a 8-bit"):
        read_deep_png(tmp_path / "eight.png", 1)


@pytest.mark.parametrize("color", [0, 2])
def test_sixteen_bits_without_their_pixels(tmp_path: Path, color: int) -> None:
    path = put(tmp_path, "hollow.png", png_of_header(40, 30, 16, color))
    with pytest.raises(DataError, match=r"hollow\.png: the PNG is damaged"):
        read_deep_png(path, 1 if color == 0 else 3)


def test_masks_of_damaged_pictures() -> None:
    whole = encoded(noise(4, 5), "PNG")
    assert decode_mask(whole, 20).shape == (4, 5)
    for data, most, message in (
        (whole, 19, "has 5 x 4 pixels, more than its image"),
        (whole[:-5], 20, "the PNG is truncated"),
        (whole[:-20] + b"x" + whole[-19:], 20, "damaged"),
        (encoded(noise(4, 5), "JPEG"), 20, "is no PNG"),
        (png_of_header(5, 4, 8, 0), 20, r"rows are missing: 20 of 24 bytes"),
        (png_of_header(0, 4, 8, 0), 20, "has 0 x 4 pixels"),
    ):
        with pytest.raises(ValueError, match=message):
            decode_mask(data, most)


def test_headers_that_are_none_are_named(tmp_path: Path) -> None:
    whole = png_of_header(8, 8)
    without = whole[:8] + whole[8 + 25 :]  # the first chunk, of 13 bytes and its frame, is gone
    with pytest.raises(DataError, match=r"a\.png: .*does not begin with an IHDR chunk"):
        read_image(put(tmp_path, "a.png", without))
    short = b"\xff\xd8" + b"\xff\xc0" + (7).to_bytes(2, "big") + bytes(5)
    with pytest.raises(DataError, match=r"a\.jpg: .*\(short frame header\)"):
        read_image(put(tmp_path, "a.jpg", short))


def test_what_opencv_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise cv2.error("no memory")

    write_png(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    monkeypatch.setattr(cv2, "imdecode", refused)
    with pytest.raises(DataError, match=r"a\.png: the PNG cannot be decoded \(no memory\)"):
        read_image(tmp_path / "a.png")
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(ValueError, match=r"array of shape \(8, 8\) cannot be encoded as a PNG"):
        write_png(tmp_path / "b.png", np.zeros((8, 8), np.uint8))
    assert not (tmp_path / "b.png").exists()
