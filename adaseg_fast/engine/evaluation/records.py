# SPDX-License-Identifier: Apache-2.0
"""What ``evaluation.json`` holds, as types, and how it is read.

Values are plain, as JSON has them. A value that does not exist (the IoU of a class that does not
occur) is NaN in a fresh record, and None in one that was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypedDict

from msgspec import Meta

from adaseg_fast.engine.environment import Environment
from adaseg_fast.engine.evaluation.consistency import check_results
from adaseg_fast.engine.typed_values import typed
from adaseg_fast.metrics import BoundaryRecord, ObjectsRecord, TrimapRecord
from adaseg_fast.metrics.values import Amount, Count, Share
from adaseg_fast.storage import StorageError, read_json

_Side = Annotated[int, Meta(ge=1, le=2**30)]
_Text = Annotated[str, Meta(max_length=1000)]
Size = tuple[_Side, _Side]


class TargetBoundaryRecord(BoundaryRecord):
    """Boundary F, with its mean over the target classes."""

    target_mean_f: Share | None


class _Iou(TypedDict):
    mean_iou: Share | None
    target_mean_iou: Share | None
    accuracy: Share | None
    iou: dict[_Text, Share | None]
    targets: list[_Text]
    confusion: list[list[Count]]


class MeasuresRecord(_Iou, total=False):
    """The metrics of a set of frames; those that were not measured are absent.

    ``iou`` has the names of classes as keys, ``targets`` holds names of classes, and ``confusion``
    is `ConfusionMatrix.counts`. ``absent`` names the classes that occur in no frame, and
    ``ignored_share`` is the share of the pixels that are ignored; 0.1.0 wrote neither.
    """

    absent: list[_Text]
    ignored_share: Share
    trimap: TrimapRecord
    trimap_targets: TrimapRecord
    objects: ObjectsRecord
    boundary: TargetBoundaryRecord


class ResultRecord(MeasuresRecord):
    """One model, or one way of sampling, see `Evaluation`; times in milliseconds."""

    name: _Text
    sampling: _Text
    size: Size
    network: _Text
    multiply_adds: dict[_Text, Count]
    operation_multiply_adds: Count
    median_ms: dict[_Text, Amount]
    latency_ms: Amount | None


class FramesRecord(TypedDict):
    """Which frames were measured: data set, splits, number of frames, crop."""

    data: _Text
    split: list[_Text]
    frames: Annotated[int, Meta(ge=0)]
    crop: _Text


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
        StorageError: the file cannot be read, is not of this form, or its values do not fit
            together; names file and key.
    """
    try:
        record = typed(read_json(path), EvaluationRecord)
        check_results(record["results"])
    except ValueError as error:
        raise StorageError(f"{path}: is not an evaluation.json of this version: {error}") from error
    if not record["results"]:
        raise StorageError(f"{path}: holds no results")
    return record


def read_evaluations(paths: Sequence[Path]) -> EvaluationRecord:
    """The results of several ``evaluation.json`` as one record.

    Raises:
        StorageError: as in `read_evaluation`; or a file measures another data set, split, number of
            frames, crop, classes, targets or labels than the first one.
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
        try:
            check_results([first["results"][0], *record["results"]])
        except ValueError as error:
            raise StorageError(
                f"{path}: its results and those of {paths[0]} do not fit into one figure: {error}"
            ) from error
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
