# SPDX-License-Identifier: Apache-2.0
"""EXIF orientation: photos are turned upright on request, and refused where they have labels."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from adaseg_fast.data import DataError, open_dataset
from adaseg_fast.data.formats.exif import exif_orientation, turn_upright
from adaseg_fast.data.images import read_deep_png, read_image, read_labelled_image, read_labels
from adaseg_fast.data.readers.folder import FolderDataset
from support.data.pictures import chunk, encoded, exif, jpeg_with, noise, png, put
from support.data.trees import apolloscape, cityscapes, supervisely, synthia
from support.engine_cases import write_folder

# The upright picture, and how each orientation stores it.
UPRIGHT = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
STORED = {
    1: [[1, 2, 3], [4, 5, 6]],
    2: [[3, 2, 1], [6, 5, 4]],
    3: [[6, 5, 4], [3, 2, 1]],
    4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]],
    6: [[3, 6], [2, 5], [1, 4]],
    7: [[6, 3], [5, 2], [4, 1]],
    8: [[4, 1], [5, 2], [6, 3]],
}


def stored(orientation: int) -> np.ndarray:
    return np.array(STORED[orientation], np.uint8)


@pytest.mark.parametrize("orientation", STORED)
def test_pixels_turn_exactly(tmp_path: Path, orientation: int) -> None:
    np.testing.assert_array_equal(turn_upright(stored(orientation), orientation), UPRIGHT)
    grey = np.repeat(stored(orientation)[..., None], 3, axis=2)
    for form in ("PNG", "TIFF", "WebP"):
        tags = Image.Exif()
        tags[0x0112] = orientation
        more = {"lossless": True} if form == "WebP" else {}
        path = put(tmp_path, "a", encoded(grey, form, exif=tags, **more))
        image = read_image(path, upright=True)
        assert image.flags.c_contiguous
        np.testing.assert_array_equal(image, np.repeat(UPRIGHT[..., None], 3, axis=2))
        np.testing.assert_array_equal(read_image(path), grey)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_jpeg_turns_as_pillow_turns_it(
    tmp_path: Path, orientation: int, order: str, kind: int
) -> None:
    plain = encoded(cv2.resize(noise(3, 4, 3), (48, 32)), "JPEG", quality=95)
    data = jpeg_with(plain, b"Exif\0\0" + exif(orientation, order, kind))
    image = read_image(put(tmp_path, "a.jpg", data), upright=True)
    as_stored = read_image(put(tmp_path, "b.jpg", plain))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    if kind == 3:
        assert image.shape == expected.shape
        assert np.abs(image.astype(int) - expected).max() <= 2  # another libjpeg
    np.testing.assert_array_equal(image, turn_upright(as_stored, orientation))


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        b"XX" + exif(6)[2:],
        exif(6)[:20],
        exif(6)[:9],
        exif(9),
        exif(0),
        exif(6).replace(struct.pack("<HI", 3, 1), struct.pack("<HI", 3, 2**32 - 1)),
        exif(6).replace(struct.pack("<HI", 3, 1), struct.pack("<HI", 2, 1)),
        b"II*\0" + b"\xff" * 8,
        b"II+\0" + exif(6)[4:],
    ],
)
def test_exif_that_cannot_be_read_counts_as_absent(tmp_path: Path, block: bytes) -> None:
    assert exif_orientation(block) == 1
    data = jpeg_with(encoded(noise(16, 24, 3), "JPEG"), b"Exif\0\0" + block)
    assert read_image(put(tmp_path, "a.jpg", data), upright=True).shape == (16, 24, 3)


def test_other_tags_that_are_damaged_do_not_hide_the_orientation() -> None:
    broken = struct.pack("<HHII", 0x0100, 4, 1000, 2**31)
    block = b"II" + struct.pack("<HIH", 42, 8, 2) + broken + exif(6)[10:]
    assert exif_orientation(block) == 6


def test_first_exif_of_a_jpeg_counts(tmp_path: Path) -> None:
    data = encoded(noise(16, 24, 3), "JPEG")
    data = jpeg_with(jpeg_with(data, b"Exif\0\0" + exif(3)), b"Exif\0\0" + exif(6))
    data = jpeg_with(data, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    assert read_image(put(tmp_path, "a.jpg", data), upright=True).shape == (24, 16, 3)


# Where there are labels.


@pytest.mark.parametrize("orientation", [2, 3, 6])
def test_labelled_image_with_an_orientation_is_refused(tmp_path: Path, orientation: int) -> None:
    plain = encoded(noise(16, 24, 3), "JPEG")
    path = put(tmp_path, "a.jpg", jpeg_with(plain, b"Exif\0\0" + exif(orientation)))
    with pytest.raises(DataError, match=rf"a\.jpg: has the EXIF orientation {orientation}.* turn"):
        read_labelled_image(path)
    path = put(tmp_path, "b.jpg", jpeg_with(plain, b"Exif\0\0" + exif(1)))
    np.testing.assert_array_equal(read_labelled_image(path), read_image(path))


def test_labels_with_an_orientation_are_refused(tmp_path: Path) -> None:
    tag = chunk(b"eXIf", exif(8))
    path = put(tmp_path, "a.png", png((2, 2, 8, 0, 0), bytes(6), before=tag))
    with pytest.raises(DataError, match=r"a\.png: has the EXIF orientation 8"):
        read_labels(path)
    path = put(tmp_path, "b.png", png((2, 2, 16, 0, 0), bytes(10), before=tag))
    with pytest.raises(DataError, match=r"b\.png: has the EXIF orientation 8"):
        read_deep_png(path, 1)


def tag_jpegs(root: Path, orientation: int = 6) -> None:
    """Make every image below a JPEG with an orientation; its pixels stay as they are stored."""
    for path in [
        *root.rglob("*.jpg"),
        *root.rglob("images/**/*.png"),
        *root.rglob("img/*.png"),
        *root.rglob("RGB/*.png"),
        *root.rglob("*_leftImg8bit.png"),
    ]:
        plain = encoded(read_image(path), "JPEG")
        tagged = jpeg_with(plain, b"Exif\0\0" + exif(orientation))
        path.write_bytes(tagged)


def test_every_reader_refuses_an_orientation(tmp_path: Path) -> None:
    roots = {
        "folder": write_folder(tmp_path / "folder", {"train": 2}),
        "synthia": synthia(tmp_path / "synthia", 3),
        "cityscapes": cityscapes(tmp_path / "cityscapes"),
        "apolloscape": apolloscape(tmp_path / "apollo"),
        "supervisely": supervisely(tmp_path / "persons"),
    }
    for name, root in roots.items():
        tag_jpegs(root)
        data = open_dataset(f"{name}:{root}", "train")
        with pytest.raises(DataError, match=r"g: has the EXIF orientation 6"):
            data[0]


def test_sizes_that_are_exchanged_point_at_exif(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "folder", {"train": 1})
    image = next((root / "images" / "train").iterdir())
    pixels = read_image(image)
    labels = root / "labels" / "train" / f"{image.stem}.png"
    labels.write_bytes(encoded(np.zeros(pixels.shape[1::-1], np.uint8), "PNG"))
    with pytest.raises(DataError, match=r"seems to be turned: was an EXIF orientation"):
        FolderDataset(root, "train")[0]
    labels.write_bytes(encoded(np.zeros((5, 7), np.uint8), "PNG"))
    with pytest.raises(DataError) as error:
        FolderDataset(root, "train")[0]
    assert "EXIF" not in str(error.value)
