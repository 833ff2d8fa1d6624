# SPDX-License-Identifier: Apache-2.0
"""`evaluate`: the table, the record, the figures, and options that do not fit together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.engine_cases import Evaluated, Trained, run

FIGURES = ("evaluation", "trimap", "trimap_targets", "objects", "cost", "latency")


def test_table_record_and_figures(evaluated: Evaluated) -> None:
    for shown in ("uniform 16x24", "adaptive: at ideal points", "ceiling, sampler", "* car"):
        assert shown in evaluated.printed
    record = json.loads((evaluated.folder / "evaluation.json").read_text())
    assert [result["targets"] for result in record["results"]] == [["car", "pole"]] * 7
    names = {f"{figure}.png" for figure in FIGURES}
    assert {path.name for path in evaluated.folder.glob("*.png")} == names


def test_options_that_do_not_fit_together(
    data: tuple[str, ...], trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("evaluate", *data, "--quiet", "--model", trained.uniform, "--output", tmp_path)
    assert run(*command, "--shortfall") == 1
    assert "--shortfall is about adaptive models" in capsys.readouterr().err
    assert run(*command, "--sampler", trained.sampler) == 1
    assert "--sampler is judged at the sizes of --ceiling" in capsys.readouterr().err


@pytest.mark.parametrize("cache", [(), ("--cache",)])
def test_a_split_given_twice_is_refused(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], cache: tuple[str, ...]
) -> None:
    linked = tmp_path / "data"
    for kind in ("images", "labels"):
        (linked / kind).mkdir(parents=True)
        for name, split in (("train", "train"), ("val", "val"), ("again", "val")):
            (linked / kind / name).symlink_to(root / kind / split)
    (linked / "classes.json").symlink_to(root / "classes.json")
    data = ("--data", f"folder:{linked}", *cache)
    command = ("evaluate", *data, "--ceiling", 16, "--output", tmp_path / "out", "--split")
    assert run(*command, "val", "train", "val") == 1
    said = capsys.readouterr().err
    assert said == "adaseg-fast: --split must name each part once, got 'val' twice\n"
    assert run(*command, "val", "again") == 1
    assert "frames would count twice: 3 of them" in capsys.readouterr().err


def test_a_target_given_twice_is_refused_before_the_work(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", f"folder:{root}", "--targets", "car", "Car")
    assert run("evaluate", *data, "--ceiling", 16, "--output", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert said == "adaseg-fast: each target class must be named once, got car, car\n"


def test_more_workers_than_any_machine_has(
    data: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ("--ceiling", 16, "--workers", 10**6, "--output", tmp_path)
    assert run("evaluate", *data, *how) == 1
    assert "--workers must be at most 256, got 1000000" in capsys.readouterr().err


def test_plot_of_other_targets_is_refused(
    evaluated: Evaluated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = evaluated.folder / "evaluation.json", tmp_path / "other.json"
    record = json.loads(first.read_text())
    for result in record["results"]:
        result["targets"] = ["car"]
    other.write_text(json.dumps(record))
    assert run("plot", first, other, "--output", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "targets car, against car, pole" in said and said.count("\n") == 1
