# SPDX-License-Identifier: Apache-2.0
"""ApolloScape scene parsing in the publisher's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adaseg_fast.data import DataError, open_dataset
from adaseg_fast.data.images import write_png
from adaseg_fast.data.readers.apolloscape import ApolloScape
from support.data.trees import SIZE, apolloscape, patches

# The publisher's table: train id of each class id; 255 where it is not evaluated.
TRAIN_IDS = {
    0: 255, 1: 255, 17: 0, 33: 1, 161: 1, 34: 2, 162: 2, 35: 3, 163: 3, 36: 4, 164: 4, 37: 5,
    165: 5, 38: 6, 166: 6, 39: 7, 167: 7, 40: 8, 168: 8, 49: 9, 50: 10, 65: 11, 66: 12, 67: 13,
    81: 14, 82: 15, 83: 16, 84: 17, 85: 18, 86: 19, 97: 20, 98: 255, 99: 255, 100: 255, 113: 21,
    255: 255,
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return apolloscape(tmp_path / "apollo scape")


def test_all_lists_of_a_split_together(root: Path) -> None:
    assert len(ApolloScape(root, "train")) == 6
    data = ApolloScape(root, "val")
    names = ["170904_061523257_Camera_6", "170908_061523257_Camera_6"]
    assert sorted(data[index].name for index in range(2)) == names
    frame = data[0]
    assert frame.image.shape == (*SIZE, 3) and frame.instances is None


def test_every_class_id_becomes_its_train_id(root: Path) -> None:
    labels = np.resize(np.array(list(TRAIN_IDS), np.uint8), SIZE)
    for path in root.glob("*/Label/Record002/Camera 6/*_bin.png"):
        write_png(path, labels)
    expected = np.vectorize(TRAIN_IDS.__getitem__)(labels)
    np.testing.assert_array_equal(ApolloScape(root, "val")[0].labels, expected)


def test_the_22_classes_and_the_papers_targets(root: Path) -> None:
    info = open_dataset(f"apolloscape:{root}", "val").info
    assert info.num_classes == 22 == len(info.colors)
    names = [info.classes[number] for number in info.targets]
    wanted = ["car", "motorbicycle", "bicycle", "person", "rider", "truck", "bus", "tricycle"]
    assert names == wanted
    chosen = open_dataset(f"apolloscape:{root}", "val", targets=["traffic cone"]).info
    assert chosen.targets == (11,)


def test_instances_where_the_labels_say_the_same(root: Path) -> None:
    data = open_dataset(f"apolloscape:{root}", "train", instances=True)
    frames = {data[index].name: data[index] for index in range(len(data))}
    stored = patches([0, 17, 33, 161, 36, 49, 98, 113, 255], 1)
    expected = np.select([stored == 33, stored == 36], [33001, 36000], 0)
    np.testing.assert_array_equal(frames["170901_061523257_Camera_5"].instances, expected)
    assert frames["170905_061523257_Camera_5"].instances is None, "road 2 has pixel labels alone"


def test_missing_split_lists_the_others(root: Path) -> None:
    with pytest.raises(DataError, match=r"no list of the split 'test' .*; there are train, val"):
        ApolloScape(root, "test")
    for path in root.rglob("*.lst"):
        path.unlink()
    with pytest.raises(DataError, match="no lists at all"):
        ApolloScape(root, "train")


@pytest.mark.parametrize("path", ["../else.jpg", "/etc/passwd", "a/../../b.jpg", "C:\\x.jpg", ""])
@pytest.mark.parametrize("column", [0, 1])
def test_lists_cannot_leave_the_folder(root: Path, path: str, column: int) -> None:
    (root.parent / "else.jpg").write_bytes(next(root.rglob("*.jpg")).read_bytes())
    line = ["road01_ins/a.jpg", "road01_ins/a.png"]
    line[column] = path
    (root / "evil_val.lst").write_text("\t".join(line))
    with pytest.raises(DataError, match=r"evil_val\.lst: the path .* must lie within"):
        ApolloScape(root, "val")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg", "line 1 must be an image and its labels"),
        ("\na.jpg\tb.png\tc", "line 2 must be an image and its labels"),
        ("gone/a.jpg\tgone/a_bin.png", "gone: cannot list this folder"),
        ("road01_ins/a.jpg\troad01_ins/a_bin.png", "road01_ins: 2 of 2 images are not there"),
    ],
)
def test_broken_lists(root: Path, text: str, message: str) -> None:
    (root / "odd_val.lst").write_text(text)
    with pytest.raises(DataError, match=message):
        ApolloScape(root, "val")


def test_list_that_is_no_text_or_empty(root: Path) -> None:
    for path in root.rglob("*_val.lst"):
        path.write_text("\n")
    with pytest.raises(DataError, match=r"_val\.lst: names no images"):
        ApolloScape(root, "val")
    next(root.rglob("*_val.lst")).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"_val\.lst: cannot be read"):
        ApolloScape(root, "val")


def test_missing_labels_and_twice_named_images(root: Path) -> None:
    text = (root / "road01_ins_val.lst").read_text()
    (root / "again_val.lst").write_text(text)
    with pytest.raises(DataError, match="name an image twice"):
        ApolloScape(root, "val")
    (root / "again_val.lst").unlink()
    (root / text.strip().split("\t")[1]).unlink()
    with pytest.raises(DataError, match=r"Camera 6: 1 of 1 images have no labels; .*_bin\.png"):
        ApolloScape(root, "val")


def test_unknown_label_is_named(root: Path) -> None:
    for path in root.glob("*/Label/Record002/Camera 6/*_bin.png"):
        write_png(path, np.full(SIZE, 2, np.uint8))
    with pytest.raises(DataError, match=r"_bin\.png: label 2 at row 0, column 0 \(960 such"):
        ApolloScape(root, "val")[0]
