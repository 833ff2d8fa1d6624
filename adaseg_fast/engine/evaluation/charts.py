# SPDX-License-Identifier: Apache-2.0
"""The charts of evaluations: IoU, accuracy near boundaries, recall by size, cost against quality.

They are drawn from records, so that ``plot`` draws them again from files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from adaseg_fast.engine.evaluation.records import EvaluationRecord, ResultRecord, frames_title
from adaseg_fast.metrics import TrimapRecord
from adaseg_fast.plots import class_bars, cost_against_quality, recall_by_size, trimap_curves
from adaseg_fast.storage import write_atomically


def draw_charts(record: EvaluationRecord, output: Path, *, cost: bool = True) -> list[Path]:
    """Draw every chart that the results of a record have values for.

    Writes into ``output``: ``evaluation.png`` (IoU of each class), ``trimap.png`` and
    ``trimap_targets.png``, ``objects.png`` (recall by size) and, with ``cost``, those of
    `cost_charts`.

    Args:
        record: the results.
        output: the folder; it is made if it does not exist.
        cost: whether to draw cost against quality too.

    Returns:
        The files written.
    """
    results, title = record["results"], frames_title(record)
    classes = list(results[0]["iou"])
    targets = [classes.index(name) for name in results[0]["targets"]]
    bars = [(each["name"], _numbers(each["iou"].values())) for each in results]
    absent = results[0].get("absent", [])  # 0.1.0 did not write it
    shown = [f"{name} (absent)" if name in absent else name for name in classes]
    charts = {"evaluation.png": class_bars(shown, targets, bars, title)}
    trimaps = [(each["name"], each["trimap"]) for each in results if "trimap" in each]
    if trimaps:
        charts["trimap.png"] = _trimap(trimaps, f"{title}; all boundaries")
    trimaps = [(r["name"], r["trimap_targets"]) for r in results if "trimap_targets" in r]
    if trimaps:
        charts["trimap_targets.png"] = _trimap(trimaps, f"{title}; target boundaries")
    with_objects = [each for each in results if "objects" in each]
    if with_objects:
        charts["objects.png"] = _objects(with_objects, title)
    if cost:
        charts |= cost_charts(record)
    output.mkdir(parents=True, exist_ok=True)
    for name, chart in charts.items():
        write_atomically(output / name, chart)
    return [output / name for name in charts]


def cost_charts(record: EvaluationRecord) -> dict[str, bytes]:
    """Quality against cost, as PNG by file name.

    Returns:
        ``cost.png`` (against multiply-adds) and ``latency.png``; nothing for fewer than two models.
    """
    models = [each for each in record["results"] if sum(each["multiply_adds"].values())]
    if len(models) < 2:
        return {}
    title = frames_title(record)
    work = [_point(each, sum(each["multiply_adds"].values())) for each in models]
    time = [_point(each, each["latency_ms"]) for each in models]
    return {
        "cost.png": cost_against_quality(work, title, of="multiply-adds"),
        "latency.png": cost_against_quality(time, title, of="latency"),
    }


def _trimap(trimaps: Sequence[tuple[str, TrimapRecord]], title: str) -> bytes:
    return trimap_curves([(name, _numbers(each["accuracy"])) for name, each in trimaps], title)


def _objects(results: Sequence[ResultRecord], title: str) -> bytes:
    first = results[0]["objects"]
    together = [
        (each["name"], _numbers(each["objects"]["all_finer"]["recall"])) for each in results
    ]
    by_class = [
        (
            name,
            int(entry["objects"]),
            [_numbers(each["objects"]["classes"][name]["recall"]) for each in results],
        )
        for name, entry in first["classes"].items()
        if entry["objects"]
    ]
    if not by_class:
        by_class = [("no object", 0, [[np.nan] * 4 for _ in results])]
    return recall_by_size(together, _numbers(first["all_finer"]["mean_area"]), by_class, title)


def _point(result: ResultRecord, cost: float | None) -> tuple[str, str, float, float, float]:
    rows, cols = result["size"]
    label = str(rows) if rows == cols else f"{rows}x{cols}"
    at, everything, targets = _numbers([cost, result["mean_iou"], result["target_mean_iou"]])
    return f"{result['sampling']}, {result['network']}", label, at, everything, targets


def _numbers(values: Iterable[float | None]) -> list[float]:
    """NaN for None."""
    return [float("nan") if value is None else float(value) for value in values]
