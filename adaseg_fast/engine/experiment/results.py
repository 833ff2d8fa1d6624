# SPDX-License-Identifier: Apache-2.0
"""The results of an experiment: means over seeds, ``results.json`` and the charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from adaseg_fast.engine.evaluation.charts import cost_charts, draw_charts
from adaseg_fast.engine.evaluation.consistency import check_results
from adaseg_fast.engine.evaluation.records import (
    EvaluationRecord,
    FramesRecord,
    ResultRecord,
    frames_of,
    read_evaluation,
)
from adaseg_fast.engine.experiment.config import Size
from adaseg_fast.engine.experiment.plan import Model
from adaseg_fast.engine.tables import size_text
from adaseg_fast.engine.typed_values import typed
from adaseg_fast.storage import StorageError, read_json, write_atomically, write_json


@dataclass(frozen=True)
class Group:
    """The models that differ in their seed alone.

    Attributes:
        sampling: "uniform" or "adaptive".
        size: the working size.
        compared_size: the working size of the adaptive model that they are compared with.
        seeds: what was found, by seed.
        mean: the mean over all seeds, see `mean_of`.
        shortfall: the mean results of `shortfall`; empty if they were not measured.
    """

    sampling: str
    size: Size
    compared_size: Size
    seeds: dict[int, ResultRecord]
    mean: ResultRecord
    shortfall: tuple[ResultRecord, ...] = ()

    @property
    def name(self) -> str:
        """The group's name in the paper's words."""
        if self.sampling == "adaptive":
            return "ours"
        return "baseline" if self.size == self.compared_size else "baseline, equal cost"

    def record(self) -> GroupRecord:
        """Plain values, for JSON."""
        return {
            "name": self.name,
            "sampling": self.sampling,
            "size": self.size,
            "beside": self.compared_size,
            "mean": self.mean,
            "shortfall": list(self.shortfall),
            "seeds": {str(seed): found for seed, found in self.seeds.items()},
        }


@dataclass(frozen=True)
class Results:
    """Everything that an experiment measured.

    Attributes:
        frames: which frames were measured.
        groups: sorted by the working size that they are compared at, ours first.
        ceilings: the results of what sampling alone allows; empty if that was not measured.
    """

    frames: FramesRecord
    groups: tuple[Group, ...]
    ceilings: tuple[ResultRecord, ...]

    def record(self) -> ResultsRecord:
        """Plain values, for JSON."""
        return {
            **self.frames,
            "groups": [group.record() for group in self.groups],
            "ceilings": list(self.ceilings),
        }


class GroupRecord(TypedDict):
    """A `Group` in ``results.json``; ``seeds`` has the seeds as texts."""

    name: str
    sampling: str
    size: Size
    beside: Size
    mean: ResultRecord
    shortfall: list[ResultRecord]
    seeds: dict[str, ResultRecord]


class ResultsRecord(FramesRecord):
    """All of ``results.json``, see `Results`."""

    groups: list[GroupRecord]
    ceilings: list[ResultRecord]


def gather(output: Path, plan: Sequence[Model]) -> Results:
    """Read the evaluations of an experiment's models.

    Args:
        output: the folder of the experiment.
        plan: its models, at least one.

    Raises:
        StorageError: an evaluation cannot be read, or is of another version.
    """
    found: dict[tuple[Size, str, Size], dict[int, ResultRecord]] = {}
    shortfalls: dict[tuple[Size, str, Size], list[list[ResultRecord]]] = {}
    for model in plan:
        folder = output / "evaluations" / model.folder
        evaluation = read_evaluation(folder / "evaluation.json")
        key = model.compared_size, model.sampling, model.size
        found.setdefault(key, {})[model.seed] = evaluation["results"][0]
        if (folder / "shortfall.json").is_file():
            lost = read_evaluation(folder / "shortfall.json")["results"]
            shortfalls.setdefault(key, []).append(lost)
    groups = [
        Group(
            sampling,
            size,
            compared_size,
            seeds,
            mean_of(list(seeds.values())),
            tuple(mean_of(shortfalls.get((compared_size, sampling, size), [[]]))),
        )
        for (compared_size, sampling, size), seeds in found.items()
    ]
    file = output / "evaluations" / "ceiling" / "evaluation.json"
    return Results(
        frames_of(evaluation),
        tuple(sorted(groups, key=lambda g: (g.compared_size, g.name != "ours", g.size))),
        tuple(read_evaluation(file)["results"]) if file.is_file() else (),
    )


def mean_of(values: Sequence[Any]) -> Any:
    """The mean of records of the same form, number by number.

    A missing value (None) is left out, and so is a key that not all records have. What is not a
    number, or is the same in all records, is taken over as it is.

    Example:
        >>> mean_of([{"iou": [0.25, None], "n": 3}, {"iou": [0.75, 0.5], "n": 3}])
        {'iou': [0.5, 0.5], 'n': 3}
    """
    first = values[0]
    if isinstance(first, dict):
        common = [key for key in first if all(key in value for value in values)]
        return {key: mean_of([value[key] for value in values]) for key in common}
    if isinstance(first, list):
        return [mean_of(list(parts)) for parts in zip(*values, strict=True)]
    known = [value for value in values if value is not None]
    if isinstance(first, str | bool) or all(value == first for value in known):
        return known[0] if known else None
    return math.fsum(known) / len(known)


def write_results(results: Results, output: Path) -> list[Path]:
    """Write ``results.json`` and draw the charts into ``figures``.

    Returns:
        The files of the charts.
    """
    write_json(output / "results.json", results.record())
    folder = output / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for size in dict.fromkeys(group.compared_size for group in results.groups):
        same = [g for g in results.groups if g.compared_size == size]
        # The baseline comes first, because gains are drawn against the first result.
        same.sort(key=lambda g: (g.name != "baseline", g.name))
        shown = [_named(g.mean, f"{g.name}, {size_text(g.size)}") for g in same]
        record = _evaluation(results, shown)
        drawn += draw_charts(record, folder / size_text(size), cost=False)
    everything = _evaluation(results, [group.mean for group in results.groups])
    for name, chart in cost_charts(everything).items():
        write_atomically(folder / name, chart)
        drawn.append(folder / name)
    return drawn


def read_results(path: Path) -> ResultsRecord:
    """What a ``results.json`` holds, for scripts that compare experiments.

    Raises:
        StorageError: the file cannot be read, is not of this form, or its values do not fit
            together; names file and key.
    """
    try:
        record = typed(read_json(path), ResultsRecord)
        check_results(
            [
                result
                for group in record["groups"]
                for result in (group["mean"], *group["shortfall"], *group["seeds"].values())
            ]
            + record["ceilings"]
        )
        return record
    except ValueError as error:
        raise StorageError(f"{path}: is not a results.json of this version: {error}") from error


def _evaluation(results: Results, shown: list[ResultRecord]) -> EvaluationRecord:
    frames = results.frames
    return {
        "data": frames["data"],
        "split": frames["split"],
        "frames": frames["frames"],
        "crop": frames["crop"],
        "results": shown,
    }


def _named(result: ResultRecord, name: str) -> ResultRecord:
    return {**result, "name": name}
