# SPDX-License-Identifier: Apache-2.0
"""What the readers of data sets on disk share: folders, lists of files, class numbers, splits."""

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

DATASET_SUFFIXES = (".jpg", ".jpeg", ".png")
IMAGE_SUFFIXES = (*DATASET_SUFFIXES, ".bmp", ".tif", ".tiff", ".webp")
# Pictures of formats that are not read. They are listed all the same, so that reading names them.
_OTHER_SUFFIXES = (
    ".apng", ".arw", ".avif", ".cr2", ".cr3", ".dib", ".dng", ".exr", ".gif", ".hdr", ".heic",
    ".heif", ".j2k", ".jfif", ".jp2", ".jpe", ".jxl", ".nef", ".pbm", ".pgm", ".pnm",
    ".ppm", ".psd", ".svg", ".tga",
)  # fmt: skip

_LISTED_MISSING = 5
_LACK = {"labels": "have no labels", "images": "are not there"}


def existing_folder(root: str | os.PathLike[str]) -> Path:
    """Return the folder called ``root``, in which ``~`` is the home folder.

    Raises:
        DataError: there is no such folder, or no such user.
    """
    try:
        folder = Path(root).expanduser()
        is_folder = folder.is_dir()
    except (OSError, RuntimeError, ValueError) as error:  # too long; no such user; a zero byte
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{root}: cannot be opened ({reason})") from error
    if not is_folder:
        raise DataError(f"{folder}: there is no such folder")
    return folder


def entries(folder: Path) -> list[Path]:
    """Return everything in a folder, sorted; DataError if the folder cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{folder}: cannot list this folder ({reason})") from error


def subfolders(folder: Path) -> list[Path]:
    """Return the folders directly in a folder, sorted."""
    return [path for path in entries(folder) if path.is_dir()]


def pictures(folder: Path) -> list[Path]:
    """Return the pictures directly in a folder, sorted, without hidden files.

    Their names decide, so pictures of formats that are not read are among them: `images.read_image`
    refuses them by name.

    Args:
        folder: the folder.

    Returns:
        Their paths.

    Raises:
        DataError: the folder cannot be listed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     for file in ("b.TIF", "a.jpg", "notes.txt", ".c.jpg"):
        ...         Path(name, file).touch()
        ...     [path.name for path in pictures(Path(name))]
        ['a.jpg', 'b.TIF']
    """
    wanted = (*IMAGE_SUFFIXES, *_OTHER_SUFFIXES)
    return [
        path
        for path in entries(folder)
        if path.suffix.lower() in wanted and not path.name.startswith(".")
    ]


def labelled_pictures(folder: Path) -> list[Path]:
    """Return the pictures of a data set that lie directly in a folder, as `pictures` does.

    Raises:
        DataError: the folder cannot be listed, or holds a picture that is neither JPEG nor PNG,
            which would otherwise be left out silently.
    """
    found = pictures(folder)
    for path in found:
        if path.suffix.lower() not in DATASET_SUFFIXES:
            raise DataError(
                f"{path}: images with labels must be JPEG or PNG ({', '.join(DATASET_SUFFIXES)})"
            )
    return found


def require_files(
    folder: Path, wanted: Collection[str], there: Collection[str], kind: str = "labels"
) -> None:
    """Raise a DataError that names ``folder`` and a few ``wanted`` files if they are not there."""
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
    """Return ``root / relative`` for a path that was read from the file ``source``.

    Raises:
        DataError: the path is absolute, or leaves ``root`` through ``..``.

    Example:
        >>> inside(Path("data"), "road/a.png", Path("data/train.lst")).as_posix()
        'data/road/a.png'
    """
    posix, windows = PurePosixPath(relative), PureWindowsPath(relative)
    outside = posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts
    if outside or not relative or "\0" in relative:
        raise DataError(f"{source}: the path {relative!r} must lie within {root}")
    return root / posix


def check_same_size(
    image: NDArray[np.uint8], labels: NDArray[Any], image_path: Path, labels_path: Path
) -> None:
    """Raise a DataError if labels and image differ in height or width."""
    if labels.shape[:2] == image.shape[:2]:
        return
    turned = labels.shape[:2] == image.shape[1::-1]
    hint = "; one of them seems to be turned: was an EXIF orientation applied or removed?"
    raise DataError(
        f"{labels_path}: {_size(labels)} pixels (width x height), "
        f"but the image {image_path} has {_size(image)}{hint if turned else ''}"
    )


def check_classes(labels: NDArray[np.uint8], info: DatasetInfo, path: Path) -> None:
    """Raise a DataError if a label is neither a class nor ``ignore_index``."""
    wrong = (labels >= info.num_classes) & (labels != info.ignore_index)
    if wrong.any():
        raise _no_class(labels, wrong, path, f"classes are 0 to {info.num_classes - 1}, and "
                        f"{info.ignore_index} is ignored")  # fmt: skip


class LabelTable:
    """Converts a publisher's label numbers to class numbers.

    Args:
        classes: class number of each known label; ``ignored`` if the label is not evaluated.
        ignored: placeholder; a map with unknown labels raises DataError.

    Example:
        >>> table = LabelTable({0: 255, 7: 0, 26: 1})
        >>> table(np.array([[0, 26, 7]]), Path("labels.png")).tolist()
        [[255, 1, 0]]
    """

    def __init__(self, classes: Mapping[int, int], ignored: int = 255) -> None:
        self._table = np.full(256, ignored, np.uint8)
        self._known = np.zeros(256, bool)
        for label, number in classes.items():
            self._table[label], self._known[label] = number, True

    def __call__(self, labels: NDArray[Any], path: Path) -> NDArray[np.uint8]:
        """Return class numbers (H, W) uint8; a DataError names ``path`` if a label is unknown."""
        known = self._known[np.minimum(labels, 255)] & (labels <= 255)
        if not known.all():
            listed = ", ".join(map(str, np.flatnonzero(self._known)))
            raise _no_class(labels, ~known, path, f"known are {listed}")
        numbers: NDArray[np.uint8] = self._table[labels]
        return numbers


def split_by_seed(
    names: Sequence[str], split: str, held_out: int, seed: int, where: Path
) -> list[str]:
    """Return the ``train`` or ``val`` part of a data set that its publisher does not split.

    The names are sorted by the SHA-256 of ``SEED/NAME``; the first ``held_out`` are ``val``. So the
    parts are the same on every machine, and do not depend on the order of ``names``.

    Args:
        names: names of all frames.
        split: ``train`` or ``val``.
        held_out: number of frames in ``val``.
        seed: chooses the frames.
        where: the data set, for the error message.

    Returns:
        The names in the part, sorted.

    Raises:
        DataError: there is no such split.

    Example:
        >>> split_by_seed(["a", "b", "c"], "val", 1, seed=0, where=Path("data"))
        ['c']
    """
    if split not in ("train", "val"):
        raise DataError(f"{where}: no split {split!r}; there are train, val")
    order = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    return sorted(order[:held_out] if split == "val" else order[held_out:])


def read_json(path: Path) -> Any:
    """Read a JSON file of a data set, see `storage.read_json`.

    Raises:
        DataError: the file cannot be read, is too large, or is not JSON.
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
