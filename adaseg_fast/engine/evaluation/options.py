# SPDX-License-Identifier: Apache-2.0
"""The options of every measurement of frames: metrics, crop, threads, progress bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from adaseg_fast.engine.tables import size_text

Metric = Literal["iou", "trimap", "objects", "boundary"]
METRICS: tuple[Metric, ...] = get_args(Metric)


MOST_WORKERS = 256
MOST_POINTS = 2**22  # of a sampling tensor; far more than a picture shows or a network takes


@dataclass(frozen=True)
class MeasureOptions:
    """How frames are measured.

    Attributes:
        metrics: names from `METRICS`. IoU is always measured, since it costs next to nothing.
        crop: "square" measures the central largest square of each frame, as the paper does; "none"
            measures whole frames.
        workers: number of threads that read frames ahead and count what was predicted, beside the
            caller's thread; with 0 the caller's thread does everything. The result is the same bit
            for bit. Threads compete for the processor: measure latencies with 0.
        quiet: whether to leave out progress bars.

    Raises:
        ValueError: ``workers`` is negative or above `MOST_WORKERS`.
    """

    metrics: tuple[str, ...] = ("iou",)
    crop: str = "square"
    workers: int = 0
    quiet: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.workers <= MOST_WORKERS:
            raise ValueError(f"workers must be from 0 to {MOST_WORKERS}, got {self.workers}")


def check_points(size: tuple[int, int]) -> None:
    """Refuse a size that no memory holds the sampling tensor of.

    Raises:
        ValueError: rows x columns are more than `MOST_POINTS`.

    Example:
        >>> check_points((1000000, 1000000))
        Traceback (most recent call last):
        ValueError: a size must have at most 4194304 points, got 1000000x1000000
    """
    if size[0] * size[1] > MOST_POINTS:
        raise ValueError(f"a size must have at most {MOST_POINTS} points, got {size_text(size)}")


DEFAULT_OPTIONS = MeasureOptions()
