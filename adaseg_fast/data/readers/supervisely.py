# SPDX-License-Identifier: Apache-2.0
"""Supervisely Person (2018): people in photographs, as its publisher lays them out.

    ROOT/ds1/img/NAME.png        any number of such folders, .png or .jpg
    ROOT/ds1/ann/NAME.json       or NAME.png.json

It has two classes. An annotation lists objects, bitmaps ("person_bmp") and polygons
("person_poly"), which are drawn in their order; "neutral" regions are ignored. The publisher gives
no splits: 571 of the 5711 images are held out as ``val``, chosen by seed, as in the paper (the same
share of fewer images).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data.base import DataError, DatasetInfo
from adaseg_fast.data.files import (
    entries,
    existing_folder,
    labelled_pictures,
    read_json,
    require_files,
    split_by_seed,
    subfolders,
)
from adaseg_fast.data.paired import Pair, PairedFrames, Truth
from adaseg_fast.data.readers.supervisely_shapes import ShapeError, draw_object

_ALL, _HELD_OUT = 5711, 571
_IGNORED = 255
_CLASS_OF = {"person_bmp": 1, "person_poly": 1, "neutral": _IGNORED}

INFO = DatasetInfo(
    "Supervisely Person", ("background", "person"), ((0, 0, 0), (220, 20, 60)), (1,), _IGNORED
)


class SuperviselyPerson(PairedFrames):
    """The training or held-out part of Supervisely Person.

    Args:
        root: the folder of the folders that hold ``img`` and ``ann``.
        split: ``train`` or ``val``.
        seed: chooses what is held out.
        instances: also number the persons, in the order of the annotation.

    Raises:
        DataError: a folder or annotation is missing, or there is no such split.
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
        pairs = {pair.name: pair for pair in _find_pairs(folder)}
        held_out = max(1, round(len(pairs) * _HELD_OUT / _ALL))
        names = split_by_seed(list(pairs), split, held_out, seed, folder)
        super().__init__(INFO, [pairs[name] for name in names], instances=instances)

    def _read_truth(self, pair: Pair, size: tuple[int, int]) -> Truth:
        labels, instances = _draw(read_json(pair.labels), size, pair)
        return labels, instances if self._instances else None


def _find_pairs(root: Path) -> list[Pair]:
    pairs = []
    for folder in subfolders(root):
        if (folder / "img").is_dir():
            pairs += _pairs_of(folder)
    if not pairs:
        raise DataError(f"{root}: holds no images (*/img/*.png or .jpg)")
    return pairs


def _pairs_of(folder: Path) -> list[Pair]:
    images = labelled_pictures(folder / "img")
    there = {path.name for path in entries(folder / "ann")}
    chosen = {}
    for path in images:
        short, long = f"{path.stem}.json", f"{path.name}.json"
        chosen[path] = long if long in there else short
    require_files(folder / "ann", list(chosen.values()), there)
    # The same name may occur in several folders, and with both suffixes.
    return [
        Pair(path, folder / "ann" / name, f"{folder.name}_{name.removesuffix('.json')}")
        for path, name in chosen.items()
    ]


def _draw(
    annotation: Any, size: tuple[int, int], pair: Pair
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw labels and person numbers of a parsed annotation."""
    height, width = size
    if not isinstance(annotation, dict) or not isinstance(annotation.get("objects"), list):
        raise DataError(f'{pair.labels}: must be an object with a list "objects"')
    stated = annotation.get("size")
    if not isinstance(stated, dict) or (stated.get("height"), stated.get("width")) != size:
        raise DataError(
            f"{pair.labels}: its size is {stated}, but the image {pair.image} "
            f"has {width} x {height} pixels (width x height)"
        )
    labels, instances = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    for number, entry in enumerate(annotation["objects"]):
        try:
            kind = _class_of(entry)
            where, mask = draw_object(entry, size)
        except ShapeError as error:
            raise DataError(f"{pair.labels}: object {number} {error}") from None
        labels[where][mask] = kind
        instances[where][mask] = number + 1 if kind == 1 else 0
    return labels, instances


def _class_of(entry: Any) -> int:
    title = entry.get("classTitle") if isinstance(entry, Mapping) else None
    if not isinstance(title, str) or title not in _CLASS_OF:
        raise ShapeError(f"is of the class {title!r}; known are {', '.join(_CLASS_OF)}")
    return _CLASS_OF[title]
