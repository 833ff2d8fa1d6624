# SPDX-License-Identifier: Apache-2.0
"""What the readers of data sets on disk share: folders, pairs of files, class numbers, splits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast import storage
from adaseg_fast.data.base import DataError, DatasetInfo

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")

_LISTED_MISSING = 5
_LACK = {"labels": "have no labels", "images": "are not there"}


def existing_folder(root: str | os.PathLike[str]) -> Path:
    """The folder called ``root``, ``~`` resolved; DataError if there is none."""
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    return folder


def entries(folder: Path) -> list[Path]:
    """All that lies in a folder, sorted; DataError if it cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot list this folder ({error.strerror})") from error


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in a folder, sorted."""
    return [path for path in entries(folder) if path.is_dir()]


def pictures(folder: Path) -> list[Path]:
    """The pictures directly in a folder, sorted; hidden files are none."""
    return [
        path
        for path in entries(folder)
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]


def require_files(
    folder: Path, wanted: Collection[str], there: Collection[str], kind: str = "labels"
) -> None:
    """DataError naming ``folder`` and a few of the ``wanted`` files that are not there."""
    known = set(there)
    missing = [name for name in wanted if name not in known]
    if missing:
        rest = len(missing) - _LISTED_MISSING
        more = f" and {rest} more" if rest > 0 else ""
        raise DataError(
            f"{folder}: {len(missing)} of {len(wanted)} images {_LACK[kind]}; "
            f"missing: {', '.join(missing[:_LISTED_MISSING])}{more}"
        )


def inside(root: Path, relative: str, source: Path) -> Path:
    """``root / relative`` for a path that was read from the file ``source``.

    Raises:
        DataError: the path is absolute, or leads out of ``root`` by ``..``.
    """
    posix, windows = PurePosixPath(relative), PureWindowsPath(relative)
    outside = posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts
    if outside or not relative or "\0" in relative:
        raise DataError(f"{source}: the path {relative!r} does not lie within {root}")
    return root / posix


def check_same_size(
    image: NDArray[np.uint8], labels: NDArray[Any], image_path: Path, labels_path: Path
) -> None:
    """DataError if labels and image differ in height or width."""
    if labels.shape[:2] != image.shape[:2]:
        raise DataError(
            f"{labels_path}: {_size(labels)} pixels (width x height), "
            f"but the image {image_path} has {_size(image)}"
        )


def check_classes(labels: NDArray[np.uint8], info: DatasetInfo, path: Path) -> None:
    """DataError if a label is neither a class nor ``ignore_index``."""
    wrong = (labels >= info.num_classes) & (labels != info.ignore_index)
    if wrong.any():
        raise _no_class(labels, wrong, path, f"they go from 0 to {info.num_classes - 1}, and "
                        f"{info.ignore_index} is ignored")  # fmt: skip


class LabelTable:
    """From a publisher's label numbers to class numbers.

    Args:
        classes: class number of each known label, ``ignored`` where it is not evaluated.
        ignored: 255.
    """

    def __init__(self, classes: Mapping[int, int], ignored: int = 255) -> None:
        self._table = np.full(256, ignored, np.uint8)
        self._known = np.zeros(256, bool)
        for label, number in classes.items():
            self._table[label], self._known[label] = number, True

    def __call__(self, labels: NDArray[Any], path: Path) -> NDArray[np.uint8]:
        """Class numbers (H, W) uint8; DataError naming ``path`` where a label is unknown."""
        known = self._known[np.minimum(labels, 255)] & (labels <= 255)
        if not known.all():
            listed = ", ".join(map(str, np.flatnonzero(self._known)))
            raise _no_class(labels, ~known, path, f"known are {listed}")
        numbers: NDArray[np.uint8] = self._table[labels]
        return numbers


def split_by_seed(
    names: Sequence[str], split: str, held_out: int, seed: int, where: Path
) -> list[str]:
    """The ``train`` or ``val`` part of a data set that comes without splits.

    The ``held_out`` names that come first in the order of SHA-256 of ``SEED/NAME`` are ``val``:
    the same on every machine, whatever the order of ``names``.
    """
    if split not in ("train", "val"):
        raise DataError(f"{where}: no split {split!r}; there are train, val")
    order = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    return sorted(order[:held_out] if split == "val" else order[held_out:])


def read_json(path: Path) -> Any:
    """The content of a JSON file of a data set, as `storage.read_json`.

    Raises:
        DataError: it cannot be read, is too large, or is not JSON.
    """
    try:
        return storage.read_json(path)
    except storage.StorageError as error:
        raise DataError(str(error)) from error


def _no_class(labels: NDArray[Any], wrong: NDArray[np.bool_], path: Path, known: str) -> DataError:
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return DataError(
        f"{path}: label {labels[row, column]} at row {row}, column {column} "
        f"({np.count_nonzero(wrong)} such pixels) is no class: {known}"
    )


def _size(array: NDArray[Any]) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"
