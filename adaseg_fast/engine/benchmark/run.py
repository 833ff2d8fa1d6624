# SPDX-License-Identifier: Apache-2.0
"""Time each operation against its rival, and the stages of a whole inference.

Times are medians of repeated calls in one process, after a call that checks the results. Both sides
get the same number of threads.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import cv2
from tqdm import tqdm

import adaseg_fast
from adaseg_fast.engine.benchmark import comparisons, problems
from adaseg_fast.engine.benchmark.comparisons import Comparison, Disagreement
from adaseg_fast.engine.benchmark.problems import TARGETS, Problem, Size
from adaseg_fast.engine.benchmark.table import Benchmark, Timing
from adaseg_fast.engine.environment import Environment, environment
from adaseg_fast.engine.models.inference import STAGES, predict_in_stages
from adaseg_fast.nn import prepare_for_inference
from adaseg_fast.storage import prepare_folder, write_json

# After a function has taken this long in all, it is not called again.
_BUDGET_S = 2.0
# A rival that takes longer than this when its result is checked is not called again to be timed.
_SLOW_S = 10.0
# Short functions are called in a row for this long, so that reading the clock costs nothing.
_LAP_S = 1e-3

_FRAME = Problem()
_LARGE = Problem(22, (64, 64), (2710, 2710))
_TO_128 = Problem(size=(2710, 2710))


@dataclass(frozen=True)
class Row:
    """A line of the table to be measured.

    Attributes:
        name: of our operation.
        rival: the name of what it is compared with.
        compare: makes the comparison for a problem.
        target: the ratio to reach at `problem`; None if there is no target.
        problem: the sizes that the target is meant for.
        shape: the format of the sizes in the table, with fields of `Problem`.
        needs: "scipy" or a backend that must be available.
    """

    name: str
    rival: str
    compare: Callable[[Problem], Comparison]
    target: float | None
    problem: Problem = _FRAME
    shape: str = "{classes} x {grid} -> {size}"
    needs: str | None = None


def _rows() -> tuple[Row, ...]:
    bilinear = "torch bilinear + argmax"
    noise = partial(comparisons.interpolate_argmax, noise=True)
    channels_last = partial(comparisons.interpolate_argmax, channels_last=True)
    near_targets = partial(comparisons.nearest_boundary, classes=TARGETS)
    to_grid, to_8, batch = "{size} -> 3 x {grid}", "{size} -> 8x8", "128 x 8x8"
    c = comparisons
    rows = (
        Row("interpolate_argmax", bilinear, c.interpolate_argmax, 200),
        Row("interpolate_argmax", bilinear, c.interpolate_argmax, 400, _LARGE),
        Row("interpolate_argmax, channels last", bilinear, channels_last, None),
        Row("interpolate_argmax, noise", bilinear, noise, 20),
        Row("interpolate", "torch bilinear", c.interpolate, 5),
        Row("interpolate", "filling an output", c.interpolate_and_fill, 1 / 2.5),
        Row("interpolate", "griddata", c.interpolate_and_griddata, 20, needs="scipy"),
        Row("sample, normalise", "torch grid_sample", c.sample, 500, _TO_128, to_grid),
        Row("sample, normalise", "cv2.remap alone", c.sample_and_remap, 1, _TO_128, to_grid),
        Row("nearest_boundary", "EDT", c.nearest_boundary, 150, _TO_128, to_8, "scipy"),
        Row("nearest_boundary, targets", "EDT", near_targets, 150, _TO_128, to_8, "scipy"),
        Row("solve_sampling", "spsolve each", c.solve_sampling, 200, shape=batch, needs="scipy"),
        Row("adaptive inference", "stock torch, uniform", c.inference, 4),
    )
    # Without a compiler, labels may take 4 times as long, the rest 3 times.
    numba = [
        replace(
            row,
            name=f"{row.name}, numba",
            rival="native",
            compare=partial(c.across_backends, row.compare, ours="numba", rival="native"),
            target=1 / 4 if row is rows[0] else 1 / 3,
            needs="numba",
        )
        for row in (rows[0], rows[4], rows[7], rows[9])
    ]
    return rows + tuple(numba)


ROWS = _rows()


def benchmark(
    output: Path,
    *,
    size: Size | None = None,
    classes: int | None = None,
    grid: Size | None = None,
    repeat: int = 20,
    seed: int = 0,
    quiet: bool = False,
) -> Benchmark:
    """Measure every row with torch's number of threads, and write ``benchmark.json``.

    Args:
        output: folder of the file.
        size: (H, W) of the image instead of each row's own.
        classes: number of classes instead of each row's own.
        grid: (h, w), the working size, instead of each row's own.
        repeat: the most calls per side, at least 1; slow functions get fewer.
        seed: of the inputs.
        quiet: whether to leave out the progress bar.

    Raises:
        ValueError: a number is too small, or no scene can be drawn at ``size``.
        StorageError: nothing can be written to ``output``.
    """
    for name, number in (("repeat", repeat), ("classes", classes)):
        if number is not None and number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    prepare_folder(output)
    given = {"classes": classes, "grid": grid, "size": size, "seed": seed}
    changes: Any = {name: value for name, value in given.items() if value is not None}
    lines = []
    for row in tqdm(ROWS, desc="benchmark", disable=quiet):
        lines.append(measure(row, row.problem._replace(**changes), repeat))
    stages = stage_times(_FRAME._replace(**changes), repeat)
    result = Benchmark(tuple(lines), stages, environment() | rival_versions())
    write_json(output / "benchmark.json", result.record())
    return result


def measure(row: Row, problem: Problem, repeat: int) -> Timing:
    """Check what the two sides of a row return for a problem, then time them."""
    shape = row.shape.format(
        classes=problem.classes,
        grid="x".join(map(str, problem.grid)),
        size="x".join(map(str, problem.size)),
    )
    line = Timing(row.name, row.rival, shape)
    missing = _missing(row.needs)
    if missing:
        return replace(line, note=missing)
    comparison = row.compare(problem)
    start = time.perf_counter()
    theirs = comparison.rival()
    first = time.perf_counter() - start
    try:
        comparison.check(comparison.ours(), theirs)
    except Disagreement as error:
        return replace(line, note=f"results differ: {error}", disagreement=True)
    # Another seed gives another picture, but the same task.
    at_own_sizes = problem._replace(seed=row.problem.seed) == row.problem
    return replace(
        line,
        ours_ms=1e3 * median(laps(comparison.ours, repeat)),
        rival_ms=1e3 * (first if first >= _SLOW_S else median(laps(comparison.rival, repeat))),
        target=row.target if at_own_sizes else None,
    )


def _missing(needed: str | None) -> str:
    if needed == "scipy":
        return "" if importlib.util.find_spec("scipy") else "scipy is not installed"
    if needed is None:
        return ""
    absent = {needed, "native"}.difference(adaseg_fast.available_backends())
    return f"no {' and no '.join(sorted(absent))} backend here" if absent else ""


def laps(function: Callable[[], Any], repeat: int) -> list[float]:
    """Seconds per call of at most ``repeat`` calls (or rows of short calls), without the first."""
    first = _seconds(function, 1)
    if first >= _BUDGET_S:
        return [first]
    calls = ceil(_LAP_S / first)
    found: list[float] = []
    while len(found) < repeat and sum(found) * calls < _BUDGET_S:
        found.append(_seconds(function, calls) / calls)
    return found


def _seconds(function: Callable[[], Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return time.perf_counter() - start


def stage_times(problem: Problem, repeat: int) -> dict[str, float]:
    """Median milliseconds of each stage of adaptive inference."""
    image, _ = problems.scene(problem.size, problem.seed)
    model = prepare_for_inference(problems.adaptive_model(problem))
    seconds: list[tuple[float, ...]] = []
    laps(lambda: seconds.append(predict_in_stages(model, image[0]).seconds), repeat)
    # The first call includes the set-up.
    stages = zip(*(seconds[1:] or seconds), strict=True)
    return {name: 1e3 * median(s) for name, s in zip(STAGES, stages, strict=True)}


def rival_versions() -> Environment:
    """Versions of the rivals' libraries; None for one that is not installed."""
    has_scipy = importlib.util.find_spec("scipy")
    return {"opencv": cv2.__version__, "scipy": version("scipy") if has_scipy else None}
