# SPDX-License-Identifier: Apache-2.0
"""CamVid: the table of targets, and the real frames where they are at hand.

The frames are looked for in the folder that the environment variable ADASEG_CAMVID names, else
in ``../shared/camvid`` beside the repository.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adaseg_fast.data.base import DataError
from adaseg_fast.data.images import write_png
from adaseg_fast.data.readers.camvid import CamVid

REPOSITORY = Path(__file__).resolve().parents[3]
REAL = Path(os.environ.get("ADASEG_CAMVID", REPOSITORY.parent / "shared" / "camvid"))
CLASSES = ["Sky", "Bicyclist", "Pedestrian", "Car", "SignSymbol", "Pole"]

needs_frames = pytest.mark.skipif(
    not REAL.is_dir(), reason="no CamVid frames: set ADASEG_CAMVID to their folder"
)


def small_camvid(root: Path, names: list[str]) -> Path:
    for part, shape in (("images", (4, 4, 3)), ("labels", (4, 4))):
        (root / part / "val").mkdir(parents=True)
        write_png(root / part / "val" / "frame.png", np.zeros(shape, np.uint8))
    classes = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(names)]
    (root / "classes.json").write_text(json.dumps({"classes": classes}))
    return root


def test_targets_are_the_thin_and_small_things(tmp_path: Path) -> None:
    info = CamVid(small_camvid(tmp_path, CLASSES), "val").info
    assert info.name == "CamVid"
    names = [info.classes[number] for number in info.targets]
    assert names == ["Pole", "SignSymbol", "Car", "Pedestrian", "Bicyclist"]


def test_targets_may_be_others(tmp_path: Path) -> None:
    assert CamVid(small_camvid(tmp_path, CLASSES), "val", targets=["sky"]).info.targets == (0,)


def test_missing_target_class(tmp_path: Path) -> None:
    root = small_camvid(tmp_path, CLASSES[:3])
    with pytest.raises(DataError, match=r"classes\.json: CamVid has no class 'Pole', 'SignSymbol'"):
        CamVid(root, "val")


@needs_frames
@pytest.mark.parametrize(("split", "count"), [("train", 231), ("val", 101)])
def test_real_splits(split: str, count: int) -> None:
    data = CamVid(REAL, split)
    assert len(data) == count
    assert data.info.num_classes == 11
    assert data.info.targets == (2, 6, 8, 9, 10)
    for frame in (data[0], data[count // 2], data[-1]):
        assert frame.image.shape == (720, 960, 3)
        assert frame.labels.shape == (720, 960)
        assert set(np.unique(frame.labels)) <= {*range(11), 255}


@needs_frames
def test_real_frame_is_what_pillow_reads() -> None:
    data = CamVid(REAL, "val")
    frame = data[7]
    image = np.asarray(Image.open(REAL / "images" / "val" / f"{frame.name}.jpg"))
    labels = np.asarray(Image.open(REAL / "labels" / "val" / f"{frame.name}.png"))
    assert np.abs(frame.image.astype(int) - image).max() <= 2  # two libjpegs may round differently
    np.testing.assert_array_equal(frame.labels, labels)
    sky, road = (np.argwhere(frame.labels == number)[:, 0].mean() for number in (0, 3))
    assert sky < road
