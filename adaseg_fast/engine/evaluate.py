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
from tqdm import tqdm

import adaseg_fast
from adaseg_fast import ops
from adaseg_fast.data import DatasetInfo, Frame, SegmentationDataset
from adaseg_fast.data.transforms import square_crop
from adaseg_fast.engine.batches import frame_tensors
from adaseg_fast.engine.cost import STAGES, model_multiply_adds, predict_in_stages
from adaseg_fast.engine.models import SegmenterConfig
from adaseg_fast.metrics import ConfusionMatrix
from adaseg_fast.nn import AdaptiveSegmenter


@dataclass(frozen=True)
class Evaluation:
    """One model (or one way of sampling) on one split.

    Attributes:
        name: for tables.
        info: the classes.
        confusion: summed over all frames.
        multiply_adds: by network, empty where no network is involved.
        seconds: by stage, of every frame.
    """

    name: str
    info: DatasetInfo
    confusion: ConfusionMatrix
    multiply_adds: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)

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
        iou = self.confusion.iou()
        return {
            "name": self.name,
            "mean_iou": self.mean_iou,
            "target_mean_iou": self.target_iou,
            "accuracy": self.confusion.accuracy(),
            "iou": {name: float(v) for name, v in zip(self.info.classes, iou, strict=True)},
            "targets": [self.info.classes[number] for number in self.info.targets],
            "multiply_adds": self.multiply_adds,
            "median_ms": {s: 1e3 * median(v) for s, v in self.seconds.items() if v},
            "latency_ms": 1e3 * self.latency,
            "confusion": self.confusion.counts.tolist(),
        }


def cropped(frame: Frame, crop: str) -> Frame:
    """The central largest square ("square", as in the paper) or the frame as it is ("none")."""
    if crop not in ("square", "none"):
        raise ValueError(f"crop has to be 'square' or 'none', got {crop!r}")
    return square_crop(frame) if crop == "square" else frame


def evaluate(
    model: AdaptiveSegmenter,
    config: SegmenterConfig,
    frames: SegmentationDataset,
    *,
    name: str | None = None,
    crop: str = "square",
    quiet: bool = False,
) -> Evaluation:
    """Predict every frame of a split and compare at its own resolution.

    Raises:
        ValueError: the model was trained for other classes.
    """
    if config.classes != frames.info.classes:
        raise ValueError(
            f"the model knows the classes {', '.join(config.classes)}; "
            f"{frames.info.name} has {', '.join(frames.info.classes)}"
        )
    name = name or config.label
    confusion = ConfusionMatrix(frames.info.num_classes, frames.info.ignore_index)
    seconds: dict[str, list[float]] = {stage: [] for stage in STAGES}
    model.eval()
    for index in tqdm(range(len(frames)), desc=name, disable=quiet):
        image, truth = frame_tensors(cropped(frames[index], crop))
        if index == 0:
            predict_in_stages(model, image)  # the first call pays for set-up
        result = predict_in_stages(model, image)
        confusion.update(result.labels.numpy(), truth.numpy())
        for stage, lap in zip(STAGES, result.seconds, strict=True):
            seconds[stage].append(lap)
    return Evaluation(name, frames.info, confusion, model_multiply_adds(model), seconds)


def ceiling(
    frames: SegmentationDataset,
    size: tuple[int, int],
    *,
    tensor_size: tuple[int, int] | None = None,
    lam: float = 1.0,
    crop: str = "square",
    quiet: bool = False,
) -> Evaluation:
    """What sampling alone allows: the truth itself, sampled and interpolated back.

    Args:
        size: the working size.
        tensor_size: of the ideal sampling tensor (eq. 2 on the boundaries of the target classes);
            None samples uniformly.
        lam: lambda of eq. (2).
    """
    info = frames.info
    kind = "uniform" if tensor_size is None else f"ideal {tensor_size[0]}x{tensor_size[1]}"
    name = f"ceiling, {kind}, {size[0]}x{size[1]}"
    confusion = ConfusionMatrix(info.num_classes, info.ignore_index)
    for index in tqdm(range(len(frames)), desc=name, disable=quiet):
        _, truth = frame_tensors(cropped(frames[index], crop))
        phi = _ideal_tensor(truth, info, size, tensor_size, lam)
        small = ops.sample(truth[None, None], phi)[:, 0].long()
        known = small != info.ignore_index
        scores = (
            torch.nn.functional.one_hot(small.where(known, 0), info.num_classes) * known[..., None]
        )
        labels = ops.interpolate_argmax(scores.permute(0, 3, 1, 2).float(), phi, truth.shape)
        confusion.update(labels[0].numpy(), truth.numpy())
    return Evaluation(name, info, confusion)


def _ideal_tensor(
    truth: Tensor,
    info: DatasetInfo,
    size: tuple[int, int],
    tensor_size: tuple[int, int] | None,
    lam: float,
) -> Tensor:
    if tensor_size is None:
        return ops.uniform_sampling_tensor(size)
    nearest = ops.nearest_boundary(
        truth[None], tensor_size, classes=info.targets, ignore_index=info.ignore_index
    )
    return ops.resize_sampling_tensor(ops.solve_sampling(nearest, lam), size)


def table(results: Sequence[Evaluation]) -> str:
    """The results side by side, as text."""
    rows = [("", *(result.name for result in results))]
    rows.append(("mean IoU", *(_percent(r.mean_iou) for r in results)))
    rows.append(("mean IoU, targets", *(_percent(r.target_iou) for r in results)))
    info = results[0].info
    ious = [r.confusion.iou() for r in results]
    for number, class_name in enumerate(info.classes):
        mark = "*" if number in info.targets else " "
        rows.append((f" {mark} {class_name}", *(_percent(float(iou[number])) for iou in ious)))
    if any(r.multiply_adds for r in results):
        rows.append(("multiply-adds, M", *(_millions(r.multiply_adds) for r in results)))
    if any(r.seconds for r in results):
        rows.append(("latency, ms (median)", *(_milliseconds(r.latency) for r in results)))
        for stage in STAGES:
            laps = (r.seconds.get(stage) or [float("nan")] for r in results)
            rows.append((f"   {stage}", *(_milliseconds(median(x)) for x in laps)))
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
    return "\n".join([*lines, "* target class; IoU in percent, at the original resolution"])


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f}"


def _milliseconds(seconds: float) -> str:
    return "-" if np.isnan(seconds) else f"{1e3 * seconds:.1f}"


def _millions(counts: dict[str, int]) -> str:
    return f"{sum(counts.values()) / 1e6:.1f}" if counts else "-"


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
