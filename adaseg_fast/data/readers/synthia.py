# SPDX-License-Identifier: Apache-2.0
"""SYNTHIA-RAND-CITYSCAPES (Ros et al. 2016), 1280 x 760, as its publisher lays it out.

    ROOT/RGB/NUMBER.png
    ROOT/GT/LABELS/NUMBER.png    16 bits, three channels: class in red, object in green

Class 0 (void) is ignored; the other 22 are its own, of which terrain, truck, train and parking
slot never occur. It comes without splits: a tenth is held out as ``val``, chosen by seed.
"""

from __future__ import annotations

import os

import numpy as np

from adaseg_fast.data.base import DataError, DatasetInfo, Frame
from adaseg_fast.data.files import (
    LabelTable,
    check_same_size,
    entries,
    existing_folder,
    require_files,
    split_by_seed,
)
from adaseg_fast.data.images import read_deep_png, read_image

# Name and colour of the publisher's classes 1..22; the place in the list is the class number.
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
# The paper does not name its target classes here: these are what ApolloScape's are in its terms.
_TARGETS = ("car", "motorcycle", "bicycle", "pedestrian", "rider", "truck", "bus", "train")
_HELD_OUT = 10  # one frame in so many

_TABLE = LabelTable({0: 255} | {number + 1: number for number in range(len(_CLASSES))})
_NAMES = tuple(name for name, _ in _CLASSES)

INFO = DatasetInfo(
    "SYNTHIA-RAND-CITYSCAPES",
    _NAMES,
    tuple(color for _, color in _CLASSES),
    tuple(_NAMES.index(name) for name in _TARGETS),
)


class Synthia:
    """The training or held-out part of SYNTHIA-RAND-CITYSCAPES.

    Args:
        root: the folder that holds ``RGB`` and ``GT``.
        split: ``train`` or ``val``.
        seed: chooses what is held out.
        instances: also hand over which object a pixel belongs to.

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
        self.info = INFO
        self._instances = instances
        folder = existing_folder(root)
        self._images, self._labels = folder / "RGB", folder / "GT" / "LABELS"
        names = [
            path.stem
            for path in entries(self._images)
            if path.suffix == ".png" and not path.name.startswith(".")
        ]
        if not names:
            raise DataError(f"{self._images}: holds no images (*.png)")
        there = [path.name for path in entries(self._labels)]
        require_files(self._labels, [f"{name}.png" for name in names], there)
        held_out = max(1, len(names) // _HELD_OUT)
        self._names = split_by_seed(names, split, held_out, seed, folder)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> Frame:
        """Frame ``index``, the caller's own to change.

        Raises:
            DataError: a file cannot be read, the sizes differ, or a label is unknown.
            IndexError: there are fewer frames.
        """
        name = self._names[index]
        image_path, labels_path = (f / f"{name}.png" for f in (self._images, self._labels))
        image, stored = read_image(image_path), read_deep_png(labels_path, 3)
        check_same_size(image, stored, image_path, labels_path)
        labels = _TABLE(stored[..., 0], labels_path)
        instances = stored[..., 1].astype(np.int32) if self._instances else None
        return Frame(image, labels, name, instances)
