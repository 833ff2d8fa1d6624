# SPDX-License-Identifier: Apache-2.0
"""The folder layout: what is read from it, and a clear error for everything that can be wrong."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from adaseg_fast.data.base import DataError
from adaseg_fast.data.images import write_png
from adaseg_fast.data.readers.folder import FolderDataset

NAMES = ["b", "a", "c10", "c2"]


def table(**changes: Any) -> dict[str, Any]:
    classes = [
        {"id": 2, "name": "Pole", "color": [0, 0, 9]},
        {"id": 0, "name": "Sky", "color": [9, 0, 0]},
        {"id": 1, "name": "Road", "color": [0, 9, 0]},
    ]
    return {"classes": classes, "ignore_index": 255, **changes}


def pixels(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(list(name.encode()))
    labels = rng.choice(np.array([0, 1, 2, 255], np.uint8), (6, 9))
    return rng.integers(0, 256, (6, 9, 3), np.uint8), labels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A good data set of frames of 9 x 6 pixels (width x height): four in `train`, one in `val`."""
    folder = tmp_path / "streets"
    for split, names in (("train", NAMES), ("val", ["only"])):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "labels" / split).mkdir(parents=True)
        for name in names:
            image, labels = pixels(name)
            write_png(folder / "images" / split / f"{name}.png", image)
            write_png(folder / "labels" / split / f"{name}.png", labels)
    (folder / "classes.json").write_text(json.dumps(table()))
    return folder


def test_frames_come_sorted_and_whole(root: Path) -> None:
    data = FolderDataset(root, "train")
    assert len(data) == 4
    assert [frame.name for frame in data] == ["a", "b", "c10", "c2"]
    for frame in data:
        image, labels = pixels(frame.name)
        np.testing.assert_array_equal(frame.image, image)
        np.testing.assert_array_equal(frame.labels, labels)
        assert frame.instances is None
    assert data[-1].name == "c2"
    with pytest.raises(IndexError):
        data[4]


def test_classes_are_in_order_of_their_ids(root: Path) -> None:
    info = FolderDataset(str(root), "val").info
    assert info.name == "streets"
    assert info.classes == ("Sky", "Road", "Pole")
    assert info.colors == ((9, 0, 0), (0, 9, 0), (0, 0, 9))
    assert info.ignore_index == 255
    assert info.targets == (0, 1, 2)


def test_targets_are_named(root: Path) -> None:
    assert FolderDataset(root, "val", targets=["pole", "Sky"]).info.targets == (2, 0)
    with pytest.raises(
        DataError, match=r"classes\.json: .*no class 'Car'.* it has Sky, Road, Pole"
    ):
        FolderDataset(root, "val", targets=["Car"])
    with pytest.raises(ValueError, match="targets must name at least one class"):
        FolderDataset(root, "val", targets=[])


def test_ignore_index_is_255_unless_said(root: Path) -> None:
    without = table()
    del without["ignore_index"]
    (root / "classes.json").write_text(json.dumps(without))
    assert FolderDataset(root, "val").info.ignore_index == 255
    (root / "classes.json").write_text(json.dumps(table(ignore_index=3)))
    assert FolderDataset(root, "val").info.ignore_index == 3


def test_jpegs_in_either_case_are_images_other_files_are_not(root: Path) -> None:
    image, labels = pixels("x")
    folder = root / "images" / "val"
    for name in ("x.jpg", "Y.JPG", "z.jpeg"):
        (folder / name).write_bytes(cv2.imencode(".jpg", image)[1].tobytes())
        write_png(root / "labels" / "val" / f"{Path(name).stem}.png", labels)
    for name in ("Thumbs.db", "notes.txt", "._only.png"):
        (folder / name).write_bytes(b"no image")
    assert [frame.name for frame in FolderDataset(root, "val")] == ["Y", "only", "x", "z"]


def test_missing_folder(root: Path) -> None:
    with pytest.raises(DataError, match="nowhere: there is no such folder"):
        FolderDataset(root / "nowhere", "train")


