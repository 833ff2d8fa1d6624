# SPDX-License-Identifier: Apache-2.0
"""What every data set provides: frames of uint8 pixels and labels, and a table of classes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.storage import StorageError

_LONGEST_NAME = 100
_JOINERS = "\u200c\u200d"  # some languages need them within a word


class DataError(StorageError):
    """A file or folder of a data set is missing, damaged or inconsistent; the message names it."""


class Frame(NamedTuple):
    """One image with its labels.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        labels: (H, W) uint8, class numbers; ``ignore_index`` where the class is unknown.
        name: name of the frame, unique within the split; output files are named after it.
        instances: (H, W) int32, the number of the countable object that a pixel belongs to, 0 if
            there is none; None if the data set has no instances.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    name: str
    instances: NDArray[np.int32] | None = None


@dataclass(frozen=True)
class DatasetInfo:
    """The classes of a data set.

    Attributes:
        name: name of the data set.
        classes: class names; the position is the class number.
        colors: one (R, G, B) per class, 0..255, for overlays.
        targets: numbers of the classes whose boundaries matter by default.
        ignore_index: label of pixels without a class.

    Raises:
        ValueError: there is no class, a name is empty, longer than 100 characters, given twice or
            contains control characters, a colour or target does not fit the classes, or a target is
            given twice.

    Example:
        >>> info = DatasetInfo("streets", ("Sky", "Car"), ((0, 0, 255), (255, 0, 0)), targets=(1,))
        >>> info.num_classes, info.class_numbers(["car"])
        (2, (1,))
    """

    name: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    targets: tuple[int, ...]
    ignore_index: int = 255

    def __post_init__(self) -> None:
        if not self.classes:
            raise ValueError("there must be at least one class")
        for number, name in enumerate(self.classes):
            _check_name(number, name)
        if len({name.lower() for name in self.classes}) != len(self.classes):
            raise ValueError(f"two classes have the same name: {', '.join(self.classes)}")
        if len(self.colors) != len(self.classes):
            raise ValueError(
                f"there must be one colour per class, got {len(self.colors)} colours for "
                f"{len(self.classes)} classes"
            )
        for name, color in zip(self.classes, self.colors, strict=True):
            if len(color) != 3 or not all(_is_byte(value) for value in color):
                raise ValueError(
                    f"the colour of class {name!r} must be three whole numbers from 0 to 255, "
                    f"got {color!r}"
                )
        if len(set(self.targets)) != len(self.targets):
            names = ", ".join(self.classes[n] for n in self.targets if 0 <= n < len(self.classes))
            raise ValueError(f"each target class must be named once, got {names}")
        wrong = [number for number in self.targets if not 0 <= number < len(self.classes)]
        if wrong:
            raise ValueError(
                f"targets must be class numbers from 0 to {len(self.classes) - 1}, got {wrong}"
            )

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def class_numbers(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the numbers of the classes called ``names``, in upper or lower case.

        Args:
            names: class names.

        Returns:
            A class number for each name.

        Raises:
            ValueError: there is no class of a name.
        """
        known = {name.lower(): number for number, name in enumerate(self.classes)}
        unknown = [name for name in names if name.lower() not in known]
        if unknown:
            raise ValueError(
                f"{self.name} has no class {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(self.classes)}"
            )
        return tuple(known[name.lower()] for name in names)


class SegmentationDataset(Protocol):
    """A split of a data set: frames by number."""

    info: DatasetInfo

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Frame: ...


@runtime_checkable
class Identified(Protocol):
    """A split that can tell its frames from those of other splits without reading them."""

    def frame_ids(self) -> Sequence[str]:
        """Return a text per frame; two frames have the same text only if they are the same."""
        ...


class Joined:
    """Several splits of one data set as one.

    Args:
        parts: the splits.

    Raises:
        ValueError: no split is given, their classes differ, or a frame is in two of them.

    Example:
        >>> from adaseg_fast.data import open_dataset
        >>> len(Joined([open_dataset("synthetic:2x64", split) for split in ("train", "val")]))
        4
    """

    def __init__(self, parts: Sequence[SegmentationDataset]) -> None:
        if not parts or any(part.info != parts[0].info for part in parts):
            raise ValueError("parts must be splits of one data set, with the same classes")
        _refuse_repetition(parts)
        self.info = parts[0].info
        self._parts = tuple(parts)
        self._places = [(part, index) for part in parts for index in range(len(part))]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Frame:
        part, number = self._places[index]
        return part[number]

    def frame_ids(self) -> list[str]:
        """Return a text per frame that tells it from all others, see `Identified`."""
        return [text for part in self._parts for text in frame_ids(part)]


def frame_ids(frames: SegmentationDataset) -> Sequence[str]:
    """Return a text per frame; two frames have the same text only if they are the same.

    Args:
        frames: a split. If it is not `Identified`, its frames count as different from those of
            every other object.

    Returns:
        One text per frame.

    Example:
        >>> from adaseg_fast.data import open_dataset
        >>> frame_ids(open_dataset("synthetic:2x64", "val"))
        ['synthetic_val_000000 (seed 0)', 'synthetic_val_000001 (seed 0)']
    """
    if isinstance(frames, Identified):
        return frames.frame_ids()
    return [f"frame {number} of object {id(frames)}" for number in range(len(frames))]


def _refuse_repetition(parts: Sequence[SegmentationDataset]) -> None:
    seen: set[str] = set()
    for part in parts:
        texts = frame_ids(part)
        repeated = [text for text in texts if text in seen]
        if repeated:
            raise ValueError(
                f"frames would count twice: {len(repeated)} of them are in two of the splits "
                f"(such as {repeated[0]}); give each split once, and each frame to one split"
            )
        seen.update(texts)


def _check_name(number: int, name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"the name of class {number} must be a text that is not empty")
    if len(name) > _LONGEST_NAME:
        raise ValueError(
            f"the name of class {number} must have at most {_LONGEST_NAME} characters, "
            f"got {len(name)}"
        )
    # Categories: control, format, surrogate, line and paragraph separators.
    hidden = [
        character
        for character in name
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and character not in _JOINERS
    ]
    if hidden:
        raise ValueError(
            f"the name of class {number} must have no control characters, got {name!a}"
        )


def _is_byte(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255
