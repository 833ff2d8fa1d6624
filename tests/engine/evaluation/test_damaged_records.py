# SPDX-License-Identifier: Apache-2.0
"""A damaged value in a file of results is named, or the charts can be drawn all the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adaseg_fast.engine.evaluation import charts
from adaseg_fast.engine.evaluation.charts import draw_charts
from adaseg_fast.engine.evaluation.records import read_evaluation, read_evaluations
from adaseg_fast.engine.experiment.results import read_results
from adaseg_fast.storage import StorageError, write_json

FILES = Path(__file__).parents[2] / "support" / "files_0_1_0"
EVALUATION = FILES / "evaluation" / "evaluation.json"

# Any value may become one of these; the last ones are written as they are, being no JSON.
VALUES = [None, True, -1, 0, 0.5, 2, 10**6, 1e300, "", "text", "n" * 2000, [], [1], [[]], {},
          {"a": 1}]  # fmt: skip
RAW = ["NaN", "-Infinity", "1e999", "1" * 400, "1" * 5000, "-9223372036854775809"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where values are; of long lists the first and the last."""
    if path:
        yield path
    keys = list(value) if isinstance(value, dict) else []
    if isinstance(value, list):
        keys = sorted({0, len(value) - 1} & set(range(len(value))))
    for key in keys:
        yield from places(value[key], (*path, key))


def put(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(record)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def drop(record: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(record)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


def damaged(record: Any, seed: int, count: int) -> Iterator[str]:
    """Texts of the record with one value changed, or taken away."""
    random = np.random.default_rng(seed)
    every = list(places(record))
    for number in random.choice(len(every), min(count, len(every)), replace=False):
        path = every[number]
        yield json.dumps(drop(record, path))
        for value in VALUES:
            yield json.dumps(put(record, path, value))
        for raw in RAW:
            yield json.dumps(put(record, path, "@")).replace('"@"', raw)


def test_evaluations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, drawn = tmp_path / "evaluation.json", []
    # Pixels take long and cannot fail: figures are made, but not drawn.
    monkeypatch.setattr("adaseg_fast.plots.png", lambda figure: drawn.append(figure) or b"")
    refused = 0
    for text in damaged(json.loads(EVALUATION.read_text()), 0, 60):
        file.write_text(text)
        try:
            record = read_evaluations([file, file])
        except StorageError as error:
            refused += 1
            assert str(file) in str(error) and len(str(error).splitlines()) == 1
            continue
        if len(drawn) < 60:
            draw_charts(record, tmp_path / "charts")
    assert refused > 600 and drawn


def test_results(tmp_path: Path) -> None:
    file, refused = tmp_path / "results.json", 0
    for text in damaged(json.loads((FILES / "results.json").read_text()), 1, 60):
        file.write_text(text)
        try:
            read_results(file)
        except StorageError as error:
            refused += 1
            assert str(file) in str(error) and len(str(error).splitlines()) == 1
    assert refused > 600


@pytest.mark.parametrize("raw", RAW)
def test_numbers_that_json_or_no_count_has(tmp_path: Path, raw: str) -> None:
    file = tmp_path / "evaluation.json"
    file.write_text(EVALUATION.read_text().replace('"frames": ', f'"frames": {raw}, "_": ', 1))
    with pytest.raises(StorageError, match="is not JSON"):
        read_evaluation(file)


def result(**changes: Any) -> dict[str, Any]:
    record = json.loads(EVALUATION.read_text())
    record["results"] = [{**record["results"][0], **changes}]
    return record


def test_results_of_other_targets_or_labels_are_no_figure(tmp_path: Path) -> None:
    first = result()["results"][0]
    classes = list(first["iou"])
    other_targets = [name for name in classes if name not in first["targets"]][:1] or classes[:1]
    counts = copy.deepcopy(first["confusion"])
    row = next(number for number, row in enumerate(counts) if sum(row))
    counts[row][0] += 1
    cases = {
        "targets": (result(targets=other_targets), "differ: targets "),
        "labels": (result(confusion=counts), f"pixels of class {classes[row]}, against"),
    }
    write_json(tmp_path / "first.json", result())
    reordered = result(targets=first["targets"][::-1])
    write_json(tmp_path / "reordered.json", reordered)
    assert read_evaluations([tmp_path / "first.json", tmp_path / "reordered.json"])
    for name, (record, message) in cases.items():
        write_json(tmp_path / f"{name}.json", record)
        with pytest.raises(StorageError, match=rf"{name}\.json: .*first\.json do not .*{message}"):
            read_evaluations([tmp_path / "first.json", tmp_path / f"{name}.json"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean_iou": 1.5}, "mean_iou must be a number <= 1.0"),
        ({"latency_ms": -1}, "latency_ms must be a number >= 0"),
        ({"size": [0, 16]}, "size.* must be an integer >= 1"),
        ({"targets": ["nobody"]}, "the targets of .* must be different ones of its classes"),
        ({"confusion": [[1]]}, "the rows of 'confusion' of .* must be"),
    ],
)
def test_values_out_of_range_are_named(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    write_json(tmp_path / "x.json", result(**change))
    with pytest.raises(StorageError, match=rf"x\.json: is not an .*{message}"):
        read_evaluation(tmp_path / "x.json")


def test_absent_classes_have_no_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(charts, "class_bars", lambda *values: seen.append(values) or b"")
    record = result()
    shown = record["results"][0]
    name = next(iter(shown["iou"]))
    shown["iou"][name] = None
    shown["absent"] = [name]
    draw_charts(record, tmp_path, cost=False)
    names, _, ((_, values),), _ = seen[0]
    assert names[0] == f"{name} (absent)" and np.isnan(values[0])
