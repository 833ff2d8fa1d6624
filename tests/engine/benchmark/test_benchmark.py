# SPDX-License-Identifier: Apache-2.0
"""The benchmark's inputs, rivals, checks, table and file, at small sizes."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from adaseg_fast import ops
from adaseg_fast.cli import main
from adaseg_fast.engine.benchmark import comparisons, problems, rivals
from adaseg_fast.engine.benchmark.comparisons import Comparison, Disagreement
from adaseg_fast.engine.benchmark.problems import Problem
from adaseg_fast.engine.benchmark.run import ROWS, laps, measure
from adaseg_fast.engine.benchmark.table import Benchmark, Timing, benchmark_table
from adaseg_fast.engine.models.inference import STAGES

SMALL = Problem(classes=5, grid=(12, 16), size=(72, 96))
COMPARISONS: dict[str, Callable[[Problem], Comparison]] = {
    "interpolate_argmax": comparisons.interpolate_argmax,
    "interpolate_argmax_noise": partial(comparisons.interpolate_argmax, noise=True),
    "interpolate": comparisons.interpolate,
    "fill": comparisons.interpolate_and_fill,
    "griddata": comparisons.interpolate_and_griddata,
    "sample": comparisons.sample,
    "remap": comparisons.sample_and_remap,
    "boundary_mask": comparisons.boundary_mask,
    "nearest_boundary": comparisons.nearest_boundary,
    "nearest_boundary_targets": partial(comparisons.nearest_boundary, classes=problems.TARGETS),
    "solve_sampling": comparisons.solve_sampling,
    "inference": comparisons.inference,
    "across_backends": partial(
        comparisons.across_backends,
        comparisons.interpolate_argmax,
        ours="reference",
        rival="reference",
    ),
}
NEEDS_SCIPY = {"griddata", "nearest_boundary", "nearest_boundary_targets", "solve_sampling"}


def small(name: str, problem: Problem = SMALL) -> Comparison:
    if name in NEEDS_SCIPY:
        pytest.importorskip("scipy")
    return COMPARISONS[name](problem)


# --- Both sides agree, and a wrong result is noticed ----------------------------------------------


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("seed", [0, 3])
def test_rivals_agree(name: str, seed: int) -> None:
    comparison = small(name, SMALL._replace(seed=seed))
    comparison.check(comparison.ours(), comparison.rival())


@pytest.mark.parametrize("name", sorted(COMPARISONS.keys() - {"interpolate", "fill"}))
def test_a_wrong_result_is_a_disagreement(name: str) -> None:
    comparison = small(name)
    ours, rival = comparison.ours(), comparison.rival()
    # Each point gets the value of the opposite point; labels become another class.
    wrong = 1 - ours if name.endswith("backends") else ours.flip(-1, -2)
    with pytest.raises(Disagreement):
        comparison.check(wrong, rival)


@pytest.mark.parametrize("name", ["interpolate", "fill"])
def test_a_wrong_shape_is_a_disagreement(name: str) -> None:
    comparison = small(name)
    with pytest.raises(Disagreement, match="is not"):
        comparison.check(comparison.ours().mT, comparison.rival())


@pytest.mark.parametrize("name", ["interpolate", "interpolate_argmax"])
def test_operations_are_compared_on_affine_scores(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = small(name)
    ours, rival = comparison.ours(), comparison.rival()
    stock = rivals.torch_interpolate
    monkeypatch.setattr(rivals, "torch_interpolate", lambda *args: stock(*args).roll(1, 1))
    with pytest.raises(Disagreement):
        comparison.check(ours, rival)


# --- Inputs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 5, 11, 19, 22, 40])
def test_scores_are_those_of_a_confident_network(classes: int) -> None:
    problem = Problem(classes, (40, 60), (160, 240))
    phi = problems.ideal_grid(problem)
    assert not torch.equal(phi, ops.uniform_sampling_tensor(problem.grid))
    scores = problems.network_scores(problem, phi)
    assert scores.shape == (1, classes, 40, 60) and scores.dtype == torch.float32
    # With more classes than the scene has, more of them occur.
    seen = scores.argmax(1).unique()
    assert len(seen) > (11 if classes > 18 else 1)
    best, second = scores.topk(2, dim=1).values.unbind(1)
    assert 6 < best.median() < 10 and second.median() < 3
    # Reproducible.
    assert torch.equal(scores, problems.network_scores(problem, phi))


def test_the_image_is_read_in_place() -> None:
    image, labels = problems.scene((72, 96))
    assert image.shape == (1, 3, 72, 96) and image.stride()[1] == 1
    assert labels.shape == (1, 72, 96)


def test_the_model_samples_adaptively() -> None:
    before = torch.get_rng_state()
    model = problems.adaptive_model(SMALL)
    assert torch.equal(before, torch.get_rng_state())
    with torch.inference_mode():
        _, phi = model(problems.scene(SMALL.size)[0])
    uniform = ops.uniform_sampling_tensor(SMALL.grid)
    assert 1e-3 < (phi - uniform).abs().max() < 0.3


def test_boundaries_by_hand() -> None:
    labels = np.array([[0, 0, 1], [0, 0, 1], [2, 2, 2]])
    assert rivals.boundaries(labels).tolist() == [
        [False, True, True],
        [True, True, True],
        [True, True, True],
    ]
    assert rivals.boundaries(labels, [1]).tolist() == [
        [False, True, True],
        [False, True, True],
        [False, False, True],
    ]


# --- Timing and table -----------------------------------------------------------------------------


def test_laps_leave_out_the_first_call() -> None:
    calls = []
    found = laps(lambda: calls.append(0), 4)
    assert len(found) == 4 and all(lap > 0 for lap in found)
    assert (len(calls) - 1) % 4 == 0


def test_a_slow_function_is_called_twice_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adaseg_fast.engine.benchmark.run._BUDGET_S", 0.0)
    calls = []
    assert len(laps(lambda: calls.append(0), 100)) == len(calls) == 1


def test_targets_are_for_their_own_sizes() -> None:
    row = replace(ROWS[0], problem=SMALL)
    assert measure(row, SMALL._replace(seed=1), 1).target == row.target
    assert measure(row, SMALL._replace(classes=4), 1).target is None


def test_disagreement_is_shown_and_not_timed() -> None:
    def refuse(*_: object) -> None:
        raise Disagreement("apples are not pears")

    sides = Comparison(lambda: 0, lambda: 0, refuse)
    timing = measure(replace(ROWS[0], compare=lambda _: sides), SMALL, 1)
    result = Benchmark((timing,), {}, {})
    assert timing.ours_ms is None and result.disagreements == 1
    assert "results differ: apples are not pears" in benchmark_table(result)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setattr("adaseg_fast.available_backends", lambda: ("native",))
    scipy, numba = (next(row for row in ROWS if row.needs == name) for name in ("scipy", "numba"))
    lines = tuple(measure(row, SMALL, 1) for row in (scipy, numba))
    text = benchmark_table(Benchmark(lines, {}, {}))
    assert "scipy is not installed" in text and "no numba backend here" in text
    assert [line.ratio for line in lines] == [None, None]


def test_the_table_says_what_is_reached() -> None:
    fast = Timing("a", "b", "1x1", ours_ms=0.5, rival_ms=150.0, target=200.0)
    slow = replace(fast, name="c", target=301.0)
    other = replace(fast, name="d", target=None)
    text = benchmark_table(
        Benchmark((fast, slow, other), {"sample": 1.5, "segment": 20.25}, {"torch": "2"})
    )
    head, *lines = text.splitlines()
    assert head.split()[:2] == ["sizes", "ours,"]
    assert lines[0].split() == ["a", "1x1", "0.500", "b", "150", "300", "200", "yes"]
    assert lines[1].split()[-2:] == ["301", "NO"]
    assert lines[2].split()[-2:] == ["-", "-"]
    assert "adaptive inference, 21.8 ms: sample 1.50, segment 20.2" in text
    assert text.endswith("torch 2")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--size", "72x96", "--classes", "5", "--grid", "12x16", "--repeat", "1")
    assert main(["benchmark", *arguments, "--output", str(tmp_path), "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "interpolate_argmax" in printed and "5 x 12x16 -> 72x96" in printed
    record = json.loads((tmp_path / "benchmark.json").read_text())
    assert [line["name"] for line in record["timings"]] == [row.name for row in ROWS]
    for line in record["timings"]:
        assert line["note"] or (math.isfinite(line["ratio"]) and line["ratio"] > 0)
    # If SciPy is installed, only rows of numba may be missing.
    if record["environment"]["scipy"]:
        assert all(line["rival"] == "native" for line in record["timings"] if line["note"])
    assert record["stages_ms"].keys() == set(STAGES)
    assert min(record["stages_ms"].values()) > 0
    assert record["environment"]["threads"] == torch.get_num_threads()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--repeat", "0"), "repeat must be at least 1"),
        (("--classes", "0"), "classes must be at least 1"),
        (("--size", "8"), "height must be 64 to 4096"),
    ],
)
def test_wrong_arguments(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", *arguments, "--output", str(tmp_path), "--quiet"]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
