# SPDX-License-Identifier: Apache-2.0
"""What an experiment found, put together: means over seeds, ``results.json`` and the figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adaseg_fast.engine.evaluation.curves import cost_figures, draw_figures, read_record
from adaseg_fast.engine.experiment.config import Size
from adaseg_fast.engine.experiment.run import Model
from adaseg_fast.storage import write_atomically, write_json

Record = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """The models that differ in their seed alone.

    Attributes:
        sampling: "uniform" or "adaptive".
        size: the working size.
        beside: the working size it is compared at.
        seeds: what was found, by seed.
        mean: the same over all seeds, see `mean_of`.
        shortfall: mean results of `ceiling.shortfall`, empty where they were not measured.
    """

    sampling: str
    size: Size
    beside: Size
    seeds: dict[int, Record]
    mean: Record
    shortfall: tuple[Record, ...] = ()

    @property
    def name(self) -> str:
        """In the paper's words."""
        if self.sampling == "adaptive":
            return "ours"
        return "baseline" if self.size == self.beside else "baseline, equal cost"


@dataclass(frozen=True)
class Results:
    """All that an experiment measured.

    Attributes:
        about: data set, split, frames and crop, as in ``evaluation.json``.
        groups: sorted by working size compared at, ours first.
        ceilings: the results of what sampling alone allows, empty if that was not measured.
    """

    about: Record
    groups: tuple[Group, ...]
    ceilings: tuple[Record, ...]


def gather(output: Path, plan: Sequence[Model]) -> Results:
    """Read the evaluations of an experiment's models.

    Raises:
        DataError: one cannot be read, or is of another version.
    """
    found: dict[tuple[Size, str, Size], dict[int, Record]] = {}
    shortfalls: dict[tuple[Size, str, Size], list[list[Record]]] = {}
    about: Record = {}
    for model in plan:
        folder = output / "evaluations" / model.folder
        about = read_record(folder / "evaluation.json")
        key = model.beside, model.sampling, model.size
        found.setdefault(key, {})[model.seed] = about["results"][0]
        if (folder / "shortfall.json").is_file():
            lost = read_record(folder / "shortfall.json")["results"]
            shortfalls.setdefault(key, []).append(lost)
    groups = [
        Group(
            sampling,
            size,
            beside,
            seeds,
            mean_of(list(seeds.values())),
            tuple(mean_of(shortfalls.get((beside, sampling, size), [[]]))),
        )
        for (beside, sampling, size), seeds in found.items()
    ]
    file = output / "evaluations" / "ceiling" / "evaluation.json"
    ceilings = tuple(read_record(file)["results"]) if file.is_file() else ()
    return Results(
        {key: about[key] for key in ("data", "split", "frames", "crop")},
        tuple(sorted(groups, key=lambda g: (g.beside, g.name != "ours", g.size))),
        ceilings,
    )


def mean_of(values: Sequence[Any]) -> Any:
    """The mean of records of the same form, number by number; None (no value) stays out.

    What is no number, or the same everywhere, is taken over.
    """
    first = values[0]
    if isinstance(first, dict):
        return {key: mean_of([value[key] for value in values]) for key in first}
    if isinstance(first, list):
        return [mean_of(list(parts)) for parts in zip(*values, strict=True)]
    known = [value for value in values if value is not None]
    if isinstance(first, str | bool) or all(value == first for value in known):
        return known[0] if known else None
    return math.fsum(known) / len(known)


def write_results(results: Results, output: Path) -> list[Path]:
    """Write ``results.json`` and draw ``figures/``; returns the figures."""
    record = results.about | {
        "groups": [
            {
                "name": group.name,
                "sampling": group.sampling,
                "size": group.size,
                "beside": group.beside,
                "mean": group.mean,
                "shortfall": list(group.shortfall),
                "seeds": {str(seed): found for seed, found in group.seeds.items()},
            }
            for group in results.groups
        ],
        "ceilings": list(results.ceilings),
    }
    write_json(output / "results.json", record)
    folder = output / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for size in dict.fromkeys(group.beside for group in results.groups):
        same = [g for g in results.groups if g.beside == size]
        # The baseline first: gains are drawn against the first result.
        same.sort(key=lambda g: (g.name != "baseline", g.name))
        shown = results.about | {"results": [g.mean | {"name": _label(g)} for g in same]}
        drawn += draw_figures(shown, folder / f"{size[0]}x{size[1]}", cost=False)
    everything = results.about | {"results": [group.mean for group in results.groups]}
    for name, picture in cost_figures(everything).items():
        write_atomically(folder / name, picture)
        drawn.append(folder / name)
    return drawn


def _label(group: Group) -> str:
    return f"{group.name}, {group.size[0]}x{group.size[1]}"
