# SPDX-License-Identifier: Apache-2.0
"""What ``evaluation.json`` holds, as types, and how it is read.

Values are plain, as JSON has them. A value that does not exist (the IoU of a class that does not
occur) is NaN in a fresh record, and None in one that was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from adaseg_fast.engine.environment import Environment
from adaseg_fast.engine.typed_values import typed
from adaseg_fast.metrics import BoundaryRecord, ObjectsRecord, TrimapRecord
from adaseg_fast.storage import StorageError, read_json

Size = tuple[int, int]


class TargetBoundaryRecord(BoundaryRecord):
    """Boundary F, with its mean over the target classes."""

    target_mean_f: float | None


class _Iou(TypedDict):
    mean_iou: float | None
    target_mean_iou: float | None
    accuracy: float | None
    iou: dict[str, float | None]
    targets: list[str]
    confusion: list[list[int | float]]


class MeasuresRecord(_Iou, total=False):
    """The metrics of a set of frames; those that were not measured are absent.

    ``iou`` has the names of classes as keys, ``targets`` holds names of classes, and ``confusion``
    is `ConfusionMatrix.counts`.
    """

    trimap: TrimapRecord
    trimap_targets: TrimapRecord
    objects: ObjectsRecord
    boundary: TargetBoundaryRecord


class ResultRecord(MeasuresRecord):
    """One model, or one way of sampling, see `Evaluation`; times in milliseconds."""

    name: str
    sampling: str
    size: Size
    network: str
    multiply_adds: dict[str, int | float]
    operation_multiply_adds: int | float
    median_ms: dict[str, float]
    latency_ms: float | None


class FramesRecord(TypedDict):
    """Which frames were measured: data set, splits, number of frames, crop."""

    data: str
    split: list[str]
    frames: int
    crop: str


class _Results(FramesRecord):
    results: list[ResultRecord]


class EvaluationRecord(_Results, total=False):
    """All of ``evaluation.json``.

    ``models`` names the model files. ``sizes`` are the working sizes of a file that holds what
    sampling alone allows.
    """

    models: list[str]
    environment: Environment
    sizes: list[Size]


def read_evaluation(path: Path) -> EvaluationRecord:
    """What an ``evaluation.json`` holds.

    Raises:
        StorageError: the file cannot be read, or is not of this form; names file and key.
    """
    try:
        record = typed(read_json(path), EvaluationRecord)
    except ValueError as error:
        raise StorageError(f"{path}: is not an evaluation.json of this version: {error}") from error
    if not record["results"]:
        raise StorageError(f"{path}: holds no results")
    return record


def read_evaluations(paths: Sequence[Path]) -> EvaluationRecord:
    """The results of several ``evaluation.json`` as one record.

    Raises:
        StorageError: as in `read_evaluation`; or a file measures another data set, split, number of
            frames or crop than the first one.
    """
    records = [read_evaluation(path) for path in paths]
    first = records[0]
    for path, record in zip(paths, records, strict=True):
        there, wanted = frames_of(record), frames_of(first)
        for key, value in there.items():
            if value != wanted.get(key):
                raise StorageError(
                    f"{path}: its {key} is {value}, but that of {paths[0]} is {wanted.get(key)}; "
                    "one figure shows results of the same frames only"
                )
    first["results"] = [result for record in records for result in record["results"]]
    return first


def frames_of(record: FramesRecord) -> FramesRecord:
    """Only which frames a record is about, without its results."""
    return {
        "data": record["data"],
        "split": record["split"],
        "frames": record["frames"],
        "crop": record["crop"],
    }


def frames_title(record: FramesRecord) -> str:
    """Data set, splits, number of frames and crop, for headings.

    Example:
        >>> frames_title({"data": "camvid", "split": ["val"], "frames": 44, "crop": "none"})
        'camvid, val, 44 frames, whole frames'
    """
    crop = "central squares" if record["crop"] == "square" else "whole frames"
    return f"{record['data']}, {' + '.join(record['split'])}, {record['frames']} frames, {crop}"
