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
from torch import Tensor

import adaseg_fast
from adaseg_fast import ops
from adaseg_fast.data import DatasetInfo, Frame, SegmentationDataset
from adaseg_fast.engine.batches import frame_tensors
from adaseg_fast.engine.cost import (
    STAGES,
    model_multiply_adds,
    operation_multiply_adds,
    predict_in_stages,
)
from adaseg_fast.engine.measures import Labels, Measures, measure
from adaseg_fast.engine.models import SegmenterConfig
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
    if config.classes != frames.info.classes:
        raise ValueError(
            f"the model knows the classes {', '.join(config.classes)}; "
            f"{frames.info.name} has {', '.join(frames.info.classes)}"
        )
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


def ceiling(
    frames: SegmentationDataset,
    size: tuple[int, int],
    *,
    tensor_size: tuple[int, int] | None = None,
    lam: float = 1.0,
    **how: Any,
) -> Evaluation:
    """What sampling alone allows: the truth itself, sampled and interpolated back.

    Args:
        size: the working size.
        tensor_size: of the ideal sampling tensor (eq. 2 on the boundaries of the target classes);
            None samples uniformly.
        lam: lambda of eq. (2).
        how: ``metrics``, ``crop``, ``workers`` and ``quiet`` of `measure`.
    """
    info = frames.info
    kind = "uniform" if tensor_size is None else f"ideal {tensor_size[0]}x{tensor_size[1]}"
    name = f"ceiling, {kind}, {size[0]}x{size[1]}"

    def label(index: int, frame: Frame) -> Labels:
        _, truth = frame_tensors(frame)
        if tensor_size is None:
            phi = ops.uniform_sampling_tensor(size)
        else:
            phi = ops.resize_sampling_tensor(ideal_tensor(truth, info, tensor_size, lam), size)
        small = ops.sample(truth[None, None], phi)[:, 0].long()
        known = small != info.ignore_index
        scores = (
            torch.nn.functional.one_hot(small.where(known, 0), info.num_classes) * known[..., None]
        )
        labels = ops.interpolate_argmax(scores.permute(0, 3, 1, 2).float(), phi, truth.shape)
        found: Labels = labels[0].numpy()
        return found

    sampling = "uniform" if tensor_size is None else "ideal"
    return Evaluation(name, sampling, size, measure(frames, label, name=name, **how))


def ideal_tensor(truth: Tensor, info: DatasetInfo, size: tuple[int, int], lam: float) -> Tensor:
    """The minimum of eq. (2) on the boundaries of the target classes, (1, 2, h, w).

    Args:
        truth: (H, W) labels.
        size: (h, w) of the tensor.
        lam: lambda.
    """
    nearest = ops.nearest_boundary(
        truth[None], size, classes=info.targets, ignore_index=info.ignore_index
    )
    solution: Tensor = ops.solve_sampling(nearest, lam)
    return solution


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
