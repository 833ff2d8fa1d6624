# SPDX-License-Identifier: Apache-2.0
"""SYNTHIA-RAND-CITYSCAPES in the publisher's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adaseg_fast.data import DataError, open_dataset
from adaseg_fast.data.images import write_png
from adaseg_fast.data.readers.synthia import Synthia
from support.data.trees import SIZE, patches, picture, synthia, write_deep


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return synthia(tmp_path / "RAND_CITYSCAPES")


def test_class_is_in_the_red_channel(root: Path) -> None:
    data = Synthia(root, "train")
    frame = data[0]
    number = int(frame.name)
    np.testing.assert_array_equal(frame.image, picture(number))
    stored = patches([0, 1, 3, 8, 10, 22], number)
    np.testing.assert_array_equal(frame.labels, np.where(stored == 0, 255, stored - 1))
    assert frame.labels.dtype == np.uint8 and frame.instances is None


def test_objects_are_in_the_green_channel(root: Path) -> None:
    frame = open_dataset(f"synthia:{root}", "train", instances=True)[3]
    expected = np.where(patches([0, 1, 3, 8, 10, 22], int(frame.name)) == 8, 300, 0)
    np.testing.assert_array_equal(frame.instances, expected)


def test_classes_and_targets(root: Path) -> None:
    info = Synthia(root, "val").info
    assert info.num_classes == 22 == len(info.colors)
    assert (info.classes[0], info.classes[7], info.classes[21]) == ("sky", "car", "lane marking")
    assert {"car", "pedestrian", "bus"} <= {info.classes[number] for number in info.targets}
    chosen = open_dataset(f"synthia:{root}", "val", targets=["pole"]).info
    assert chosen.targets == (6,)


def test_split_depends_on_the_seed_alone(root: Path) -> None:
    def names(split: str, seed: int) -> list[str]:
        data = open_dataset(f"synthia:{root}", split, seed=seed)
        return [data[index].name for index in range(len(data))]

    assert len(names("train", 0)) == 18 and len(names("val", 0)) == 2
    assert sorted(names("train", 0) + names("val", 0)) == [f"{n:07}" for n in range(20)]
    assert names("val", 0) == names("val", 0)
    assert any(names("val", seed) != names("val", 0) for seed in range(1, 5))


def test_errors_name_the_file(root: Path) -> None:
    data = Synthia(root, "val")
    name = data[0].name
    path = root / "GT" / "LABELS" / f"{name}.png"
    write_png(path, np.zeros(SIZE, np.uint8))
    with pytest.raises(DataError, match=rf"{name}\.png: must be a 16-bit RGB PNG; this is a 8-bit"):
        data[0]
    stored = np.zeros((*SIZE, 3), np.uint16)
    stored[4, 6, 0] = 23
    write_deep(path, stored)
    with pytest.raises(DataError, match=rf"{name}\.png: label 23 at row 4, column 6"):
        data[0]
    stored[4, 6, 0] = 256 + 8  # not to be taken for 8
    write_deep(path, stored)
    with pytest.raises(DataError, match=rf"{name}\.png: label 264 at row 4"):
        data[0]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=rf"{name}\.png: the PNG is truncated"):
        data[0]
    path.unlink()
    with pytest.raises(DataError, match=r"LABELS: 1 of 20 images have no labels"):
        Synthia(root, "train")
    with pytest.raises(DataError, match="no split 'test'; there are train, val"):
        Synthia(synthia(root.parent / "other"), "test")


def test_no_images(tmp_path: Path) -> None:
    (tmp_path / "RGB").mkdir()
    with pytest.raises(DataError, match="RGB: holds no images"):
        Synthia(tmp_path, "train")
