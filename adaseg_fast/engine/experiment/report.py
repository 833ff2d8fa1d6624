# SPDX-License-Identifier: Apache-2.0
"""The results of an experiment as tables, in the form of the paper's Tables 2 to 5, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adaseg_fast.engine.evaluation.curves import about_frames
from adaseg_fast.engine.experiment.results import Group, Record, Results
from adaseg_fast.engine.models.inference import STAGES

Row = Sequence[str]


def report(results: Results, title: str) -> str:
    """All tables below one heading; IoU and shares in percent at the original resolution."""
    targets = ", ".join(results.groups[0].mean["targets"])
    parts = [
        f"# {title}",
        f"{about_frames(results.about)}, in percent at the original resolution. "
        f"Target classes: {targets}.",
        "## Cost and quality",
        _main(results.groups),
        "## What adaptive sampling gains",
        "Percentage points of mean IoU; mean (each seed). At equal latency the baseline is taken "
        "straight between the sizes measured; no figure where none is as slow.",
        _gains(results.groups),
        "## Cost by stage",
        "Multiply-adds of an image in 10^6, milliseconds of a frame (median). The operations "
        "(sampling and interpolation, evaluated plainly) are in no other table, as in the paper.",
        _stages(results.groups),
    ]
    near = _boundaries(results.groups)
    if near:
        parts += ["## Boundaries and small objects", near]
    parts += ["## Each class", "Mean over seeds; * target class.", _classes(results.groups)]
    if results.ceilings:
        parts += [
            "## What sampling alone allows",
            "The truth itself, sampled and interpolated back, without any network.",
            _ceilings(results.ceilings),
        ]
    lost = _shortfall(results)
    if lost:
        parts += [
            "## Where the rest is lost",
            "Mean IoU of the targets. The truth sampled and interpolated back is what sampling and "
            "interpolation leave to a perfect network; each column with a network is ours or the "
            "baseline of the same size.",
            lost,
        ]
    return "\n\n".join(parts) + "\n"


def markdown(head: Row, rows: Sequence[Row]) -> str:
    """A table with its columns aligned."""
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    cells = [[c.ljust(width) for c, width in zip(line, widths, strict=True)] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _main(groups: Sequence[Group]) -> str:
    head = (
        "", "resolution", "multiply-adds, 10^9", "latency, ms", "mean IoU, all", "targets",
    )  # fmt: skip
    rows = [
        (
            group.name,
            _size(group.size),
            f"{sum(group.mean['multiply_adds'].values()) / 1e9:.3g}",
            f"{group.mean['latency_ms']:.1f}",
            _with_seeds(group, lambda found: found["mean_iou"]),
            _with_seeds(group, lambda found: found["target_mean_iou"]),
        )
        for group in groups
    ]
    return markdown(head, rows)


def _gains(groups: Sequence[Group]) -> str:
    rows = []
    for ours in (group for group in groups if group.name == "ours"):
        for base in (g for g in groups if g.beside == ours.beside and g is not ours):
            cells = [
                _points([
                    _less(ours.seeds[seed][key], base.seeds[seed][key]) for seed in ours.seeds
                ])
                for key in ("mean_iou", "target_mean_iou")
            ]  # fmt: skip
            rows.append((_size(ours.size), f"{base.name}, {_size(base.size)}", *cells))
        rows.append((_size(ours.size), "baseline, equal latency", *_at_equal_latency(ours, groups)))
    return markdown(("ours at", "against", "all", "targets"), rows)


def _at_equal_latency(ours: Group, groups: Sequence[Group]) -> list[str]:
    """Gains over uniform sampling in as much time, straight between the sizes measured."""
    uniform = [group for group in groups if group.sampling == "uniform"]
    cells = []
    for key in ("mean_iou", "target_mean_iou"):
        gains: list[float | None] = []
        for seed, found in ours.seeds.items():
            curve = sorted((g.mean["latency_ms"], g.seeds[seed][key]) for g in uniform)
            times, values = zip(*curve, strict=True)
            if None in values or not times[0] <= ours.mean["latency_ms"] <= times[-1]:
                gains.append(None)
            else:
                base = float(np.interp(ours.mean["latency_ms"], times, values))
                gains.append(_less(found[key], base))
        cells.append(_points(gains))
    return cells


def _stages(groups: Sequence[Group]) -> str:
    networks = ("auxiliary", "base")
    units = [f"{name}, 10^6" for name in (*networks, "operations")]
    units += [f"{stage}, ms" for stage in STAGES]
    rows = [
        (
            group.name,
            _size(group.size),
            *(_millions(group.mean["multiply_adds"].get(name, 0)) for name in networks),
            _millions(group.mean["operation_multiply_adds"]),
            *(f"{group.mean['median_ms'][stage]:.2f}" for stage in STAGES),
        )
        for group in groups
    ]
    return markdown(("", "resolution", *units), rows)


def _boundaries(groups: Sequence[Group]) -> str:
    """Trimap accuracy, boundary F and recall by size, as far as they were measured."""
    columns: list[tuple[str, Callable[[Record], Any]]] = []
    first = groups[0].mean
    if "trimap" in first:
        columns += [
            ("within 1 px", lambda found: found["trimap"]["accuracy"][0]),
            ("within 4 px", lambda found: found["trimap"]["accuracy"][3]),
            ("within 16 px", lambda found: found["trimap"]["accuracy"][15]),
        ]
    if "boundary" in first:
        columns += [
            ("boundary F", lambda found: found["boundary"]["mean_f"]),
            ("F, targets", lambda found: found["boundary"]["target_mean_f"]),
        ]
    if "objects" in first:
        columns += [
            ("recall, smallest quarter", lambda found: found["objects"]["all"]["recall"][0]),
            ("largest quarter", lambda found: found["objects"]["all"]["recall"][-1]),
        ]
    if not columns:
        return ""
    rows = [
        (group.name, _size(group.size), *(_with_seeds(group, value) for _, value in columns))
        for group in groups
    ]
    return markdown(("", "resolution", *(name for name, _ in columns)), rows)


def _classes(groups: Sequence[Group]) -> str:
    first = groups[0].mean
    head = ("", *(f"{group.name}, {_size(group.size)}" for group in groups))
    rows = [
        (
            f"{name}{' *' if name in first['targets'] else ''}",
            *(_percent(group.mean["iou"][name]) for group in groups),
        )
        for name in first["iou"]
    ]
    return markdown(head, rows)


def _ceilings(ceilings: Sequence[Record]) -> str:
    rows = [
        (each["name"].removeprefix("ceiling, "), _percent(each["mean_iou"]),
         _percent(each["target_mean_iou"]))
        for each in ceilings
    ]  # fmt: skip
    return markdown(("sampling", "all", "targets"), rows)


def _shortfall(results: Results) -> str:
    """Ceilings and networks, each with ideal, predicted and uniform points."""
    rows = []
    for ours in (group for group in results.groups if group.shortfall):
        at_own, at_ideal = ours.shortfall
        ceilings = {c["sampling"]: c for c in results.ceilings if tuple(c["size"]) == ours.size}
        base = next(g for g in results.groups if g.name == "baseline" and g.size == ours.size)
        truth = ceilings["ideal"], at_own, ceilings["uniform"]
        network = at_ideal, ours.mean, base.mean
        shares = (_percent(each["target_mean_iou"]) for each in (*truth, *network))
        rows.append((_size(ours.size), *shares))
    kinds = ("ideal", "predicted", "uniform")
    head = ["size", *(f"{what}, {kind}" for what in ("truth", "network") for kind in kinds)]
    return markdown(head, rows) if rows else ""


def _with_seeds(group: Group, value: Callable[[Record], Any]) -> str:
    """The mean and, where there are several, each seed's."""
    mean = _percent(value(group.mean))
    if len(group.seeds) == 1:
        return mean
    return f"{mean} ({', '.join(_percent(value(found)) for found in group.seeds.values())})"


def _points(differences: Sequence[float | None]) -> str:
    known = [value for value in differences if value is not None]
    if not known:
        return "-"
    mean = f"{100 * sum(known) / len(known):+.1f}"
    if len(differences) == 1:
        return mean
    each = ("-" if value is None else f"{100 * value:+.1f}" for value in differences)
    return f"{mean} ({', '.join(each)})"


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _millions(count: float) -> str:
    return f"{count / 1e6:.1f}" if count else "-"


def _size(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]}"
