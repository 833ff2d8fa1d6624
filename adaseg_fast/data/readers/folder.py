# SPDX-License-Identifier: Apache-2.0
"""Any data set in a folder: images, PNGs of labels and a table of classes.

    ROOT/classes.json
    ROOT/images/SPLIT/NAME.jpg      (or .jpeg, .png)
    ROOT/labels/SPLIT/NAME.png      8-bit, one channel or palette: class numbers

`classes.json` is an object with "classes", a list of {"id": 0, "name": "Sky", "color": [r, g, b]}
with the ids 0..n-1, and optionally "ignore_index" (255 if absent). Other keys are ignored.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adaseg_fast.data.base import DataError, DatasetInfo
from adaseg_fast.data.files import (
    check_classes,
    entries,
    existing_folder,
    labelled_pictures,
    read_json,
    require_files,
    subfolders,
)
from adaseg_fast.data.images import read_labels
from adaseg_fast.data.paired import Pair, PairedFrames, Truth


class FolderDataset(PairedFrames):
    """One split of a data set in the layout above, sorted by name.

    The constructor checks what it can without opening a picture; each frame is checked when it is
    read.

    Args:
        root: the folder that holds ``images``, ``labels`` and ``classes.json``.
        split: a folder in ``images``.
        targets: names of the classes whose boundaries matter by default; all classes if None.
        name: name of the data set in messages and tables; the name of the folder if None.

    Raises:
        DataError: a folder, label or class is missing, or ``classes.json`` is not as described.
        ValueError: ``targets`` is empty.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        targets: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        folder = existing_folder(root)
        info = _read_info(folder, name or folder.resolve().name, targets)
        super().__init__(info, _find_pairs(folder, split))

    def _read_truth(self, pair: Pair, size: tuple[int, int]) -> Truth:
        labels = read_labels(pair.labels)
        check_classes(labels, self.info, pair.labels)
        return labels, None


def _find_pairs(root: Path, split: str) -> list[Pair]:
    """Return the pairs of files of a split, sorted by name."""
    splits = [path.name for path in subfolders(root / "images")]
    if split not in splits:
        there = f"there are {', '.join(splits)}" if splits else "it holds no folders at all"
        raise DataError(f"{root / 'images'}: no split {split!r}; {there}")

    images: dict[str, Path] = {}
    for path in labelled_pictures(root / "images" / split):
        if path.stem in images:
            raise DataError(
                f"{path}: {images[path.stem].name} differs in its suffix only, "
                f"so both would have the labels {path.stem}.png"
            )
        images[path.stem] = path
    if not images:
        raise DataError(f"{root / 'images' / split}: holds no images (.jpg, .jpeg or .png)")

    folder = root / "labels" / split
    require_files(
        folder, [f"{name}.png" for name in images], [path.name for path in entries(folder)]
    )
    return [Pair(images[name], folder / f"{name}.png", name) for name in sorted(images)]


def _read_info(root: Path, name: str, targets: Sequence[str] | None) -> DatasetInfo:
    path = root / "classes.json"
    table = read_json(path)
    try:
        info = _parse_info(table, name)
        numbers = range(info.num_classes) if targets is None else info.class_numbers(targets)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    if not numbers:
        raise ValueError("targets must name at least one class, got none")
    return DatasetInfo(info.name, info.classes, info.colors, tuple(numbers), info.ignore_index)


def _parse_info(table: Any, name: str) -> DatasetInfo:
    """Return the classes in a parsed `classes.json`, all as targets; ValueError if malformed."""
    if not isinstance(table, dict) or not isinstance(table.get("classes"), list):
        raise ValueError('must be an object with a list "classes"')
    classes = table["classes"]
    for position, entry in enumerate(classes):
        _check_class(position, entry)
    ids = sorted(entry["id"] for entry in classes)
    if not ids or ids != list(range(len(ids))):
        raise ValueError(f"the ids of n classes must be 0 to n - 1, each once; got {ids}")
    classes = sorted(classes, key=lambda entry: int(entry["id"]))
    names = tuple(entry["name"] for entry in classes)
    ignore_index = table.get("ignore_index", 255)
    if not _is_byte(ignore_index) or ignore_index < len(names):
        raise ValueError(
            f'"ignore_index" must be a whole number from {len(names)} (no class) to 255, '
            f"got {ignore_index!r}"
        )
    colors = tuple(tuple(entry["color"]) for entry in classes)
    return DatasetInfo(name, names, colors, tuple(ids), ignore_index)


def _check_class(position: int, entry: Any) -> None:
    if not isinstance(entry, dict):
        raise ValueError(f"entry {position} of the classes must be an object, got {entry!r}")
    for key, is_valid, wanted in (
        ("id", _is_byte, "a whole number from 0 to 255"),
        ("name", _is_name, "a text that is not empty"),
        ("color", _is_color, "a list of three whole numbers from 0 to 255"),
    ):
        value = entry.get(key)
        if not is_valid(value):
            raise ValueError(
                f'"{key}" in entry {position} of the classes must be {wanted}, got {value!r}'
            )


def _is_byte(value: object) -> bool:
    return type(value) is int and 0 <= value <= 255  # type(): True is an int too


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_color(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_byte, value))
