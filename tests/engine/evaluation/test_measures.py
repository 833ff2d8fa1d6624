# SPDX-License-Identifier: Apache-2.0
"""Metrics over a data set: the values are the same with any number of threads."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from adaseg_fast.data import DataError, Frame
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine.evaluation.measures import Measures, cropped, measure
from adaseg_fast.engine.evaluation.options import METRICS, MeasureOptions
from adaseg_fast.metrics import BoundaryF, ObjectRecall, TrimapAccuracy

SCENES = SyntheticScenes(7, size=(64, 96), split="val")


def shifted(index: int, frame: Frame) -> np.ndarray:
    """The truth moved by a few columns, differently in each frame."""
    return np.roll(frame.labels, index, axis=1)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("crop", ["square", "none"])
def test_workers_change_no_bit(workers: int, crop: str) -> None:
    options = MeasureOptions(METRICS, crop, quiet=True)
    alone = measure(SCENES, shifted, options).record()
    together = measure(SCENES, shifted, replace(options, workers=workers)).record()
    assert json.dumps(together) == json.dumps(alone)
    assert {"trimap", "trimap_targets", "objects", "boundary"} <= alone.keys()


def test_each_metric_sees_every_frame() -> None:
    info = SCENES.info
    trimap = TrimapAccuracy(info.num_classes, classes=info.targets)
    objects = ObjectRecall(info.num_classes, classes=info.targets)
    boundary = BoundaryF(info.num_classes)
    for index in range(len(SCENES)):
        frame = SCENES[index]
        trimap.update(shifted(index, frame), frame.labels)
        objects.update(shifted(index, frame), frame.labels, frame.instances)
        boundary.update(shifted(index, frame), frame.labels)
    record = measure(SCENES, shifted, MeasureOptions(METRICS, "none", quiet=True)).record()
    assert json.dumps(record["trimap_targets"]) == json.dumps(trimap.record())
    assert json.dumps(record["objects"]) == json.dumps(objects.record(info.classes))
    assert record["boundary"]["mean_f"] == boundary.mean_f()
    assert record["boundary"]["target_mean_f"] == boundary.mean_f(info.targets)


def test_target_boundaries_are_all_boundaries_where_all_classes_are_targets() -> None:
    info = replace(SCENES.info, targets=tuple(range(SCENES.info.num_classes)))
    measures = Measures(info, METRICS)
    assert measures.trimap_targets is None
    measures.update(SCENES[0].labels, SCENES[0])
    assert "trimap" in measures.record() and "trimap_targets" not in measures.record()


def test_iou_alone_by_default() -> None:
    result = measure(SCENES, shifted, MeasureOptions(quiet=True))
    assert result.trimap is result.objects is result.boundary is None
    assert not {"trimap", "objects", "boundary"} & result.record().keys()


def test_labels_are_asked_for_in_order_and_in_this_thread() -> None:
    import threading

    asked: list[tuple[int, str]] = []

    def label(index: int, frame: Frame) -> np.ndarray:
        assert threading.current_thread() is threading.main_thread()
        asked.append((index, frame.name))
        return frame.labels

    measure(SCENES, label, MeasureOptions(workers=2, quiet=True))
    assert asked == [(index, SCENES[index].name) for index in range(len(SCENES))]


class Broken(SyntheticScenes):
    def __getitem__(self, index: int) -> Frame:
        if index == 4:
            raise DataError("frame 4 is damaged")
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_of_frames_and_of_metrics_come_out(workers: int) -> None:
    options = MeasureOptions(workers=workers, quiet=True)
    with pytest.raises(DataError, match="frame 4 is damaged"):
        measure(Broken(7, size=(64, 64)), shifted, options)
    with pytest.raises(ValueError, match="prediction must hold"):
        measure(SCENES, lambda i, f: f.labels + np.uint8(50), options)


def test_unknown_choices() -> None:
    with pytest.raises(ValueError, match="no metric is called 'dice'; there are iou, trimap"):
        Measures(SCENES.info, ["iou", "dice"])
    with pytest.raises(ValueError, match="crop must be 'square' or 'none', got 'round'"):
        cropped(SCENES[0], "round")
    with pytest.raises(ValueError, match="workers must be from 0 to 256, got -1"):
        MeasureOptions(workers=-1)
