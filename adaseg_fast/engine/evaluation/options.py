# SPDX-License-Identifier: Apache-2.0
"""The options of every measurement of frames: metrics, crop, threads, progress bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Metric = Literal["iou", "trimap", "objects", "boundary"]
METRICS: tuple[Metric, ...] = get_args(Metric)


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
        ValueError: ``workers`` is negative.
    """

    metrics: tuple[str, ...] = ("iou",)
    crop: str = "square"
    workers: int = 0
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise ValueError(f"workers must not be negative, got {self.workers}")


DEFAULT_OPTIONS = MeasureOptions()
