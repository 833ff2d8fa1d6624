# SPDX-License-Identifier: Apache-2.0
"""Whether the parts of results fit together, and whether results are about the same frames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Sized
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adaseg_fast.engine.evaluation.records import ResultRecord
    from adaseg_fast.metrics import ObjectsRecord, TrimapRecord


def check_results(results: Sequence[ResultRecord]) -> None:
    """Check each result, and that all are about the same classes, targets and pixels.

    Args:
        results: as they were read from a file, of the declared types.

    Raises:
        ValueError: parts of a result do not fit together, or results differ; names both.
    """
    for result in results:
        _check_result(result)
        difference = _difference(results[0], result)
        if difference:
            raise ValueError(f"{result['name']!r} and {results[0]['name']!r} differ: {difference}")


def _difference(first: ResultRecord, other: ResultRecord) -> str:
    """What keeps two results from one figure, in words; empty if nothing does."""
    if list(first["iou"]) != list(other["iou"]):
        return f"classes {', '.join(other['iou'])}, against {', '.join(first['iou'])}"
    if set(first["targets"]) != set(other["targets"]):
        return f"targets {', '.join(other['targets'])}, against {', '.join(first['targets'])}"
    for name, mine, theirs in zip(
        first["iou"], first["confusion"], other["confusion"], strict=True
    ):
        if not math.isclose(sum(mine), sum(theirs), rel_tol=1e-9):
            return f"{sum(theirs):.0f} pixels of class {name}, against {sum(mine):.0f}"
    for key in ("trimap", "trimap_targets"):
        if key in first and key in other:
            widths = first[key]["width"], other[key]["width"]
            if widths[0] != widths[1]:
                return f"widths of {key}"
    if "objects" in first and "objects" in other:
        shapes = _shape(first["objects"]), _shape(other["objects"])
        if shapes[0] != shapes[1]:
            return "bins or number of objects"
    return ""


def _check_result(result: ResultRecord) -> None:
    name, classes = result["name"], list(result["iou"])
    targets = result["targets"]
    if not classes:
        raise ValueError(f"{name!r} has no classes")
    if len(set(targets)) != len(targets) or not set(targets) <= set(classes):
        raise ValueError(f"the targets of {name!r} must be different ones of its classes")
    _need(len(classes), f"the rows of 'confusion' of {name!r}", [result["confusion"]])
    _need(len(classes) + 1, f"the columns of 'confusion' of {name!r}", result["confusion"])
    if "trimap" in result:
        _check_trimap(f"'trimap' of {name!r}", result["trimap"])
    if "trimap_targets" in result:
        _check_trimap(f"'trimap_targets' of {name!r}", result["trimap_targets"])
    if "objects" in result:
        _check_objects(f"'objects' of {name!r}", result["objects"], classes)
    if "boundary" in result:
        _check_names(f"'boundary' of {name!r}", result["boundary"]["classes"], classes)


def _check_trimap(what: str, trimap: TrimapRecord) -> None:
    if not trimap["width"]:
        raise ValueError(f"{what} has no widths")
    _need(len(trimap["width"]), f"the columns of {what}", [trimap["accuracy"], trimap["pixels"]])


def _check_objects(what: str, objects: ObjectsRecord, classes: Sequence[str]) -> None:
    _check_names(what, objects["classes"], classes)
    finer, quarters = objects["all_finer"], objects["all"]
    if not finer["recall"] or not quarters["recall"]:
        raise ValueError(f"{what} has no bins")
    _need(len(finer["recall"]), f"the finer bins of {what}", [finer["mean_area"]])
    columns = [each["recall"] for each in objects["classes"].values()]
    areas = [each["mean_area"] for each in (quarters, *objects["classes"].values())]
    _need(len(quarters["recall"]), f"the bins of {what}", [*columns, *areas])


def _check_names(what: str, found: Mapping[str, object], classes: Sequence[str]) -> None:
    unknown = [name for name in found if name not in classes]
    if unknown:
        raise ValueError(f"{what} has the class {unknown[0]!r}, and 'iou' has not")


def _need(length: int, what: str, columns: Sequence[Sized]) -> None:
    wrong = [len(column) for column in columns if len(column) != length]
    if wrong:
        raise ValueError(f"{what} must be {length}, got {wrong[0]}")


def _shape(objects: ObjectsRecord) -> object:
    counts = {name: entry["objects"] for name, entry in objects["classes"].items()}
    return len(objects["all"]["recall"]), len(objects["all_finer"]["recall"]), counts
