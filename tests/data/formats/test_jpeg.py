# SPDX-License-Identifier: Apache-2.0
"""JPEGs whose scan breaks off although the end-of-image marker is there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from adaseg_fast.data import DataError
from adaseg_fast.data.images import read_image, read_labelled_image
from support.data.pictures import encoded, exif, jpeg_with, noise, put

PICTURES = {
    "noise": noise(67, 83, 3),
    "smooth": cv2.resize(noise(4, 5, 3), (200, 160)),
    "grey": cv2.resize(noise(4, 5), (200, 160)),
    "flat": np.full((160, 160, 3), (90, 120, 200), np.uint8),
    "middle grey": np.full((320, 320, 3), 128, np.uint8),
}
KINDS = {
    "420": {},
    "444": {"subsampling": 0},
    "optimised": {"optimize": True},
    "restarts": {"restart_marker_blocks": 3},
}


def cut(data: bytes, missing: int) -> bytes:
    """Without bytes before the end-of-image marker."""
    return data[: data.rindex(b"\xff\xd9") - missing].rstrip(b"\xff") + b"\xff\xd9"


def scan(data: bytes) -> int:
    """Bytes of the only scan."""
    start = data.index(b"\xff\xda")
    return data.rindex(b"\xff\xd9") - start - 2 - int.from_bytes(data[start + 2 : start + 4], "big")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PICTURES)
def test_scan_that_breaks_off_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    data = encoded(PICTURES[name], "JPEG", **KINDS[kind])
    assert read_image(put(tmp_path, "a.jpg", data)).shape[:2] == PICTURES[name].shape[:2]
    for share in (0.1, 0.5, 0.9):
        path = put(tmp_path, "short.jpg", cut(data, round(share * scan(data))))
        for read in (read_image, read_labelled_image):
            with pytest.raises(DataError, match=r"short\.jpg: .*its scan breaks off"):
                read(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(2, 2), (8, 8), (16, 16), (17, 33), (40, 24)])
def test_grey_corner_of_a_whole_jpeg_is_no_fault(
    tmp_path: Path, size: tuple[int, int], kind: str
) -> None:
    """All the padding that a scan may end with, by pictures of many kinds."""
    for seed in range(30):
        image = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
        image[-16:, -16:] = 128
        data = encoded(image, "JPEG", quality=30 + seed, **KINDS[kind])
        tagged = jpeg_with(data, b"Exif\0\0" + exif(1)) + bytes(seed)
        assert read_image(put(tmp_path, "a.jpg", tagged)).shape == (*size, 3)


def test_progressive_jpeg_with_a_grey_corner_is_read(tmp_path: Path) -> None:
    data = encoded(np.full((40, 40, 3), 128, np.uint8), "JPEG", progressive=True)
    assert (read_image(put(tmp_path, "a.jpg", data)) == 128).all()