def test_empty_folder(root: Path, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    with pytest.raises(DataError, match=r"bare.classes\.json: cannot be read"):
        FolderDataset(tmp_path / "bare", "train")
    shutil.copy(root / "classes.json", tmp_path / "bare")
    with pytest.raises(DataError, match=r"bare.images: cannot list this folder"):
        FolderDataset(tmp_path / "bare", "train")


@pytest.mark.parametrize("split", ["test", "", ".", "../images/train", "Train"])
def test_missing_split_lists_the_others(root: Path, split: str) -> None:
    message = rf"images: no split '{re.escape(split)}'; there are train, val"
    with pytest.raises(DataError, match=message):
        FolderDataset(root, split)


def test_split_without_images(root: Path) -> None:
    (root / "images" / "val" / "only.png").unlink()
    with pytest.raises(DataError, match=r"images.val: holds no images"):
        FolderDataset(root, "val")


def test_missing_labels_are_listed(root: Path) -> None:
    (root / "labels" / "train" / "c10.png").unlink()
    with pytest.raises(DataError, match=r"labels.train: 1 of 4 images .* missing: c10\.png$"):
        FolderDataset(root, "train")


def test_at_most_five_missing_labels_are_listed(root: Path) -> None:
    for number in range(7):
        write_png(root / "images" / "val" / f"new{number}.png", pixels("new")[0])
    listed = ", ".join(rf"new{number}\.png" for number in range(5))
    with pytest.raises(DataError, match=rf"7 of 8 images .* missing: {listed} and 2 more$"):
        FolderDataset(root, "val")


def test_labels_folder_missing(root: Path) -> None:
    shutil.rmtree(root / "labels" / "val")
    with pytest.raises(DataError, match=r"labels.val: cannot list this folder"):
        FolderDataset(root, "val")


def test_two_images_for_one_label(root: Path) -> None:
    data = cv2.imencode(".jpg", pixels("a")[0])[1].tobytes()
    (root / "images" / "train" / "a.jpg").write_bytes(data)
    with pytest.raises(
        DataError, match=r"a\.png: a\.jpg differs in its suffix only, .* labels a\.png"
    ):
        FolderDataset(root, "train")


def without(key: str) -> list[dict[str, Any]]:
    classes = table()["classes"]
    del classes[1][key]
    return classes


def with_first(**changes: Any) -> list[dict[str, Any]]:
    classes = table()["classes"]
    classes[0].update(changes)
    return classes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ("\ufeff\x00", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ([], 'object with a list "classes"'),
        ({}, 'object with a list "classes"'),
        (table(classes={"Sky": 0}), 'object with a list "classes"'),
        (table(classes=[]), "ids of n classes"),
        (table(classes=["Sky"]), "entry 0 of the classes must be an object, got 'Sky'"),
        (table(classes=without("id")), '"id" in entry 1 .* got None'),
        (table(classes=without("name")), '"name" in entry 1 .* got None'),
        (table(classes=without("color")), '"color" in entry 1 .* got None'),
        (table(classes=with_first(id=1)), r"each once; got \[0, 1, 1\]"),
        (table(classes=with_first(id=3)), r"each once; got \[0, 1, 3\]"),
        (table(classes=with_first(id=-1)), '"id" in entry 0 .* got -1'),
        (table(classes=with_first(id=2.0)), '"id" in entry 0 .* got 2.0'),
        (table(classes=with_first(id=True)), '"id" in entry 0 .* got True'),
        (table(classes=with_first(name=" ")), '"name" in entry 0 .* got '),
        (table(classes=with_first(name="sky")), "two classes have the same name"),
        (table(classes=with_first(color=[1, 2])), r'"color" in entry 0 .* got \[1, 2\]'),
        (table(classes=with_first(color=[1, 2, 256])), '"color" in entry 0 .* 256'),
        (table(classes=with_first(color="#ffffff")), '"color" in entry 0 .* got .#ffffff'),
        (table(ignore_index=2), '"ignore_index" must be .* from 3 .* got 2'),
        (table(ignore_index=256), '"ignore_index" must be .* got 256'),
        (table(ignore_index=-1), '"ignore_index" must be .* got -1'),
        (table(ignore_index="none"), "\"ignore_index\" must be .* got 'none'"),
    ],
)
def test_broken_classes_json(root: Path, content: Any, message: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (root / "classes.json").write_text(text, "utf-8")
    with pytest.raises(DataError, match=rf"classes\.json: .*{message}"):
        FolderDataset(root, "train")


# What is wrong with a frame is found when it is asked for, and leaves the others alone.


def test_labels_of_another_size(root: Path) -> None:
    write_png(root / "labels" / "train" / "b.png", np.zeros((9, 6), np.uint8))
    data = FolderDataset(root, "train")
    assert data[0].name == "a"
    with pytest.raises(
        DataError, match=r"labels.train.b\.png: 6 x 9 .*images.train.b\.png has 9 x 6"
    ):
        data[1]


@pytest.mark.parametrize("value", [3, 254])
def test_label_that_is_no_class(root: Path, value: int) -> None:
    labels = np.full((6, 9), 255, np.uint8)
    labels[4, 7] = labels[5, 0] = value
    write_png(root / "labels" / "val" / "only.png", labels)
    message = rf"only\.png: label {value} at row 4, column 7 \(2 such pixels\) .* 0 to 2"
    with pytest.raises(DataError, match=message):
        FolderDataset(root, "val")[0]


def test_255_is_no_class_where_another_number_is_ignored(root: Path) -> None:
    (root / "classes.json").write_text(json.dumps(table(ignore_index=9)))
    with pytest.raises(DataError, match=r"only\.png: label 255 at row .* 9 is ignored"):
        FolderDataset(root, "val")[0]


@pytest.mark.parametrize("part", ["images", "labels"])
def test_damaged_file_is_named(root: Path, part: str) -> None:
    path = root / part / "val" / "only.png"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"{part}.val.only\.png: the PNG is truncated"):
        FolderDataset(root, "val")[0]


def test_one_pixel_image(root: Path) -> None:
    write_png(root / "images" / "val" / "only.png", np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(DataError, match=r"only\.png: 1 x 1 pixels"):
        FolderDataset(root, "val")[0]
