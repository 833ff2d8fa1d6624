# SPDX-License-Identifier: Apache-2.0
"""Measure models at the original resolution: quality, multiply-adds, latency of each stage."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import torch

import adaseg_fast
from adaseg_fast.data import DatasetInfo, Frame, SegmentationDataset
from adaseg_fast.engine.evaluation.measures import Labels, Measures, measure
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.engine.models.cost import model_multiply_adds, operation_multiply_adds
from adaseg_fast.engine.models.frames import frame_tensors
from adaseg_fast.engine.models.inference import STAGES, predict_in_stages
from adaseg_fast.metrics import ConfusionMatrix
from adaseg_fast.nn import AdaptiveSegmenter, prepare_for_inference


@dataclass(frozen=True)
class Evaluation:
    """One model (or one way of sampling) on one split.

    Attributes:
        name: for tables.
        sampling: "uniform", "adaptive" or "ideal".
        size: the working size.
        measures: the metrics, of all frames.
        network: the base network's name, empty where no network is involved.
        multiply_adds: by network, empty likewise.
        operations: multiply-adds of sampling and interpolating the first frame, 0 likewise.
        seconds: by stage, of every frame.
    """

    name: str
    sampling: str
    size: tuple[int, int]
    measures: Measures
    network: str = ""
    multiply_adds: dict[str, int] = field(default_factory=dict)
    operations: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def info(self) -> DatasetInfo:
        return self.measures.info

    @property
    def confusion(self) -> ConfusionMatrix:
        return self.measures.confusion

    @property
    def mean_iou(self) -> float:
        return self.confusion.mean_iou()

    @property
    def target_iou(self) -> float:
        return self.confusion.mean_iou(self.info.targets)

    @property
    def latency(self) -> float:
        """Median seconds a frame, all stages."""
        totals = [sum(laps) for laps in zip(*self.seconds.values(), strict=True)]
        return median(totals) if totals else float("nan")

    def record(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "name": self.name,
            "sampling": self.sampling,
            "size": self.size,
            "network": self.network,
            **self.measures.record(),
            "multiply_adds": self.multiply_adds,
            "operation_multiply_adds": self.operations,
            "median_ms": {s: 1e3 * median(v) for s, v in self.seconds.items() if v},
            "latency_ms": 1e3 * self.latency,
        }


def evaluate(
    model: AdaptiveSegmenter,
    config: SegmenterConfig,
    frames: SegmentationDataset,
    *,
    name: str | None = None,
    **how: Any,
) -> Evaluation:
    """Predict every frame of a split and compare at its own resolution.

    Args:
        name: for tables; what the model says of itself if None.
        how: ``metrics``, ``crop``, ``workers`` and ``quiet`` of `measure`. Workers compete for the
            processor, so for undisturbed latencies there should be none.

    Raises:
        ValueError: the model was trained for other classes.
    """
    check_classes(config, frames.info)
    name = name or config.label
    seconds: dict[str, list[float]] = {stage: [] for stage in STAGES}
    prepared = prepare_for_inference(model)
    operations = 0

    def label(index: int, frame: Frame) -> Labels:
        nonlocal operations
        image, _ = frame_tensors(frame)
        if index == 0:  # the first call pays for set-up, too
            operations = operation_multiply_adds(prepared, image)
        result = predict_in_stages(prepared, image)
        for stage, lap in zip(STAGES, result.seconds, strict=True):
            seconds[stage].append(lap)
        labels: Labels = result.labels.numpy()
        return labels

    measures = measure(frames, label, name=name, **how)
    sampling = "uniform" if config.sampler is None else "adaptive"
    costs = model_multiply_adds(model)
    return Evaluation(
        name, sampling, config.size, measures, config.network, costs, operations, seconds
    )


def check_classes(config: SegmenterConfig, info: DatasetInfo) -> None:
    """Refuse to measure a model on a data set of other classes than it knows."""
    if config.classes != info.classes:
        raise ValueError(
            f"the model knows the classes {', '.join(config.classes)}; "
            f"{info.name} has {', '.join(info.classes)}"
        )


def evaluation_record(
    frames: SegmentationDataset,
    split: Sequence[str],
    crop: str,
    models: Sequence[str],
    results: Sequence[Evaluation],
) -> dict[str, Any]:
    """What ``evaluation.json`` holds: which frames, which models, what was found."""
    return {
        "data": frames.info.name,
        "split": list(split),
        "frames": len(frames),
        "crop": crop,
        "models": list(models),
        "environment": environment(),
        "results": [result.record() for result in results],
    }


def environment() -> dict[str, Any]:
    """Versions and settings that figures depend on."""
    return {
        "adaseg_fast": adaseg_fast.__version__,
        **adaseg_fast.build_info(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
    }
