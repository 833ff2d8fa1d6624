# SPDX-License-Identifier: Apache-2.0
"""The metrics of one evaluation, counted frame by frame, in several threads on request."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from adaseg_fast.data import DatasetInfo, Frame, SegmentationDataset
from adaseg_fast.data.coverage import LabelCensus
from adaseg_fast.data.transforms import square_crop
from adaseg_fast.engine.evaluation.options import DEFAULT_OPTIONS, METRICS, MeasureOptions
from adaseg_fast.engine.evaluation.records import MeasuresRecord
from adaseg_fast.metrics import BoundaryF, ConfusionMatrix, ObjectRecall, TrimapAccuracy

Labels = NDArray[np.uint8]


class Measures:
    """The chosen metrics of a set of frames.

    Args:
        info: the classes; the objects counted are those of its target classes.
        metrics: names from `METRICS`. IoU is always measured.

    Attributes:
        confusion: the counts that IoU follows from.
        census: which classes the labels have, and how many pixels are ignored.
        trimap: accuracy around all boundaries, or None.
        trimap_targets: accuracy around the boundaries of the target classes, or None; also None if
            every class is a target class.
        objects: recall by size, or None.
        boundary: F-score, or None.

    Raises:
        ValueError: a name is not in `METRICS`.
    """

    def __init__(self, info: DatasetInfo, metrics: Sequence[str] = ("iou",)) -> None:
        unknown = [name for name in metrics if name not in METRICS]
        if unknown:
            raise ValueError(f"no metric is called {unknown[0]!r}; there are {', '.join(METRICS)}")
        self.info, self.metrics = info, tuple(metrics)
        kind = (info.num_classes, info.ignore_index)
        self.confusion = ConfusionMatrix(*kind)
        self.census = LabelCensus(info.ignore_index)
        self.trimap = self.trimap_targets = None
        if "trimap" in metrics:
            self.trimap = TrimapAccuracy(*kind)
            if len(info.targets) < info.num_classes:
                self.trimap_targets = TrimapAccuracy(*kind, classes=info.targets)
        self.objects = ObjectRecall(*kind, classes=info.targets) if "objects" in metrics else None
        self.boundary = BoundaryF(*kind) if "boundary" in metrics else None

    def update(self, predicted: Labels, frame: Frame) -> None:
        """Count one frame; ``predicted`` has the size of its labels."""
        self.confusion.update(predicted, frame.labels)
        self.census.update(frame.labels)
        for metric in (self.trimap, self.trimap_targets, self.boundary):
            if metric is not None:
                metric.update(predicted, frame.labels)
        if self.objects is not None:
            self.objects.update(predicted, frame.labels, frame.instances)

    def merge(self, other: Measures) -> None:
        """Add what ``other`` has counted. The order of merging changes no result."""
        self.confusion.merge(other.confusion)
        self.census.merge(other.census)
        for name in ("trimap", "trimap_targets", "objects", "boundary"):
            mine = getattr(self, name)
            if mine is not None:
                mine.merge(getattr(other, name))

    def record(self) -> MeasuresRecord:
        """Plain values, for JSON."""
        names, iou = self.info.classes, self.confusion.iou()
        record: MeasuresRecord = {
            "mean_iou": self.confusion.mean_iou(),
            "target_mean_iou": self.confusion.mean_iou(self.info.targets),
            "accuracy": self.confusion.accuracy(),
            "iou": {name: float(value) for name, value in zip(names, iou, strict=True)},
            "targets": [names[number] for number in self.info.targets],
            "confusion": self.confusion.counts.tolist(),
            "absent": [names[number] for number in self.census.absent(self.info.num_classes)],
            "ignored_share": self.census.ignored_share,
        }
        if self.trimap is not None:
            record["trimap"] = self.trimap.record()
        if self.trimap_targets is not None:
            record["trimap_targets"] = self.trimap_targets.record()
        if self.objects is not None:
            record["objects"] = self.objects.record(names)
        if self.boundary is not None:
            record["boundary"] = {
                **self.boundary.record(names),
                "target_mean_f": self.boundary.mean_f(self.info.targets),
            }
        return record


def cropped(frame: Frame, crop: str) -> Frame:
    """The central largest square ("square", as in the paper) or the frame as it is ("none").

    Raises:
        ValueError: ``crop`` is neither.
    """
    if crop not in ("square", "none"):
        raise ValueError(f"crop must be 'square' or 'none', got {crop!r}")
    return square_crop(frame) if crop == "square" else frame


def measure(
    frames: SegmentationDataset,
    label: Callable[[int, Frame], Labels],
    options: MeasureOptions = DEFAULT_OPTIONS,
    *,
    name: str = "",
) -> Measures:
    """Label every frame and count.

    Args:
        frames: with labels.
        label: takes the number of a frame and the cropped frame, and returns its (H, W) uint8
            labels. It is called in the caller's thread and in order.
        options: metrics, crop and threads.
        name: of the progress bar.

    Raises:
        ValueError: a metric or the crop is unknown, there is no frame, or ``label`` returns a
            number that is no class.
    """
    if not len(frames):
        raise ValueError(f"{frames.info.name}: there is no frame to measure")
    result = Measures(frames.info, options.metrics)
    numbers = tqdm(range(len(frames)), desc=name, disable=options.quiet)
    if options.workers:
        for part in _measure_in_threads(frames, label, options, numbers):
            result.merge(part)
        return result
    for index in numbers:
        frame = cropped(frames[index], options.crop)
        result.update(label(index, frame), frame)
    return result


def _measure_in_threads(
    frames: SegmentationDataset,
    label: Callable[[int, Frame], Labels],
    options: MeasureOptions,
    numbers: Iterable[int],
) -> list[Measures]:
    """What each of ``options.workers`` threads has counted, beside the caller's that labels."""
    parts, workers = _Parts(frames.info, options.metrics), options.workers
    pool = ThreadPoolExecutor(workers)
    try:
        reading: deque[Future[Frame]] = deque()
        counting: deque[Future[None]] = deque()
        for index in numbers:
            while len(reading) < workers and index + len(reading) < len(frames):
                reading.append(pool.submit(_read, frames, index + len(reading), options.crop))
            frame = reading.popleft().result()
            counting.append(pool.submit(parts.update, label(index, frame), frame))
            if len(counting) > 2 * workers:  # each holds a frame in memory
                counting.popleft().result()
        for future in counting:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)
    return parts.all


def _read(frames: SegmentationDataset, index: int, crop: str) -> Frame:
    return cropped(frames[index], crop)


class _Parts:
    """What each thread has counted."""

    def __init__(self, info: DatasetInfo, metrics: Sequence[str]) -> None:
        self._kind, self._own = (info, metrics), threading.local()
        self.all: list[Measures] = []

    def update(self, predicted: Labels, frame: Frame) -> None:
        if not hasattr(self._own, "part"):
            self._own.part = Measures(*self._kind)
            self.all.append(self._own.part)
        self._own.part.update(predicted, frame)
