# SPDX-License-Identifier: Apache-2.0
"""``results.md``: an experiment's results in tables of the form of the paper's Tables 2 to 5."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from adaseg_fast.engine.evaluation.records import ResultRecord, frames_title
from adaseg_fast.engine.experiment.results import Group, Results
from adaseg_fast.engine.models.inference import STAGES
from adaseg_fast.engine.tables import Row, markdown_table, millions, percent, size_text


def report(results: Results, title: str) -> str:
    """All tables below one heading, as Markdown.

    IoU and shares are in percent, at the original resolution.
    """
    targets = ", ".join(results.groups[0].mean["targets"])
    parts = [
        f"# {title}",
        f"{frames_title(results.frames)}, in percent at the original resolution. "
        f"Target classes: {targets}.",
        "## Cost and quality",
        _main(results.groups),
        "## What adaptive sampling gains",
        "Percentage points of mean IoU: the mean, and in brackets each seed. At equal latency the "
        "baseline is interpolated linearly between the sizes measured; there is no value where no "
        "baseline is as slow.",
        _gains(results.groups),
        "## Cost by stage",
        "Multiply-adds per image in 10^6, and milliseconds per frame (median). The operations "
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
            "Mean IoU of the targets. The truth, sampled and interpolated back, shows what a "
            "perfect network would reach at these points. The columns with a network are our model "
            "at ideal and at predicted points, and the baseline of the same size.",
            lost,
        ]
    return "\n\n".join(parts) + "\n"


def _main(groups: Sequence[Group]) -> str:
    head = (
        "", "resolution", "multiply-adds, 10^9", "latency, ms", "mean IoU, all", "targets",
    )  # fmt: skip
    rows = [
        (
            group.name,
            size_text(group.size),
            f"{sum(group.mean['multiply_adds'].values()) / 1e9:.3g}",
            f"{group.mean['latency_ms']:.1f}",
            _with_seeds(group, lambda found: found["mean_iou"]),
            _with_seeds(group, lambda found: found["target_mean_iou"]),
        )
        for group in groups
    ]
    return markdown_table(head, rows)


def _gains(groups: Sequence[Group]) -> str:
    rows: list[Row] = []
    for ours in (group for group in groups if group.name == "ours"):
        for base in (g for g in groups if g.compared_size == ours.compared_size and g is not ours):
            cells = [
                _points([
                    _less(ours.seeds[seed][key], base.seeds[seed][key]) for seed in ours.seeds
                ])
                for key in ("mean_iou", "target_mean_iou")
            ]  # fmt: skip
            rows.append((size_text(ours.size), f"{base.name}, {size_text(base.size)}", *cells))
        rows.append(
            (size_text(ours.size), "baseline, equal latency", *_at_equal_latency(ours, groups))
        )
    return markdown_table(("ours at", "against", "all", "targets"), rows)


def _at_equal_latency(ours: Group, groups: Sequence[Group]) -> list[str]:
    """Gains over uniform sampling of the same latency, linear between the sizes measured."""
    uniform = [group for group in groups if group.sampling == "uniform"]
    latency = ours.mean["latency_ms"]
    cells = []
    for key in ("mean_iou", "target_mean_iou"):
        gains: list[float | None] = []
        for seed, found in ours.seeds.items():
            curve = sorted((g.mean["latency_ms"], g.seeds[seed][key]) for g in uniform)
            times, values = zip(*curve, strict=True)
            if latency is None or None in values or not times[0] <= latency <= times[-1]:
                gains.append(None)
            else:
                gains.append(_less(found[key], float(np.interp(latency, times, values))))
        cells.append(_points(gains))
    return cells


def _stages(groups: Sequence[Group]) -> str:
    networks = ("auxiliary", "base")
    units = [f"{name}, 10^6" for name in (*networks, "operations")]
    units += [f"{stage}, ms" for stage in STAGES]
    rows = [
        (
            group.name,
            size_text(group.size),
            *(millions(group.mean["multiply_adds"].get(name, 0)) for name in networks),
            millions(group.mean["operation_multiply_adds"]),
            *(f"{group.mean['median_ms'][stage]:.2f}" for stage in STAGES),
        )
        for group in groups
    ]
    return markdown_table(("", "resolution", *units), rows)


def _boundaries(groups: Sequence[Group]) -> str:
    """Trimap accuracy, boundary F and recall by size; those that were measured."""
    columns: list[tuple[str, Callable[[ResultRecord], float | None]]] = []
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
        (group.name, size_text(group.size), *(_with_seeds(group, value) for _, value in columns))
        for group in groups
    ]
    return markdown_table(("", "resolution", *(name for name, _ in columns)), rows)


def _classes(groups: Sequence[Group]) -> str:
    first = groups[0].mean
    head = ("", *(f"{group.name}, {size_text(group.size)}" for group in groups))
    rows = [
        (
            f"{name}{' *' if name in first['targets'] else ''}",
            *(percent(group.mean["iou"][name]) for group in groups),
        )
        for name in first["iou"]
    ]
    return markdown_table(head, rows)


def _ceilings(ceilings: Sequence[ResultRecord]) -> str:
    rows = [
        (each["name"].removeprefix("ceiling, "), percent(each["mean_iou"]),
         percent(each["target_mean_iou"]))
        for each in ceilings
    ]  # fmt: skip
    return markdown_table(("sampling", "all", "targets"), rows)


def _shortfall(results: Results) -> str:
    """Ceilings and networks, each at ideal, predicted and uniform points; "" if not measured."""
    rows = []
    for ours in (group for group in results.groups if group.shortfall):
        at_own, at_ideal = ours.shortfall
        ceilings = {c["sampling"]: c for c in results.ceilings if tuple(c["size"]) == ours.size}
        base = next(g for g in results.groups if g.name == "baseline" and g.size == ours.size)
        truth = ceilings["ideal"], at_own, ceilings["uniform"]
        network = at_ideal, ours.mean, base.mean
        shares = (percent(each["target_mean_iou"]) for each in (*truth, *network))
        rows.append((size_text(ours.size), *shares))
    kinds = ("ideal", "predicted", "uniform")
    head = ["size", *(f"{what}, {kind}" for what in ("truth", "network") for kind in kinds)]
    return markdown_table(head, rows) if rows else ""


def _with_seeds(group: Group, value: Callable[[ResultRecord], float | None]) -> str:
    """The mean and, if there are several seeds, the value of each."""
    mean = percent(value(group.mean))
    if len(group.seeds) == 1:
        return mean
    return f"{mean} ({', '.join(percent(value(found)) for found in group.seeds.values())})"


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
