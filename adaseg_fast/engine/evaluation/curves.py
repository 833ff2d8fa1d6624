# SPDX-License-Identifier: Apache-2.0
"""The figures of evaluations, drawn from what ``evaluation.json`` holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adaseg_fast.plots import class_bars, cost_against_quality, recall_by_size, trimap_curves
from adaseg_fast.storage import StorageError, write_atomically

Record = dict[str, Any]

_NEEDED = (
    "name", "sampling", "size", "network", "iou", "targets", "multiply_adds",
    "operation_multiply_adds", "median_ms", "latency_ms",
)  # fmt: skip


def draw_figures(record: Record, output: Path, *, cost: bool = True) -> list[Path]:
    """Draw what the results of a record (see `evaluation_record`) have in common.

    Writes into ``output``: ``evaluation.png`` (IoU of each class), ``trimap.png`` and
    ``trimap_targets.png``, ``objects.png`` (recall by size) and, unless ``cost`` is False or there
    is but one model, what `cost_figures` draws.

    Returns:
        The files written.
    """
    results, title = record["results"], about_frames(record)
    classes = list(results[0]["iou"])
    targets = [classes.index(name) for name in results[0]["targets"]]
    bars = [(each["name"], _numbers(each["iou"].values())) for each in results]
    pictures = {"evaluation.png": class_bars(classes, targets, bars, title)}
    for kind, which in (("trimap", "all boundaries"), ("trimap_targets", "target boundaries")):
        chosen = [each for each in results if kind in each]
        if chosen:
            curves = [(each["name"], _numbers(each[kind]["accuracy"])) for each in chosen]
            pictures[f"{kind}.png"] = trimap_curves(curves, f"{title}; {which}")
    with_objects = [each for each in results if "objects" in each]
    if with_objects:
        pictures["objects.png"] = _objects(with_objects, title)
    if cost:
        pictures |= cost_figures(record)
    output.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        write_atomically(output / name, picture)
    return [output / name for name in pictures]


def cost_figures(record: Record) -> dict[str, bytes]:
    """Quality against multiply-adds and against latency, by file name; none of a single model."""
    models = [each for each in record["results"] if each["multiply_adds"]]
    if len(models) < 2:
        return {}
    points = {
        "multiply-adds": [_point(each, sum(each["multiply_adds"].values())) for each in models],
        "latency": [_point(each, each["latency_ms"]) for each in models],
    }
    names = {"cost.png": "multiply-adds", "latency.png": "latency"}
    title = about_frames(record)
    return {name: cost_against_quality(points[of], title, of=of) for name, of in names.items()}


def read_records(paths: Sequence[Path]) -> Record:
    """The results of several ``evaluation.json`` as one record.

    Raises:
        StorageError: a file cannot be read, is not such a file, or measures another data set,
            split or crop than the first one.
    """
    records = [read_record(path) for path in paths]
    first = records[0]
    for path, record in zip(paths, records, strict=True):
        for key in ("data", "split", "frames", "crop"):
            if record[key] != first[key]:
                raise StorageError(
                    f"{path}: its {key} is {record[key]}, but that of {paths[0]} is {first[key]}; "
                    "only results of the same frames belong into one figure"
                )
    return {**first, "results": [each for record in records for each in record["results"]]}


def read_record(path: Path) -> Record:
    """What an ``evaluation.json`` holds.

    Raises:
        StorageError: it cannot be read, or is not such a file.
    """
    try:
        record = json.loads(path.read_bytes())
        for key in ("data", "split", "frames", "crop"):
            record[key]
        for result in record["results"]:
            for key in _NEEDED:
                result[key]
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StorageError(
            f"{path}: is not an evaluation.json of this version ({error})"
        ) from error
    if not record["results"]:
        raise StorageError(f"{path}: holds no results")
    return dict(record)


def about_frames(record: Record) -> str:
    """Data set, split, number of frames and crop, for headings."""
    crop = "central squares" if record["crop"] == "square" else "whole frames"
    return f"{record['data']}, {' + '.join(record['split'])}, {record['frames']} frames, {crop}"


def _objects(results: Sequence[Record], title: str) -> bytes:
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


def _point(result: Record, cost: float) -> tuple[str, str, float, float, float]:
    rows, cols = result["size"]
    label = str(rows) if rows == cols else f"{rows}x{cols}"
    everything, targets = _numbers([result["mean_iou"], result["target_mean_iou"]])
    return f"{result['sampling']}, {result['network']}", label, float(cost), everything, targets


def _numbers(values: Any) -> list[float]:
    """JSON has null for NaN."""
    return [float("nan") if value is None else float(value) for value in values]
