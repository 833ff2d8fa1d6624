# SPDX-License-Identifier: Apache-2.0
"""The table that ``evaluate`` prints: what was measured, one column per model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from adaseg_fast.engine.evaluation.evaluate import Evaluation
from adaseg_fast.engine.models.inference import STAGES
from adaseg_fast.engine.tables import Row, millions, percent, text_table

_BANDS = (1, 4, 16)  # pixels


def evaluation_table(results: Sequence[Evaluation]) -> str:
    """One column per result, one row per quantity that was measured.

    Args:
        results: at least one, all of the same classes.
    """

    def row(name: str, value: Callable[[Evaluation], str]) -> Row:
        return name, *(value(result) for result in results)

    rows = [row("", lambda r: r.name)]
    rows.append(row("mean IoU", lambda r: percent(r.mean_iou)))
    rows.append(row("mean IoU, targets", lambda r: percent(r.target_iou)))
    info = results[0].info
    ious = [result.confusion.iou() for result in results]
    absent = results[0].measures.census.absent(info.num_classes)
    for number, name in enumerate(info.classes):
        mark = "*" if number in info.targets else " "
        note = " (absent)" if number in absent else ""
        rows.append((f" {mark} {name}{note}", *(percent(iou[number]) for iou in ious)))
    rows += _near_boundaries(results) + _objects(results)
    if any(result.multiply_adds for result in results):
        rows.append(row("multiply-adds, M", lambda r: millions(sum(r.multiply_adds.values()))))
        rows.append(row("   sampling, interpolation", lambda r: millions(r.operations)))
    if any(result.seconds for result in results):
        rows.append(row("latency, ms (median)", lambda r: _milliseconds(r.latency)))
        for stage in STAGES:
            laps = (result.seconds.get(stage) or [np.nan] for result in results)
            rows.append((f"   {stage}", *(_milliseconds(median(x)) for x in laps)))
    note = "* target class; all in percent at the original resolution unless a unit is given"
    if absent:
        note += (
            f"\nabsent: in no frame ({len(absent)} of {info.num_classes} classes). Means leave "
            "such a class out where it is not predicted either (-), and count 0 where it is"
        )
    return f"{text_table(rows)}\n{note}"


def _near_boundaries(results: Sequence[Evaluation]) -> list[Row]:
    rows: list[Row] = []
    for name in ("trimap", "trimap_targets"):
        trimaps = [getattr(result.measures, name) for result in results]
        if None in trimaps:
            continue
        rows.append(
            (f"accuracy near {'target ' * (name != 'trimap')}boundaries", *[""] * len(trimaps))
        )
        curves = [trimap.accuracy() for trimap in trimaps]
        rows += [
            (f"   within {b} px", *(percent(curve[b - 1]) for curve in curves)) for b in _BANDS
        ]
    scores = [result.measures.boundary for result in results if result.measures.boundary]
    if scores:
        rows.append(("boundary F", *(percent(score.mean_f()) for score in scores)))
        targets = results[0].info.targets
        rows.append(("boundary F, targets", *(percent(score.mean_f(targets)) for score in scores)))
    return rows


def _objects(results: Sequence[Evaluation]) -> list[Row]:
    metrics = [result.measures.objects for result in results if result.measures.objects]
    if not metrics:
        return []
    count = len(metrics[0].objects())
    quarters = [metric.recall() for metric in metrics]
    rows: list[Row] = [(f"recall of {count} target objects", *[""] * len(metrics))]
    for number, name in enumerate(("smallest", "second", "third", "largest")):
        rows.append((f"   {name} quarter", *(percent(each[number]) for each in quarters)))
    return rows


def _milliseconds(seconds: float) -> str:
    return "-" if np.isnan(seconds) else f"{1e3 * seconds:.1f}"
