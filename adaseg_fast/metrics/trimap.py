# SPDX-License-Identifier: Apache-2.0
"""Accuracy near semantic boundaries, against the width of the band (sec. 4.3 of the paper).

The form is that of Kohli et al. 2009 (the paper's [31]): the share of correctly labelled pixels
among those in a band of some width around the boundaries of the truth.

Conventions:

- Boundary pixels are those of `adaseg_fast.ops.boundary_mask`: both sides of a boundary, none
  next to ignored pixels.
- The band of width w holds the pixels less than w pixels (Euclidean, between pixel centres) from
  the nearest boundary pixel, on either side: width 1 is the boundary pixels themselves.
- Ignored pixels are in no band. Counts are summed over all images; shares are computed at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from adaseg_fast.backends import boundary_mask
from adaseg_fast.metrics.labels import check_classes, check_kind, label_pair
from adaseg_fast.metrics.values import Count, Share


class TrimapRecord(TypedDict):
    """Widths of bands in pixels, and for each the share of correct pixels and the pixels in it."""

    width: list[int]
    accuracy: list[Share | None]
    pixels: list[Count]


class TrimapAccuracy:
    """Counts of pixels, and of correct ones, by distance to the nearest boundary.

    Args:
        num_classes: 1..255.
        ignore_index: label of pixels without truth, num_classes..255.
        classes: only boundaries of these classes count; those of all if None.
        widest: the widest band, in pixels.

    Attributes:
        total: (widest,) int64; entry k counts pixels at a distance within [k, k + 1) pixels.
        correct: (widest,) int64; those of them that are labelled correctly.

    Raises:
        ValueError: an argument is out of its range, or ``classes`` holds a number that is no class.

    Example:
        >>> import numpy as np
        >>> truth = np.array([[0, 0, 1, 1]], np.uint8)
        >>> metric = TrimapAccuracy(2, widest=2)
        >>> metric.update(np.array([[0, 1, 1, 1]], np.uint8), truth)
        >>> metric.accuracy().tolist()
        [0.5, 0.75]
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int = 255,
        *,
        classes: Sequence[int] | None = None,
        widest: int = 64,
    ) -> None:
        check_kind(num_classes, ignore_index)
        if classes is not None:
            check_classes(tuple(classes), num_classes)
        if widest < 1:
            raise ValueError(f"widest must be at least 1 pixel, got {widest}")
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.classes = None if classes is None else tuple(classes)
        self.widest = widest
        self.total: NDArray[np.int64] = np.zeros(widest, np.int64)
        self.correct: NDArray[np.int64] = np.zeros(widest, np.int64)

    def update(self, prediction: ArrayLike, truth: ArrayLike) -> None:
        """Count the pixels of one image.

        Args:
            prediction: (H, W) uint8 class numbers or `NO_CLASS`.
            truth: (H, W) uint8 class numbers or ``ignore_index``.

        Raises:
            TypeError: one of the two is not uint8.
            ValueError: the shapes differ, or a value is no class. Nothing is counted then.
        """
        predicted, true = label_pair(prediction, truth, self.num_classes, self.ignore_index)
        if not true.size:
            return
        boundary = boundary_mask(
            true[None], classes=self.classes, ignore_index=self.ignore_index, threads=1
        )[0]
        if not boundary.any():
            return
        away = cv2.distanceTransform((~boundary).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        near = (away < self.widest) & (true != self.ignore_index)
        bins = away[near].astype(np.int64)  # floor
        self.total += np.bincount(bins, minlength=self.widest)
        right = bins[predicted[near] == true[near]]
        self.correct += np.bincount(right, minlength=self.widest)

    def accuracy(self) -> NDArray[np.float64]:
        """Share of correct pixels in the bands of widths 1 to ``widest``, (widest,) float64.

        It is NaN for a band without pixels.
        """
        total, correct = self.total.cumsum(), self.correct.cumsum()
        return np.where(total > 0, correct / np.maximum(total, 1), np.nan)

    def merge(self, other: TrimapAccuracy) -> None:
        """Add what ``other`` has counted.

        Raises:
            ValueError: ``other`` was made with other arguments.
        """
        mine, theirs = ((m.num_classes, m.ignore_index, m.classes, m.widest) for m in (self, other))
        if mine != theirs:
            raise ValueError(
                "trimaps of different (num_classes, ignore_index, classes, widest) cannot be "
                f"merged, got {mine} and {theirs}"
            )
        self.total += other.total
        self.correct += other.correct

    def record(self) -> TrimapRecord:
        """Plain values, for JSON."""
        return {
            "width": list(range(1, self.widest + 1)),
            "accuracy": self.accuracy().tolist(),
            "pixels": self.total.cumsum().tolist(),
        }
