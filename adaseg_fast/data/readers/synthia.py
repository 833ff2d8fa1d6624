# SPDX-License-Identifier: Apache-2.0
"""SYNTHIA-RAND-CITYSCAPES (Ros et al. 2016), 1280 x 760, as its publisher lays it out.

    ROOT/RGB/NUMBER.png
    ROOT/GT/LABELS/NUMBER.png    16 bits, three channels: class in red, object in green

Class 0 (void) is ignored; of the other 22 classes, terrain, truck, train and parking slot never
occur. The publisher gives no splits: a tenth is held out as ``val``, chosen by seed.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from adaseg_fast.data.base import DataError, DatasetInfo
from adaseg_fast.data.files import (
    LabelTable,
    entries,
    existing_folder,
    require_files,
    split_by_seed,
)
from adaseg_fast.data.images import read_deep_png
from adaseg_fast.data.paired import Pair, PairedFrames, Truth

# Name and colour of the publisher's classes 1..22; the position in the list is the class number.
_CLASSES = (
    ("sky", (70, 130, 180)),
    ("building", (70, 70, 70)),
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("fence", (190, 153, 153)),
    ("vegetation", (107, 142, 35)),
    ("pole", (153, 153, 153)),
    ("car", (0, 0, 142)),
    ("traffic sign", (220, 220, 0)),
    ("pedestrian", (220, 20, 60)),
    ("bicycle", (119, 11, 32)),
    ("motorcycle", (0, 0, 230)),
    ("parking slot", (250, 170, 160)),
    ("road work", (128, 64, 64)),
    ("traffic light", (250, 170, 30)),
    ("terrain", (152, 251, 152)),
    ("rider", (255, 0, 0)),
    ("truck", (0, 0, 70)),
    ("bus", (0, 60, 100)),
    ("train", (0, 80, 100)),
    ("wall", (102, 102, 156)),
    ("lane marking", (102, 102, 0)),
)
# The paper names no target classes for this set; these correspond to those of ApolloScape.
_TARGETS = ("car", "motorcycle", "bicycle", "pedestrian", "rider", "truck", "bus", "train")
_HELD_OUT = 10  # one frame of this many
_IMAGES, _LABELS = Path("RGB"), Path("GT", "LABELS")

_TABLE = LabelTable({0: 255} | {number + 1: number for number in range(len(_CLASSES))})
_NAMES = tuple(name for name, _ in _CLASSES)

INFO = DatasetInfo(
    "SYNTHIA-RAND-CITYSCAPES",
    _NAMES,
    tuple(color for _, color in _CLASSES),
    tuple(_NAMES.index(name) for name in _TARGETS),
)


class Synthia(PairedFrames):
    """The training or held-out part of SYNTHIA-RAND-CITYSCAPES.

    Args:
        root: the folder that holds ``RGB`` and ``GT``.
        split: ``train`` or ``val``.
        seed: chooses what is held out.
        instances: also read which object each pixel belongs to.

    Raises:
        DataError: a folder or label is missing, or there is no such split.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        seed: int = 0,
        instances: bool = False,
    ) -> None:
        folder = existing_folder(root)
        names = _find_names(folder)
        held_out = max(1, len(names) // _HELD_OUT)
        pairs = [
            Pair(folder / _IMAGES / f"{name}.png", folder / _LABELS / f"{name}.png", name)
            for name in split_by_seed(names, split, held_out, seed, folder)
        ]
        super().__init__(INFO, pairs, instances=instances)

    def _read_truth(self, pair: Pair, size: tuple[int, int]) -> Truth:
        stored = read_deep_png(pair.labels, 3)
        labels = _TABLE(stored[..., 0], pair.labels)
        return labels, stored[..., 1].astype(np.int32) if self._instances else None


def _find_names(root: Path) -> list[str]:
    """Names of all frames; DataError if one of them has no labels."""
    images, labels = root / _IMAGES, root / _LABELS
    names = [
        path.stem
        for path in entries(images)
        if path.suffix == ".png" and not path.name.startswith(".")
    ]
    if not names:
        raise DataError(f"{images}: holds no images (*.png)")
    there = [path.name for path in entries(labels)]
    require_files(labels, [f"{name}.png" for name in names], there)
    return names
