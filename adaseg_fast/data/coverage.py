# SPDX-License-Identifier: Apache-2.0
"""Which classes occur in labels, and how many pixels are ignored."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from adaseg_fast.data.base import DatasetInfo

_LISTED = 20
_PIECE = 2**23  # pixels: float32, in which OpenCV counts, is exact up to 2**24


class LabelCensus:
    """Counts the labels of any number of label maps.

    Training and evaluation on labels that lack a class, or are ignored nearly everywhere, give
    figures that mean little. `warning` says so.

    Args:
        ignore_index: label of pixels without a class.

    Attributes:
        counts: (256,) int64, pixels of each label.

    Example:
        >>> census = LabelCensus()
        >>> census.update(np.array([[0, 0, 255, 2]], np.uint8))
        >>> census.absent(3), census.ignored_share
        ((1,), 0.25)
    """

    def __init__(self, ignore_index: int = 255) -> None:
        self.ignore_index = ignore_index
        self.counts: NDArray[np.int64] = np.zeros(256, np.int64)

    def update(self, labels: ArrayLike) -> None:
        """Count the labels of one or more label maps.

        Args:
            labels: whole numbers from 0 to 255, of any shape; a tensor on the CPU as well.

        Raises:
            TypeError: ``labels`` are not whole numbers.
            ValueError: a label lies outside of 0..255.
        """
        values = np.asarray(labels)
        if values.dtype.kind not in "ui":
            raise TypeError(f"labels must be whole numbers, got {values.dtype}")
        if values.dtype != np.uint8 and values.size:
            low, high = values.min(), values.max()
            if low < 0 or high > 255:
                raise ValueError(f"labels must lie between 0 and 255, got {low} to {high}")
        flat = np.ascontiguousarray(values, np.uint8).reshape(1, -1)
        for start in range(0, flat.shape[1], _PIECE):
            piece = flat[:, start : start + _PIECE]  # much faster than np.bincount
            found = cv2.calcHist([piece], [0], None, [256], [0, 256])
            self.counts += found.ravel().astype(np.int64)

    def merge(self, other: LabelCensus) -> None:
        """Add the counts of another census, such as that of a worker process."""
        self.counts += other.counts

    @property
    def pixels(self) -> int:
        """Number of pixels counted."""
        return int(self.counts.sum())

    @property
    def ignored_share(self) -> float:
        """Share of the pixels that are ignored, 0 if none was counted."""
        return float(self.counts[self.ignore_index]) / max(1, self.pixels)

    def absent(self, num_classes: int) -> tuple[int, ...]:
        """Return the numbers of the classes that never occur."""
        return tuple(number for number in range(num_classes) if not self.counts[number])

    def warning(self, info: DatasetInfo, where: str = "") -> str | None:
        """Say which classes never occur, and how many pixels are ignored.

        Args:
            info: classes of the data set.
            where: what was counted, such as "train"; begins the text.

        Returns:
            A text for the user, or None if every class occurs or nothing was counted.

        Example:
            >>> masks = LabelCensus()
            >>> masks.update(np.array([[0, 0, 255, 255]], np.uint8))
            >>> person = DatasetInfo("masks", ("nothing", "person"), ((0, 0, 0), (9, 9, 9)), (1,))
            >>> masks.warning(person)[:61]
            'masks: 1 of 2 classes never occurs in the labels: person. 50.'
        """
        absent = self.absent(info.num_classes)
        if not absent or not self.pixels:
            return None
        names = [info.classes[number] for number in absent[:_LISTED]]
        rest = len(absent) - len(names)
        text = (
            f"{info.name}{f', {where}' if where else ''}: {len(absent)} of {info.num_classes} "
            f"classes never {'occurs' if len(absent) == 1 else 'occur'} in the labels: "
            f"{', '.join(names)}{f' and {rest} more' if rest else ''}. "
            f"{100 * self.ignored_share:.1f} % of the pixels are ignored (label "
            f"{self.ignore_index})."
        )
        if set(np.flatnonzero(self.counts)) == {0, 255} and self.ignore_index == 255:
            text += (
                " The labels are only 0 and 255, like a mask of black and white: if 255 marks a "
                "class, write its number (such as 1) in place of 255."
            )
        return text
