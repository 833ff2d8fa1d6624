# SPDX-License-Identifier: Apache-2.0
"""What every data set hands over: frames of uint8 pixels and labels, and a table of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.storage import StorageError


class DataError(StorageError):
    """A file or folder of a data set is missing, damaged or inconsistent; the message names it."""


class Frame(NamedTuple):
    """One image with its truth.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        labels: (H, W) uint8, class numbers; ``ignore_index`` where nothing is known.
        name: unique within the split, used for output files.
        instances: (H, W) int32, 0 where there is no countable object, else its number; None
            where the data set has no instances.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    name: str
    instances: NDArray[np.int32] | None = None


@dataclass(frozen=True)
class DatasetInfo:
    """The classes of a data set.

    Attributes:
        name: of the data set.
        classes: class names; the position is the class number.
        colors: one (R, G, B) a class, 0..255, for overlays.
        targets: numbers of the classes whose boundaries matter by default.
        ignore_index: label of pixels without a class.
    """

    name: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    targets: tuple[int, ...]
    ignore_index: int = 255

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    def class_numbers(self, names: Sequence[str]) -> tuple[int, ...]:
        """Numbers of the classes called ``names`` (case does not matter)."""
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


class Joined:
    """Several splits of one data set as one.

    Raises:
        ValueError: no split is given, or their classes differ.
    """

    def __init__(self, parts: Sequence[SegmentationDataset]) -> None:
        if not parts or any(part.info != parts[0].info for part in parts):
            raise ValueError("splits of one data set are wanted, with the same classes")
        self.info = parts[0].info
        self._places = [(part, index) for part in parts for index in range(len(part))]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Frame:
        part, number = self._places[index]
        return part[number]
