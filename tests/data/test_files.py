# SPDX-License-Identifier: Apache-2.0
"""What the readers of data sets share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaseg_fast.data.base import DataError
from adaseg_fast.data.files import (
    IMAGE_SUFFIXES,
    LabelTable,
    entries,
    existing_folder,
    inside,
    labelled_pictures,
    pictures,
    read_json,
    split_by_seed,
)

NAMES = [f"{number:04}" for number in range(50)]
ROOT, LIST = Path("root"), Path("root/x.lst")


def test_split_is_the_same_on_every_machine() -> None:
    """The first by SHA-256 of SEED/NAME, as any tool finds them."""
    assert split_by_seed(NAMES, "val", 5, 0, ROOT) == ["0003", "0005", "0008", "0025", "0043"]


@given(seed=st.integers(0, 10**6), held_out=st.integers(0, 50), order=st.permutations(NAMES))
def test_split_cuts_in_two_whatever_the_order(seed: int, held_out: int, order: list[str]) -> None:
    train, val = (split_by_seed(order, name, held_out, seed, ROOT) for name in ("train", "val"))
    assert sorted(train + val) == NAMES and len(val) == held_out
    assert train == split_by_seed(NAMES, "train", held_out, seed, ROOT)


@pytest.mark.parametrize("path", ["a.png", "a/b c/d.png", "a..b/..c.png", "./a.png"])
def test_paths_inside(path: str) -> None:
    assert inside(ROOT, path, LIST) == ROOT / path


@pytest.mark.parametrize(
    "path",
    ["", "/a", "..", "../a", "a/../b", "a/..", "..\\a", "C:a", "C:/a", "\\a", "//h/a", "a\0"],
)
def test_paths_outside(path: str) -> None:
    with pytest.raises(DataError, match=r"x\.lst: the path .* must lie within root"):
        inside(ROOT, path, LIST)


def test_label_table() -> None:
    table = LabelTable({0: 255, 7: 0, 255: 255})
    stored = np.array([[0, 7], [255, 7]], np.uint8)
    assert table(stored, LIST).tolist() == [[255, 0], [255, 0]]
    for dtype, wrong in ((np.uint8, 8), (np.uint16, 256 + 7), (np.uint16, 2**16 - 1)):
        with pytest.raises(DataError, match=rf"x\.lst: label {wrong} at row 0, .*known are 0, 7"):
            table(np.array([[wrong, 0]], dtype), LIST)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff", "is not JSON"), (b"[" * 10**5, "is not JSON"), (None, "read")],
)
def test_json(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.json: .*{message}"):
        read_json(path)


def test_pictures_of_every_format_are_listed(tmp_path: Path) -> None:
    """Those that are not read too, since an error that names them beats silence."""
    names = [f"x{suffix}" for suffix in IMAGE_SUFFIXES] + ["a.GIF", "b.heic", "c.TIF"]
    for name in (*names, "notes.txt", "model.safetensors", ".hidden.png"):
        (tmp_path / name).touch()
    assert [path.name for path in pictures(tmp_path)] == sorted(names)


@pytest.mark.parametrize("name", ["b.tif", "b.bmp", "b.WEBP", "b.gif"])
def test_data_sets_do_not_lose_frames_of_other_formats(tmp_path: Path, name: str) -> None:
    for each in ("a.jpg", "c.png", "notes.txt"):
        (tmp_path / each).touch()
    assert [path.name for path in labelled_pictures(tmp_path)] == ["a.jpg", "c.png"]
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=rf"{name}: images with labels must be JPEG or PNG"):
        labelled_pictures(tmp_path)


@pytest.mark.parametrize("read", [existing_folder, entries, pictures])
def test_folders_that_cannot_be_opened_are_named(tmp_path: Path, read) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "plain").touch()
    for name in ("loop", "n" * 300, "plain", "gone", "plain/below"):
        with pytest.raises(DataError, match=name):
            read(tmp_path / name)
    with pytest.raises(DataError, match=r"null|no such folder"):
        read(Path("zero\0byte"))


def test_home_of_nobody() -> None:
    with pytest.raises(DataError, match=r"^~nobody_of_this_name/x: cannot be opened \(.*home"):
        existing_folder("~nobody_of_this_name/x")
