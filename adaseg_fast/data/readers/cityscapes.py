# SPDX-License-Identifier: Apache-2.0
"""Cityscapes (Cordts et al. 2016), 2048 x 1024, as its publisher lays it out.

    ROOT/leftImg8bit/SPLIT/CITY/CITY_SEQUENCE_FRAME_leftImg8bit.png
    ROOT/gtFine/SPLIT/CITY/CITY_SEQUENCE_FRAME_gtFine_labelIds.png        or ..._labelTrainIds.png
    ROOT/gtFine/SPLIT/CITY/CITY_SEQUENCE_FRAME_gtFine_instanceIds.png     for instances

The 19 classes are those of the publisher's evaluation ("train ids").
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data.base import DataError, DatasetInfo
from adaseg_fast.data.files import (
    LabelTable,
    check_same_size,
    entries,
    existing_folder,
    require_files,
    subfolders,
)
from adaseg_fast.data.images import read_deep_png, read_labels
from adaseg_fast.data.paired import Pair, PairedFrames, Truth

# Label id, name, colour; the position in the list is the class number.
_CLASSES = (
    (7, "road", (128, 64, 128)),
    (8, "sidewalk", (244, 35, 232)),
    (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)),
    (13, "fence", (190, 153, 153)),
    (17, "pole", (153, 153, 153)),
    (19, "traffic light", (250, 170, 30)),
    (20, "traffic sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)),
    (22, "terrain", (152, 251, 152)),
    (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)),
    (25, "rider", (255, 0, 0)),
    (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)),
    (28, "bus", (0, 60, 100)),
    (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)),
    (33, "bicycle", (119, 11, 32)),
)
_LABELS = 34  # ids 0..33; the licence plate (-1) is not in the files

_IMAGE, _GROUND_TRUTH = "_leftImg8bit.png", "_gtFine_"
_ID_FILE, _TRAIN_ID_FILE, _INSTANCE_FILE = "labelIds.png", "labelTrainIds.png", "instanceIds.png"

_FROM_IDS = LabelTable(
    dict.fromkeys(range(_LABELS), 255) | {each[0]: k for k, each in enumerate(_CLASSES)}
)
_FROM_TRAIN_IDS = LabelTable({number: number for number in (*range(len(_CLASSES)), 255)})

# The paper gives no target classes for Cityscapes, so all boundaries count.
INFO = DatasetInfo(
    "Cityscapes",
    tuple(name for _, name, _ in _CLASSES),
    tuple(color for *_, color in _CLASSES),
    tuple(range(len(_CLASSES))),
)


class Cityscapes(PairedFrames):
    """A split of Cityscapes with fine annotations.

    Args:
        root: the folder that holds ``leftImg8bit`` and ``gtFine``.
        split: ``train`` or ``val``. (The labels published for ``test`` are empty.)
        instances: also read which object each pixel belongs to; groups have no number.

    Raises:
        DataError: a folder or label is missing.
    """

    def __init__(
        self, root: str | os.PathLike[str], split: str, *, instances: bool = False
    ) -> None:
        super().__init__(INFO, _find_pairs(existing_folder(root), split), instances=instances)

    def _read_truth(self, pair: Pair, size: tuple[int, int]) -> Truth:
        stored = read_labels(pair.labels)
        table = _FROM_TRAIN_IDS if pair.labels.name.endswith(_TRAIN_ID_FILE) else _FROM_IDS
        instances = _read_instances(pair, stored) if self._instances else None
        return table(stored, pair.labels), instances


def _read_instances(pair: Pair, stored: NDArray[np.uint8]) -> NDArray[np.int32]:
    path = pair.labels.with_name(f"{pair.name}{_GROUND_TRUTH}{_INSTANCE_FILE}")
    values = read_deep_png(path, 1)
    check_same_size(stored, values, pair.labels, path)
    # A value is a class id times 1000 plus a number; below 1000 are ids without a number.
    return np.where(values >= 1000, values, 0).astype(np.int32)


def _find_pairs(root: Path, split: str) -> list[Pair]:
    images = root / "leftImg8bit"
    splits = [path.name for path in subfolders(images)]
    if split not in splits:
        raise DataError(f"{images}: no split {split!r}; there are {', '.join(splits) or 'none'}")
    pairs = []
    for city in subfolders(images / split):
        names = [
            path.name.removesuffix(_IMAGE)
            for path in entries(city)
            if path.name.endswith(_IMAGE) and not path.name.startswith(".")
        ]
        if names:
            pairs += _with_labels(city, names, root / "gtFine" / split / city.name)
    if not pairs:
        raise DataError(f"{images / split}: holds no images (CITY/*{_IMAGE})")
    return pairs


def _with_labels(city: Path, names: list[str], folder: Path) -> list[Pair]:
    there = {path.name for path in entries(folder)}
    chosen = {}
    for name in names:
        kinds = [f"{name}{_GROUND_TRUTH}{kind}" for kind in (_ID_FILE, _TRAIN_ID_FILE)]
        chosen[name] = kinds[1] if kinds[1] in there and kinds[0] not in there else kinds[0]
    require_files(folder, list(chosen.values()), there)
    return [Pair(city / f"{name}{_IMAGE}", folder / chosen[name], name) for name in names]
