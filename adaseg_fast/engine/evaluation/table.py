# SPDX-License-Identifier: Apache-2.0
"""Results of evaluations side by side, as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from adaseg_fast.engine.evaluation.evaluate import Evaluation
from adaseg_fast.engine.models.inference import STAGES

Row = tuple[str, ...]

_BANDS = (1, 4, 16)  # pixels


def table(results: Sequence[Evaluation]) -> str:
    """One column a result; rows of what was measured."""

    def row(name: str, value: Callable[[Evaluation], str]) -> Row:
        return name, *(value(result) for result in results)

    rows = [row("", lambda r: r.name)]
    rows.append(row("mean IoU", lambda r: _percent(r.mean_iou)))
    rows.append(row("mean IoU, targets", lambda r: _percent(r.target_iou)))
    info = results[0].info
    ious = [result.confusion.iou() for result in results]
    for number, name in enumerate(info.classes):
        mark = "*" if number in info.targets else " "
        rows.append((f" {mark} {name}", *(_percent(iou[number]) for iou in ious)))
    rows += _near_boundaries(results) + _objects(results)
    if any(result.multiply_adds for result in results):
        rows.append(row("multiply-adds, M", lambda r: _millions(r.multiply_adds)))
        rows.append(row("   sampling, interpolation", lambda r: _millions({"": r.operations})))
    if any(result.seconds for result in results):
        rows.append(row("latency, ms (median)", lambda r: _milliseconds(r.latency)))
        for stage in STAGES:
            laps = (result.seconds.get(stage) or [np.nan] for result in results)
            rows.append((f"   {stage}", *(_milliseconds(median(x)) for x in laps)))
    note = "* target class; all in percent at the original resolution unless a unit is given"
    return "\n".join([*_lines(rows), note])


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
            (f"   within {b} px", *(_percent(curve[b - 1]) for curve in curves)) for b in _BANDS
        ]
    scores = [result.measures.boundary for result in results if result.measures.boundary]
    if scores:
        rows.append(("boundary F", *(_percent(score.mean_f()) for score in scores)))
        targets = results[0].info.targets
        rows.append(("boundary F, targets", *(_percent(score.mean_f(targets)) for score in scores)))
    return rows


def _objects(results: Sequence[Evaluation]) -> list[Row]:
    metrics = [result.measures.objects for result in results if result.measures.objects]
    if not metrics:
        return []
    count = len(metrics[0].objects())
    quarters = [metric.recall() for metric in metrics]
    rows: list[Row] = [(f"recall of {count} target objects", *[""] * len(metrics))]
    for number, name in enumerate(("smallest", "second", "third", "largest")):
        rows.append((f"   {name} quarter", *(_percent(each[number]) for each in quarters)))
    return rows


def _lines(rows: Sequence[Row]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip()
        for name, *cells in rows
    ]


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f}"


def _milliseconds(seconds: float) -> str:
    return "-" if np.isnan(seconds) else f"{1e3 * seconds:.1f}"


def _millions(counts: dict[str, int]) -> str:
    count = sum(counts.values())
    return f"{count / 1e6:.1f}" if count else "-"
