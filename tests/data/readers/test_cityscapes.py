# SPDX-License-Identifier: Apache-2.0
"""Cityscapes in the publisher's layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from adaseg_fast.data import DataError, open_dataset
from adaseg_fast.data.images import write_png
from adaseg_fast.data.readers.cityscapes import Cityscapes
from support.data.trees import SIZE, cityscapes, patches, picture, write_deep

# The publisher's table: train id of each label id; 255 where it is not evaluated.
TRAIN_IDS = {
    **dict.fromkeys(range(34), 255), 7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8,
    22: 9, 23: 10, 24: 11, 25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18,
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return cityscapes(tmp_path / "cityscapes")


def test_instances_of_another_size_are_refused(tmp_path: Path) -> None:
    root = cityscapes(tmp_path / "data")
    path = next((root / "gtFine" / "val").rglob("*_instanceIds.png"))
    write_deep(path, np.zeros((SIZE[0], SIZE[1] - 1), np.uint16))
    with pytest.raises(DataError, match=r"instanceIds\.png: 39 x 24 pixels"):
        Cityscapes(root, "val", instances=True)[0]


def test_frames_of_all_cities(root: Path) -> None:
    data = Cityscapes(root, "train")
    names = ["aachen_000000_000019", "aachen_000001_000019", "bremen_000003_000019"]
    assert [data[index].name for index in range(len(data))] == names
    np.testing.assert_array_equal(data[1].image, picture(1))
    assert data[1].instances is None
    assert len(Cityscapes(root, "val")) == 1
    with pytest.raises(IndexError):
        data[3]


def test_every_label_becomes_its_train_id(root: Path) -> None:
    labels = np.resize(np.arange(34, dtype=np.uint8), SIZE)
    write_png(next(root.glob("gtFine/val/*/*labelIds.png")), labels)
    expected = np.vectorize(TRAIN_IDS.__getitem__)(labels)
    np.testing.assert_array_equal(Cityscapes(root, "val")[0].labels, expected)


def test_class_table(root: Path) -> None:
    info = open_dataset(f"cityscapes:{root}", "val", targets=["rider", "Bus"]).info
    assert info.num_classes == 19 and info.targets == (12, 15)
    assert (info.classes[0], info.classes[13], info.classes[18]) == ("road", "car", "bicycle")
    assert Cityscapes(root, "val").info.targets == tuple(range(19))


def test_train_ids_where_they_alone_are_there(tmp_path: Path) -> None:
    root = cityscapes(tmp_path, train_ids=True)
    np.testing.assert_array_equal(Cityscapes(root, "train")[2].labels, patches([0, 18, 255], 2))


def test_label_ids_come_first(root: Path) -> None:
    path = next(root.glob("gtFine/val/*/*labelIds.png"))
    before = Cityscapes(root, "val")[0].labels
    other = path.with_name(path.name.replace("labelIds", "labelTrainIds"))
    write_png(other, np.zeros(SIZE, np.uint8))
    np.testing.assert_array_equal(Cityscapes(root, "val")[0].labels, before)


def test_instances_are_the_countable_objects(root: Path) -> None:
    frame = open_dataset(f"cityscapes:{root}", "train", instances=True)[1]
    ids = patches([0, 3, 7, 11, 24, 26, 33, 18], 1).astype(int)
    expected = np.where(np.isin(ids, [24, 26, 33]), ids * 1000 + 2, 0)
    assert frame.instances is not None and frame.instances.dtype == np.int32
    np.testing.assert_array_equal(frame.instances, expected)


def test_missing_instances_are_named(root: Path) -> None:
    next(root.glob("gtFine/val/*/*instanceIds.png")).unlink()
    with pytest.raises(DataError, match=r"instanceIds\.png: there is no such file"):
        Cityscapes(root, "val", instances=True)[0]


@pytest.mark.parametrize("value", [34, 254, 255])
def test_unknown_label_is_named(root: Path, value: int) -> None:
    path = next(root.glob("gtFine/val/*/*labelIds.png"))
    labels = np.zeros(SIZE, np.uint8)
    labels[2, 5] = value
    write_png(path, labels)
    with pytest.raises(DataError, match=rf"labelIds\.png: label {value} at row 2, column 5 \(1 "):
        Cityscapes(root, "val")[0]


def test_what_is_missing_is_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"leftImg8bit: no split 'test'; there are train, val"):
        Cityscapes(root, "test")
    next(root.glob("gtFine/train/aachen/*_000001_*labelIds.png")).unlink()
    message = r"aachen: 1 of 2 images have no labels; missing: aachen_000001_\w+_labelIds\.png$"
    with pytest.raises(DataError, match=message):
        Cityscapes(root, "train")
    shutil.rmtree(root / "gtFine" / "val")
    with pytest.raises(DataError, match=r"gtFine.val.munster: cannot list this folder"):
        Cityscapes(root, "val")
    shutil.rmtree(root / "leftImg8bit" / "val" / "munster")
    with pytest.raises(DataError, match=r"leftImg8bit.val: holds no images"):
        Cityscapes(root, "val")
    with pytest.raises(DataError, match="nowhere: there is no such folder"):
        Cityscapes(root / "nowhere", "val")


def test_labels_of_another_size(root: Path) -> None:
    write_png(next(root.glob("gtFine/val/*/*labelIds.png")), np.zeros((3, 4), np.uint8))
    with pytest.raises(DataError, match=r"labelIds\.png: 4 x 3 pixels .* has 40 x 24"):
        Cityscapes(root, "val")[0]
