# SPDX-License-Identifier: Apache-2.0
"""Counts of (true class, predicted class) pairs over a data set, and the IoU computed from them.

Conventions:

- Counts are summed over all pixels of all images; IoU is computed once, at the end.
- Pixels whose truth is ``ignore_index`` are not counted, whatever the prediction is.
- A prediction of 255 (`NO_CLASS`) on any other pixel is an error: it adds to the union of the true
  class, and to no predicted class.
- A class that occurs neither in the truth nor in the predictions has no IoU (NaN) and is left out
  of the mean. A class that is predicted but never true has IoU 0 and counts in the mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adaseg_fast.metrics.labels import NO_CLASS, as_labels, check_kind

_LEVELS = 256


class ConfusionMatrix:
    """A confusion matrix that grows image by image.

    Args:
        num_classes: 1..255; class numbers are 0..num_classes - 1.
        ignore_index: label of pixels without truth, num_classes..255.

    Attributes:
        counts: (num_classes, num_classes + 1) int64; the row is the true class, the column the
            predicted one; the last column counts `NO_CLASS`.

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> import numpy as np
        >>> metric = ConfusionMatrix(2)
        >>> metric.update(np.array([0, 1, 1], np.uint8), np.array([0, 0, 1], np.uint8))
        >>> metric.iou().tolist(), metric.mean_iou([0])
        ([0.5, 0.5], 0.5)
    """

    def __init__(self, num_classes: int, ignore_index: int = 255) -> None:
        check_kind(num_classes, ignore_index)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.counts: NDArray[np.int64] = np.zeros((num_classes, num_classes + 1), np.int64)

    def update(self, prediction: ArrayLike, truth: ArrayLike) -> None:
        """Count the pixels of one image or one batch.

        Args:
            prediction: uint8 class numbers or `NO_CLASS`, any shape; NumPy or a CPU tensor.
            truth: uint8 class numbers or ``ignore_index``, the same shape.

        Raises:
            TypeError: one of the two is not uint8.
            ValueError: the shapes differ, or a value is no class. Nothing is counted then.
        """
        predicted, true = as_labels("prediction", prediction), as_labels("truth", truth)
        if predicted.shape != true.shape:
            raise ValueError(
                f"prediction and truth must have one shape, got {predicted.shape} and {true.shape}"
            )
        pairs = true.astype(np.uint16) << np.uint16(8) | predicted
        # All 256 x 256 pairs: one pass both counts and finds values that are no class.
        table = np.bincount(pairs.ravel(), minlength=_LEVELS**2).reshape(_LEVELS, _LEVELS)
        table[self.ignore_index] = 0
        classes = self.num_classes
        self._refuse("truth", table.sum(axis=1)[classes:], self.ignore_index)
        self._refuse("prediction", table.sum(axis=0)[classes:NO_CLASS], NO_CLASS)
        self.counts[:, :classes] += table[:classes, :classes]
        self.counts[:, classes] += table[:classes, NO_CLASS]

    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each class, (num_classes,); NaN for an absent class."""
        intersection = self.counts.diagonal()
        union = self.counts.sum(axis=1) + self.counts[:, :-1].sum(axis=0) - intersection
        return np.where(union > 0, intersection / np.maximum(union, 1), np.nan)

    def mean_iou(self, classes: Sequence[int] | None = None) -> float:
        """Mean IoU over the classes that are not absent; NaN if all are.

        Args:
            classes: which classes to average over; all if None.

        Raises:
            ValueError: a number in ``classes`` is no class, or occurs twice.
        """
        iou = self.iou()
        if classes is not None:
            chosen = list(classes)
            if len(set(chosen)) != len(chosen) or not set(chosen) <= set(range(self.num_classes)):
                raise ValueError(
                    f"classes must be different numbers from 0 to {self.num_classes - 1}, "
                    f"got {chosen}"
                )
            iou = iou[chosen]
        present = iou[~np.isnan(iou)]
        return float(present.mean()) if present.size else float("nan")

    def accuracy(self) -> float:
        """Share of the counted pixels that are predicted correctly; NaN if there are none."""
        total = int(self.counts.sum())
        return int(self.counts.diagonal().sum()) / total if total else float("nan")

    def __add__(self, other: ConfusionMatrix) -> ConfusionMatrix:
        """The matrix of both sets of images together.

        Raises:
            ValueError: the two were made with other arguments.
        """
        if not isinstance(other, ConfusionMatrix):
            return NotImplemented
        kinds = (self.num_classes, self.ignore_index), (other.num_classes, other.ignore_index)
        if kinds[0] != kinds[1]:
            raise ValueError(
                "matrices of different (num_classes, ignore_index) cannot be added, "
                f"got {kinds[0]} and {kinds[1]}"
            )
        result = ConfusionMatrix(self.num_classes, self.ignore_index)
        result.counts = self.counts + other.counts
        return result

    def merge(self, other: ConfusionMatrix) -> None:
        """Add what ``other`` has counted.

        Raises:
            ValueError: ``other`` was made with other arguments.
        """
        self.counts = (self + other).counts

    def _refuse(self, name: str, counts: NDArray[np.int64], exempt: int) -> None:
        """Raise if any of the values num_classes, num_classes + 1, ... has a count."""
        if counts.any():
            values = (np.flatnonzero(counts) + self.num_classes).tolist()
            raise ValueError(
                f"{name} must hold 0 to {self.num_classes - 1} or {exempt}, but it holds {values}"
            )
