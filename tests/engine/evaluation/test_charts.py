# SPDX-License-Identifier: Apache-2.0
"""Charts and the table of evaluations, in one run or drawn again from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine.evaluation.ceiling import ceiling
from adaseg_fast.engine.evaluation.charts import draw_charts
from adaseg_fast.engine.evaluation.evaluate import evaluate
from adaseg_fast.engine.evaluation.options import METRICS, MeasureOptions
from adaseg_fast.engine.evaluation.records import read_evaluations
from adaseg_fast.engine.evaluation.table import evaluation_table
from adaseg_fast.engine.models.files import load_segmenter
from adaseg_fast.storage import StorageError, write_json

SCENES = SyntheticScenes(2, size=(64, 96), split="val")


def record(results: list[Any]) -> dict[str, Any]:
    about = {"data": SCENES.info.name, "split": ["val"], "frames": len(SCENES), "crop": "none"}
    return {**about, "results": [result.record() for result in results]}


@pytest.fixture(scope="module")
def results(models: dict[str, Path]) -> list[Any]:
    options = MeasureOptions(METRICS, "none", quiet=True)
    found = [evaluate(*load_segmenter(path), SCENES, options) for path in models.values()]
    return [*found, ceiling(SCENES, (16, 24), options)]


def test_every_figure_that_the_results_have(results: list[Any], tmp_path: Path) -> None:
    drawn = draw_charts(record(results), tmp_path)
    assert {path.stem for path in drawn} == {
        "evaluation", "trimap", "trimap_targets", "objects", "cost", "latency",
    }  # fmt: skip
    for path in drawn:
        picture = cv2.imread(str(path))
        assert picture.shape[1] > 600 and picture.std() > 10


def test_only_the_figures_that_the_results_have(tmp_path: Path) -> None:
    plain = ceiling(SCENES, (16, 24), MeasureOptions(crop="none", quiet=True))
    assert [path.name for path in draw_charts(record([plain]), tmp_path)] == ["evaluation.png"]


def test_figures_from_files_are_the_same(results: list[Any], tmp_path: Path) -> None:
    files = []
    for number, result in enumerate(results):
        files.append(tmp_path / f"{number}.json")
        write_json(files[-1], record([result]))
    draw_charts(record(results), tmp_path / "at once")
    drawn = draw_charts(read_evaluations(files), tmp_path / "again")
    for path in drawn:
        assert path.read_bytes() == (tmp_path / "at once" / path.name).read_bytes()


def test_results_of_other_frames_are_refused(results: list[Any], tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    write_json(first, record(results))
    write_json(second, {**record(results), "crop": "square"})
    with pytest.raises(
        StorageError, match=r"b\.json: its crop is square, but that of .*a\.json is"
    ):
        read_evaluations([first, second])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("{}", "is not an evaluation.json of this version: 'data' is missing"),
        ("[1]", "is not an evaluation.json of this version: all of it must be a table, got a list"),
        (None, "cannot be read"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(StorageError, match=rf"x\.json: .*{message}"):
        read_evaluations([path])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "iou",
            {"sky": "high"},
            r"results\[1\]\.iou\[\.\.\.\] must be a number or null, got a text",
        ),
        ("size", [16], r"results\[1\]\.size must be a list of length 2, got 1"),
        ("latency_ms", [], r"results\[1\]\.latency_ms must be a number or null, got a list"),
        ("trimap", {}, r"results\[1\]\.trimap: 'width' is missing"),
    ],
)
def test_a_wrong_value_is_named(
    results: list[Any], tmp_path: Path, key: str, value: object, message: str
) -> None:
    path, wrong = tmp_path / "x.json", record(results)
    wrong["results"][1][key] = value
    write_json(path, wrong)
    with pytest.raises(StorageError, match=rf"x\.json: is not an .*: {message}"):
        read_evaluations([path])


def test_empty_results_are_refused(results: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({**record(results), "results": []}))
    with pytest.raises(StorageError, match=r"x\.json: holds no results"):
        read_evaluations([path])


def test_table_has_what_was_measured(results: list[Any]) -> None:
    text = evaluation_table(results)
    for row in ("accuracy near target boundaries", "within 16 px", "boundary F, targets",
                "smallest quarter", "mean IoU, targets", "multiply-adds"):  # fmt: skip
        assert row in text
    lines = text.splitlines()
    objects = len(results[0].measures.objects.objects())
    assert any(line.startswith(f"recall of {objects} target objects") for line in lines)
    widest = max(len(line) for line in lines[:-1])
    assert widest < 120
    plain = evaluation_table([ceiling(SCENES, (16, 24), MeasureOptions(quiet=True))])
    assert "boundary F" not in plain and "recall of" not in plain
