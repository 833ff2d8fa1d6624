# SPDX-License-Identifier: Apache-2.0
"""Classes that occur in no frame are shown as absent; masks of 0 and 255 are recognised."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from adaseg_fast.data import DatasetInfo, Frame
from adaseg_fast.engine.evaluation.ceiling import ceiling
from adaseg_fast.engine.evaluation.measures import measure
from adaseg_fast.engine.evaluation.options import MeasureOptions
from adaseg_fast.engine.evaluation.records import read_evaluation
from adaseg_fast.engine.evaluation.table import evaluation_table
from adaseg_fast.storage import write_json
from support.engine_cases import run

INFO = DatasetInfo("masks", ("nothing", "person", "dog"), ((0, 0, 0), (9, 9, 9), (8, 8, 8)), (1,))


class Frames:
    """Frames of 32 x 32 pixels whose right half has a label."""

    def __init__(self, *labels: int) -> None:
        self.info, self._labels = INFO, labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Frame:
        truth = np.zeros((32, 32), np.uint8)
        truth[:, 16:] = self._labels[index]
        return Frame(np.zeros((32, 32, 3), np.uint8), truth, str(index))


@pytest.mark.parametrize("workers", [0, 2])
def test_absent_classes_are_counted_over_all_frames(workers: int) -> None:
    options = MeasureOptions(quiet=True, workers=workers)
    measures = measure(Frames(1, 255, 255), lambda _, frame: frame.labels % 255, options)
    record = measures.record()
    assert record["absent"] == ["dog"]
    assert record["ignored_share"] == pytest.approx(1 / 3)
    assert record["mean_iou"] == 1.0


def test_the_table_says_absent_and_how_many() -> None:
    found = ceiling(Frames(255), (16, 16), MeasureOptions(quiet=True))
    lines = evaluation_table([found]).splitlines()
    rows = {line[:20].strip(): line.split()[-1] for line in lines if "(absent)" in line}
    assert rows == {"* person (absent)": "-", "dog (absent)": "-"}
    assert lines[-1].startswith("absent: in no frame (2 of 3 classes).")
    whole = evaluation_table([ceiling(Frames(1, 2), (16, 16), MeasureOptions(quiet=True))])
    assert "absent" not in whole


def test_an_absent_class_that_is_predicted_counts() -> None:
    measures = measure(
        Frames(1), lambda _, frame: np.where(frame.labels == 1, 2, 0).astype(np.uint8),
        MeasureOptions(quiet=True),
    )  # fmt: skip
    assert measures.record()["absent"] == ["dog"]
    assert measures.record()["iou"] == {"nothing": 1.0, "person": 0.0, "dog": 0.0}


def test_no_frame_is_an_error() -> None:
    with pytest.raises(ValueError, match="masks: there is no frame to measure"):
        ceiling(Frames(), (16, 16), MeasureOptions(quiet=True))


def test_masks_of_black_and_white(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, output = tmp_path / "data", tmp_path / "out"
    for kind in ("images", "labels"):
        (root / kind / "val").mkdir(parents=True)
    mask = np.zeros((48, 48), np.uint8)
    mask[:, 24:] = 255
    cv2.imwrite(str(root / "labels" / "val" / "a.png"), mask)
    cv2.imwrite(str(root / "images" / "val" / "a.png"), np.zeros((48, 48, 3), np.uint8))
    classes = [{"id": n, "name": name, "color": [n, n, n]} for n, name in enumerate(INFO.classes)]
    (root / "classes.json").write_text(json.dumps({"ignore_index": 255, "classes": classes}))
    assert run("evaluate", "--data", f"folder:{root}", "--ceiling", 16, "--output", output) == 0
    printed = capsys.readouterr()
    warning = next(line for line in printed.err.splitlines() if "warning" in line)
    for words in (", val: 2 of 3 classes never occur in the labels: person, dog.",
                  "50.0 % of the pixels are ignored", "only 0 and 255"):  # fmt: skip
        assert words in warning
    assert "person (absent)" in printed.out
    record = read_evaluation(output / "evaluation.json")
    assert [each["absent"] for each in record["results"]] == [["person", "dog"]] * 2
    assert {each["ignored_share"] for each in record["results"]} == {0.5}
    write_json(tmp_path / "again.json", record)
    assert read_evaluation(tmp_path / "again.json")["results"] == record["results"]
