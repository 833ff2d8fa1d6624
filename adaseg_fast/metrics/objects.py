# SPDX-License-Identifier: Apache-2.0
"""Recall of objects by their size (sec. 4.4 of the paper).

The recall of an object is the share of its pixels that are predicted to be of its class. Objects
are sorted by area and cut into bins of equally many objects, smallest first, and the recall is
averaged over the objects of each bin: within each class (Fig. 12, four bins) and over all classes
together (Fig. 14).

Conventions:

- With instances given an object is the pixels of one instance number and one class. Without, it is
  a connected component of a class (8 neighbours), so touching objects are one; components below
  ``least_area`` are left out as fragments of the annotation.
- Objects of the same area on both sides of a bin's edge share their mean recall, so that the result
  depends on no order.
- Ignored pixels belong to no object. A bin without objects has no recall (NaN).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from adaseg_fast.metrics.labels import check_classes, check_kind, label_pair
from adaseg_fast.metrics.values import Amount, Count, Share

_LEVELS = 256
_LARGEST_INSTANCE = 2**54  # so that instance and class fit into one 64-bit number


class BinsRecord(TypedDict):
    """Mean recall, and mean area in pixels, of the objects of each bin, smallest objects first."""

    recall: list[Share | None]
    mean_area: list[Amount | None]


class CountedBinsRecord(BinsRecord):
    """Bins, and the number of objects in all of them."""

    objects: Count


class ObjectsRecord(TypedDict):
    """Recall of all objects in quarters and in finer bins, and of each class in quarters."""

    all: CountedBinsRecord
    all_finer: BinsRecord
    classes: dict[str, CountedBinsRecord]


class ObjectRecall:
    """Class, area and number of correct pixels of every object seen.

    Args:
        num_classes: 1..255.
        ignore_index: label of pixels without truth, num_classes..255.
        classes: the classes whose objects count; all if None.
        least_area: the smallest connected component that counts, in pixels; instances of any area
            count.

    Raises:
        ValueError: an argument is out of its range, or ``classes`` holds a number that is no class.

    Example:
        >>> import numpy as np
        >>> truth = np.array([[0, 1, 0, 1, 1]], np.uint8)
        >>> metric = ObjectRecall(2, classes=[1], least_area=1)
        >>> metric.update(np.array([[0, 1, 0, 0, 1]], np.uint8), truth)
        >>> metric.recall(bins=2).tolist(), metric.areas(bins=2).tolist()
        ([1.0, 0.5], [1.0, 2.0])
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int = 255,
        *,
        classes: Sequence[int] | None = None,
        least_area: int = 16,
    ) -> None:
        check_kind(num_classes, ignore_index)
        if least_area < 1:
            raise ValueError(f"least_area must be at least 1 pixel, got {least_area}")
        self.least_area = least_area
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.classes = tuple(range(num_classes)) if classes is None else tuple(classes)
        check_classes(self.classes, num_classes)
        self._parts: list[NDArray[np.int64]] = []

    def update(
        self, prediction: ArrayLike, truth: ArrayLike, instances: ArrayLike | None = None
    ) -> None:
        """Add the objects of one image.

        Args:
            prediction: (H, W) uint8 class numbers or `NO_CLASS`.
            truth: (H, W) uint8 class numbers or ``ignore_index``.
            instances: (H, W) integers, one number per object, 0 where no object is; with None
                objects are connected components.

        Raises:
            TypeError: labels are not uint8, or instances are not integers.
            ValueError: the shapes differ, a value is no class, or an instance number is beyond
                2^54. Nothing is added then.
        """
        predicted, true = label_pair(prediction, truth, self.num_classes, self.ignore_index)
        right = predicted == true
        if instances is None:
            parts = (_components(true, right, number) for number in self.classes)
            found = [part[part[:, 1] >= self.least_area] for part in parts]
        else:
            numbers = np.asarray(instances)
            if numbers.dtype.kind not in "iu":
                raise TypeError(f"instances must be integers, got {numbers.dtype}")
            if numbers.shape != true.shape:
                raise ValueError(
                    f"instances must have the shape {true.shape} of truth, got {numbers.shape}"
                )
            if numbers.dtype.itemsize == 8 and numbers.size:
                low, high = int(numbers.min()), int(numbers.max())
                if low < -_LARGEST_INSTANCE or high > _LARGEST_INSTANCE:
                    raise ValueError(
                        f"instances must lie between -2^54 and 2^54, got {low} to {high}"
                    )
            found = [_instances(numbers, true, right, self.classes)]
        self._parts += [part for part in found if len(part)]

    def objects(self) -> NDArray[np.int64]:
        """(N, 3): class, area in pixels and correct pixels of each object, sorted by these."""
        if not self._parts:
            return np.zeros((0, 3), np.int64)
        table = np.concatenate(self._parts)
        return table[np.lexsort(table.T[::-1])]

    def recall(self, bins: int = 4, classes: Sequence[int] | None = None) -> NDArray[np.float64]:
        """Mean recall of the objects of each bin, smallest objects first, (bins,).

        Args:
            bins: number of bins; the numbers of objects in them differ by at most one.
            classes: only objects of these classes; of all classes that count if None.

        Raises:
            ValueError: ``bins`` is below 1, or objects of a class in ``classes`` do not count.
        """
        return self._means(bins, classes)[0]

    def areas(self, bins: int = 4, classes: Sequence[int] | None = None) -> NDArray[np.float64]:
        """Mean area in pixels of the objects of each bin, as in `recall`."""
        return self._means(bins, classes)[1]

    def merge(self, other: ObjectRecall) -> None:
        """Add the objects of ``other``.

        Raises:
            ValueError: ``other`` was made with other arguments.
        """
        mine, theirs = (
            (m.num_classes, m.ignore_index, m.classes, m.least_area) for m in (self, other)
        )
        if mine != theirs:
            raise ValueError(
                "recalls of different (num_classes, ignore_index, classes, least_area) cannot be "
                f"merged, got {mine} and {theirs}"
            )
        self._parts += other._parts

    def record(self, names: Sequence[str], bins: int = 4, finer: int = 8) -> ObjectsRecord:
        """Plain values, for JSON.

        Args:
            names: the names of all classes.
            bins: number of bins of each class, and of ``all``.
            finer: number of bins of ``all_finer``.
        """
        numbers = self.objects()[:, 0]
        return {
            "all": {**self._bins(bins), "objects": len(numbers)},
            "all_finer": self._bins(finer),
            "classes": {
                names[number]: {
                    **self._bins(bins, [number]),
                    "objects": int(np.count_nonzero(numbers == number)),
                }
                for number in self.classes
            },
        }

    def _bins(self, bins: int, classes: Sequence[int] | None = None) -> BinsRecord:
        recall, areas = self._means(bins, classes)
        return {"recall": recall.tolist(), "mean_area": areas.tolist()}

    def _means(
        self, bins: int, classes: Sequence[int] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if bins < 1:
            raise ValueError(f"bins must be at least 1, got {bins}")
        table = self.objects()
        if classes is not None:
            if not set(classes) <= set(self.classes):
                raise ValueError(
                    f"classes must be of those whose objects count, {list(self.classes)}, "
                    f"got {list(classes)}"
                )
            table = table[np.isin(table[:, 0], classes)]
        table = table[np.lexsort((table[:, 2], table[:, 1]))]  # by area, then by correct pixels
        area, group, sharing = np.unique(table[:, 1], return_inverse=True, return_counts=True)
        correct = np.bincount(group, weights=table[:, 2], minlength=len(area))
        recall = (correct / np.maximum(area * sharing, 1))[group]
        parts = np.array_split(np.arange(len(table)), bins)
        means = [
            [values[part].mean() if len(part) else np.nan for part in parts]
            for values in (recall, table[:, 1])
        ]
        return np.array(means[0]), np.array(means[1])


def _components(
    true: NDArray[np.uint8], right: NDArray[np.bool_], number: int
) -> NDArray[np.int64]:
    """The table of the connected components of one class."""
    mask = (true == number).view(np.uint8)
    if not mask.any():  # OpenCV cannot take an empty image
        return np.zeros((0, 3), np.int64)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask, None, None, None, 8, cv2.CV_32S)
    area = stats[1:, cv2.CC_STAT_AREA].astype(np.int64)
    correct = np.bincount(parts[right & (mask > 0)], minlength=count)[1:]
    return np.stack([np.full(count - 1, number, np.int64), area, correct], axis=1)


def _instances(
    numbers: NDArray[Any],
    true: NDArray[np.uint8],
    right: NDArray[np.bool_],
    classes: Sequence[int],
) -> NDArray[np.int64]:
    """The table of the pairs of instance number and class."""
    countable = (numbers != 0) & np.isin(true, classes)
    keys = numbers[countable].astype(np.int64) * _LEVELS + true[countable]
    found, index, area = np.unique(keys, return_inverse=True, return_counts=True)
    correct = np.bincount(index[right[countable]], minlength=len(found))
    return np.stack([found % _LEVELS, area, correct], axis=1).astype(np.int64)
