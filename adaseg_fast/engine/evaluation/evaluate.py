# SPDX-License-Identifier: Apache-2.0
"""Measure models at the original resolution: quality, multiply-adds, latency of each stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from adaseg_fast.data import DatasetInfo, Frame, SegmentationDataset
from adaseg_fast.engine.environment import environment
from adaseg_fast.engine.evaluation.measures import Labels, Measures, measure
from adaseg_fast.engine.evaluation.options import DEFAULT_OPTIONS, MeasureOptions
from adaseg_fast.engine.evaluation.records import EvaluationRecord, ResultRecord
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.engine.models.cost import model_multiply_adds, operation_multiply_adds
from adaseg_fast.engine.models.frames import frame_tensors
from adaseg_fast.engine.models.inference import STAGES, predict_in_stages
from adaseg_fast.metrics import ConfusionMatrix
from adaseg_fast.nn import AdaptiveSegmenter, prepare_for_inference


@dataclass(frozen=True)
class Evaluation:
    """What was found for one model, or for one way of sampling, on a set of frames.

    Attributes:
        name: the name in tables.
        sampling: "uniform", "adaptive" or "ideal".
        size: the working size.
        measures: the metrics of all frames.
        network: the base network's name; empty if no network was used.
        multiply_adds: of each network for one image; empty if no network was used.
        operations: multiply-adds of sampling and interpolating the first frame; 0 if no network was
            used.
        seconds: for each stage, the seconds of every frame.
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
        """The classes of the frames."""
        return self.measures.info

    @property
    def confusion(self) -> ConfusionMatrix:
        """The confusion matrix of all frames."""
        return self.measures.confusion

    @property
    def mean_iou(self) -> float:
        """Mean IoU over all classes; NaN if none occurs."""
        return self.confusion.mean_iou()

    @property
    def target_iou(self) -> float:
        """Mean IoU over the target classes; NaN if none occurs."""
        return self.confusion.mean_iou(self.info.targets)

    @property
    def latency(self) -> float:
        """Median seconds per frame, all stages together; NaN if nothing was predicted."""
        totals = [sum(laps) for laps in zip(*self.seconds.values(), strict=True)]
        return median(totals) if totals else float("nan")

    def record(self) -> ResultRecord:
        """Plain values, for JSON."""
        return {
            "name": self.name,
            "sampling": self.sampling,
            "size": self.size,
            "network": self.network,
            **self.measures.record(),
            "multiply_adds": dict(self.multiply_adds),
            "operation_multiply_adds": self.operations,
            "median_ms": {s: 1e3 * median(v) for s, v in self.seconds.items() if v},
            "latency_ms": 1e3 * self.latency,
        }


def evaluate(
    model: AdaptiveSegmenter,
    config: SegmenterConfig,
    frames: SegmentationDataset,
    options: MeasureOptions = DEFAULT_OPTIONS,
    *,
    name: str | None = None,
) -> Evaluation:
    """Predict every frame and compare it with the truth at the frame's own resolution.

    Args:
        model: in evaluation mode, on the device that it is to compute on.
        config: the model's settings.
        frames: of the classes that the model was trained for.
        options: metrics, crop and threads.
        name: the name in tables; `SegmenterConfig.label` if None.

    Returns:
        The metrics of all frames, the multiply-adds for one image, and for each stage the seconds
        of every frame.

    Raises:
        ValueError: the model was trained for other classes; or as in `measure`.
    """
    check_classes(config, frames.info)
    name = name or config.label
    seconds: dict[str, list[float]] = {stage: [] for stage in STAGES}
    prepared = prepare_for_inference(model)
    operations = 0

    def label(index: int, frame: Frame) -> Labels:
        nonlocal operations
        image, _ = frame_tensors(frame)
        if index == 0:  # also takes the set-up out of the first frame's time
            operations = operation_multiply_adds(prepared, image)
        result = predict_in_stages(prepared, image)
        for stage, lap in zip(STAGES, result.seconds, strict=True):
            seconds[stage].append(lap)
        labels: Labels = result.labels.numpy()
        return labels

    measures = measure(frames, label, options, name=name)
    sampling = "uniform" if config.sampler is None else "adaptive"
    costs = model_multiply_adds(model)
    return Evaluation(
        name, sampling, config.size, measures, config.network, costs, operations, seconds
    )


def check_classes(config: SegmenterConfig, info: DatasetInfo) -> None:
    """Refuse to measure a model on classes that it was not trained for.

    Raises:
        ValueError: the classes differ.
    """
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
) -> EvaluationRecord:
    """What ``evaluation.json`` holds: which frames, which models, what was found.

    Args:
        frames: the frames measured.
        split: names of their splits.
        crop: "square" or "none".
        models: names of the model files.
        results: what was found.

    Returns:
        Plain values, for JSON; times are in milliseconds.
    """
    return {
        "data": frames.info.name,
        "split": list(split),
        "frames": len(frames),
        "crop": crop,
        "models": list(models),
        "environment": environment(),
        "results": [result.record() for result in results],
    }
