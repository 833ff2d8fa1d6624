# SPDX-License-Identifier: Apache-2.0
"""ApolloScape scene parsing (Huang et al. 2018), 3384 x 2710, as its publisher lays it out.

    ROOT/road01_ins_train.lst    also _val, _test; lines "IMAGE<tab>LABELS", relative to ROOT
    ROOT/road01_ins/ColorImage/Record001/Camera 5/TIME_Camera_5.jpg
    ROOT/road01_ins/Label/Record001/Camera 5/TIME_Camera_5_bin.png            class ids, 8 bits
    ROOT/road01_ins/Label/Record001/Camera 5/TIME_Camera_5_instanceIds.png    for instances

The lists may lie in ROOT or in a folder of it. The 22 classes are those of the publisher's
evaluation; groups (such as car_groups) count as their class.
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
    inside,
    require_files,
    subfolders,
)
from adaseg_fast.data.images import read_deep_png, read_labels
from adaseg_fast.data.paired import Pair, PairedFrames, Truth

# Class ids, name, colour; the position in the list is the class number (the "train id").
_CLASSES = (
    ((17,), "sky", (70, 130, 180)),
    ((33, 161), "car", (0, 0, 142)),
    ((34, 162), "motorbicycle", (0, 0, 230)),
    ((35, 163), "bicycle", (119, 11, 32)),
    ((36, 164), "person", (0, 128, 192)),
    ((37, 165), "rider", (128, 64, 128)),
    ((38, 166), "truck", (128, 0, 192)),
    ((39, 167), "bus", (192, 0, 64)),
    ((40, 168), "tricycle", (128, 128, 192)),
    ((49,), "road", (192, 128, 192)),
    ((50,), "sidewalk", (192, 128, 64)),
    ((65,), "traffic cone", (255, 128, 64)),
    ((66,), "road pile", (0, 0, 192)),
    ((67,), "fence", (64, 64, 128)),
    ((81,), "traffic light", (192, 64, 128)),
    ((82,), "pole", (192, 128, 128)),
    ((83,), "traffic sign", (0, 64, 64)),
    ((84,), "wall", (192, 192, 128)),
    ((85,), "dustbin", (64, 0, 192)),
    ((86,), "billboard", (192, 0, 192)),
    ((97,), "building", (192, 0, 128)),
    ((113,), "vegetation", (128, 128, 64)),
)
# Others, the recording car, bridge, tunnel, overpass, unlabelled.
_NOT_EVALUATED = (0, 1, 98, 99, 100, 255)
_COUNTABLE = range(33, 41)  # class ids that have instances
# The classes that are annotated well (sec. 4.2 of the paper).
_TARGETS = ("car", "motorbicycle", "bicycle", "person", "rider", "truck", "bus", "tricycle")

_LABEL_FILE, _INSTANCE_FILE = "_bin.png", "_instanceIds.png"

_TABLE = LabelTable(
    dict.fromkeys(_NOT_EVALUATED, 255)
    | {label: number for number, (ids, *_) in enumerate(_CLASSES) for label in ids}
)
_NAMES = tuple(name for _, name, _ in _CLASSES)

INFO = DatasetInfo(
    "ApolloScape",
    _NAMES,
    tuple(color for *_, color in _CLASSES),
    tuple(_NAMES.index(name) for name in _TARGETS),
)


class ApolloScape(PairedFrames):
    """A split of ApolloScape: all roads that have a list of it.

    Args:
        root: the folder that the paths in the lists start from.
        split: ``train`` or ``val``: all lists called ``*_SPLIT.lst``. (The labels published for
            ``test`` are empty.)
        instances: also read which object each pixel belongs to, if there is a file of it.

    Raises:
        DataError: a list, image or label is missing, or a list is not as described.
    """

    def __init__(
        self, root: str | os.PathLike[str], split: str, *, instances: bool = False
    ) -> None:
        super().__init__(INFO, _find_pairs(existing_folder(root), split), instances=instances)

    def _read_truth(self, pair: Pair, size: tuple[int, int]) -> Truth:
        stored = read_labels(pair.labels)
        instances = _read_instances(pair, stored) if self._instances else None
        return _TABLE(stored, pair.labels), instances


def _read_instances(pair: Pair, stored: NDArray[np.uint8]) -> NDArray[np.int32] | None:
    path = pair.labels.with_name(pair.labels.name.removesuffix(_LABEL_FILE) + _INSTANCE_FILE)
    if not path.is_file():
        return None
    values = read_deep_png(path, 1)
    check_same_size(stored, values, pair.labels, path)
    # A value is a class id times 1000 plus a number from 0; it counts where the labels agree.
    label = values // 1000
    countable = (label == stored) & np.isin(label, _COUNTABLE)
    return np.where(countable, values, 0).astype(np.int32)


def _find_pairs(root: Path, split: str) -> list[Pair]:
    ending = f"_{split}.lst"
    folders = [root, *subfolders(root)]
    lists = [path for folder in folders for path in entries(folder) if path.suffix == ".lst"]
    chosen = [path for path in lists if path.name.endswith(ending)]
    if not chosen:
        there = sorted({path.stem.rpartition("_")[2] for path in lists})
        raise DataError(
            f"{root}: no list of the split {split!r} (*{ending}); "
            f"there are {', '.join(there) or 'no lists at all'}"
        )
    pairs = [pair for path in chosen for pair in _read_list(root, path)]
    if not pairs:
        raise DataError(f"{chosen[0]}: names no images")
    if len({pair.name for pair in pairs}) != len(pairs):
        raise DataError(f"{', '.join(str(path) for path in chosen)}: name an image twice")
    _require(pairs)
    return pairs


def _read_list(root: Path, path: Path) -> list[Pair]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        image, *labels = (part.strip() for part in line.split("\t"))
        if len(labels) != 1:
            raise DataError(
                f"{path}: line {number} must be an image and its labels with a tab between, "
                f"got {line!r}"
            )
        found = inside(root, image, path)
        pairs.append(Pair(found, inside(root, labels[0], path), found.stem))
    return pairs


def _require(pairs: list[Pair]) -> None:
    """Check that all files exist. Listing the folders is much faster than asking for each file."""
    folders: dict[Path, list[str]] = {}
    for pair in pairs:
        for path in (pair.image, pair.labels):
            folders.setdefault(path.parent, []).append(path.name)
    for folder, names in folders.items():
        there = [path.name for path in entries(folder)]
        kind = "labels" if names[0].endswith(_LABEL_FILE) else "images"
        require_files(folder, names, there, kind)
