# SPDX-License-Identifier: Apache-2.0
"""The boundary F-score (BF) of Csurka et al., "What is a good evaluation measure for semantic
segmentation?", BMVC 2013.

For one class of one image: precision is the share of the predicted class's boundary pixels within a
tolerance of a true one, recall the share of the true boundary pixels within it of a predicted one,
and F their harmonic mean. The score of a class is the mean of F over images.

Conventions:

- A boundary pixel of a class is one of its pixels with a 4-neighbour outside of it; neither may be
  ignored (what is predicted on ignored pixels is left out), and the image's border is no boundary.
- The tolerance is a share of the image's diagonal, 0.75 % as in that paper, compared with the
  Euclidean distance between pixel centres.
- An image counts for a class if the class has a boundary in the truth or in the prediction: F is 0
  if it has one in only one of them.
- A class that no image counts for has no score (NaN) and is left out of the mean over classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from adaseg_fast import backends
from adaseg_fast.metrics.labels import check_classes, check_kind, label_pair
from adaseg_fast.metrics.values import Count, Share

Mask = NDArray[np.bool_]


class ClassBoundaryRecord(TypedDict):
    """Mean precision, recall and F of a class, and the number of images that count for it."""

    precision: Share | None
    recall: Share | None
    f: Share | None
    images: Count


class BoundaryRecord(TypedDict):
    """The tolerance, the mean F over classes, and the scores by name of the class."""

    tolerance: Share
    mean_f: Share | None
    classes: dict[str, ClassBoundaryRecord]


class BoundaryF:
    """Precision, recall and F of every image and class.

    Args:
        num_classes: 1..255.
        ignore_index: label of pixels without truth, num_classes..255.
        tolerance: as a share of the image's diagonal, above 0 and at most 1.

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> import numpy as np
        >>> truth = np.array([[0, 0, 1, 1]], np.uint8)
        >>> metric = BoundaryF(2)
        >>> metric.update(truth, truth)
        >>> metric.mean_f()
        1.0
    """

    def __init__(
        self, num_classes: int, ignore_index: int = 255, *, tolerance: float = 0.0075
    ) -> None:
        check_kind(num_classes, ignore_index)
        if not 0 < tolerance <= 1:
            raise ValueError(f"tolerance must be above 0 and at most 1, got {tolerance}")
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.tolerance = tolerance
        self._scores: list[list[tuple[float, float, float]]] = [[] for _ in range(num_classes)]

    def update(self, prediction: ArrayLike, truth: ArrayLike) -> None:
        """Add one image.

        Args:
            prediction: (H, W) uint8 class numbers or `NO_CLASS`.
            truth: (H, W) uint8 class numbers or ``ignore_index``.

        Raises:
            TypeError: one of the two is not uint8.
            ValueError: the shapes differ, or a value is no class. Nothing is added then.
        """
        predicted, true = label_pair(prediction, truth, self.num_classes, self.ignore_index)
        if not true.size:
            return
        known = true != self.ignore_index
        reach = self.tolerance * math.hypot(*true.shape)
        edges_predicted, edges_true = (_any_edge(labels, known) for labels in (predicted, true))
        for number in np.union1d(predicted[edges_predicted], true[edges_true]):
            if number >= self.num_classes:  # NO_CLASS
                continue
            ours = edges_predicted & (predicted == number)
            theirs = edges_true & (true == number)
            self._scores[number].append(_score(ours, theirs, reach))

    def f_score(self) -> NDArray[np.float64]:
        """Mean F of each class, (num_classes,); NaN where no image counts."""
        return self._mean(2)

    def precision(self) -> NDArray[np.float64]:
        """Mean precision of each class, (num_classes,); NaN where no image counts."""
        return self._mean(0)

    def recall(self) -> NDArray[np.float64]:
        """Mean recall of each class, (num_classes,); NaN where no image counts."""
        return self._mean(1)

    def mean_f(self, classes: Sequence[int] | None = None) -> float:
        """Mean of `f_score` over the classes that have a score; NaN if none has.

        Args:
            classes: which classes to average over; all if None.

        Raises:
            ValueError: a number in ``classes`` is no class, or occurs twice.
        """
        scores = self.f_score()
        if classes is not None:
            check_classes(tuple(classes), self.num_classes)
            scores = scores[list(classes)]
        present = scores[~np.isnan(scores)]
        return float(present.mean()) if present.size else math.nan

    def merge(self, other: BoundaryF) -> None:
        """Add the images of ``other``.

        Raises:
            ValueError: ``other`` was made with other arguments.
        """
        mine, theirs = ((m.num_classes, m.ignore_index, m.tolerance) for m in (self, other))
        if mine != theirs:
            raise ValueError(
                "scores of different (num_classes, ignore_index, tolerance) cannot be merged, "
                f"got {mine} and {theirs}"
            )
        for scores, more in zip(self._scores, other._scores, strict=True):
            scores += more

    def record(self, names: Sequence[str]) -> BoundaryRecord:
        """Plain values, for JSON, by the ``names`` of all classes."""
        columns = (self.precision(), self.recall(), self.f_score())
        return {
            "tolerance": self.tolerance,
            "mean_f": self.mean_f(),
            "classes": {
                name: {"precision": float(p), "recall": float(r), "f": float(f), "images": len(s)}
                for name, p, r, f, s in zip(names, *columns, self._scores, strict=True)
            },
        }

    def _mean(self, column: int) -> NDArray[np.float64]:
        # fsum is exact, so the order in which images came changes no bit.
        return np.array(
            [
                math.fsum(score[column] for score in scores) / len(scores) if scores else math.nan
                for scores in self._scores
            ]
        )


def _any_edge(labels: NDArray[np.uint8], known: Mask) -> Mask:
    """Known pixels with a known 4-neighbour of another label."""
    # `NO_CLASS` may be the number that is ignored, but differs from all classes: hence -1.
    marked = np.where(known, labels.astype(np.int16), np.int16(-1))
    edge: Mask = backends.boundary_mask(marked[None], ignore_index=-1, threads=1)[0]
    return edge


def _score(ours: Mask, theirs: Mask, reach: float) -> tuple[float, float, float]:
    """Precision, recall and F of boundary pixels."""
    precision, recall = _share_near(ours, theirs, reach), _share_near(theirs, ours, reach)
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


def _share_near(points: Mask, others: Mask, reach: float) -> float:
    """Share of ``points`` within ``reach`` of one of ``others``; 0 if there are none of either."""
    if not points.any() or not others.any():
        return 0.0
    place = _box(points)
    wide = tuple(
        slice(max(0, s.start - math.ceil(reach)), s.stop + math.ceil(reach)) for s in place
    )
    near = others[wide]
    if not near.any():
        return 0.0
    away = cv2.distanceTransform((~near).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    within = away[points[wide]] <= np.float32(reach)
    return float(within.mean())


def _box(mask: Mask) -> tuple[slice, slice]:
    """Rows and columns that hold all that is marked."""
    rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
