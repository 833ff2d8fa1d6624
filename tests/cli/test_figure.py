# SPDX-License-Identifier: Apache-2.0
"""`figure` and `plot`: pictures of frames, and the figures of an evaluation once more."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

import adaseg_fast
from support.engine_cases import Evaluated, Trained, run, write_folder


def test_plot_draws_the_same_figures_again(evaluated: Evaluated, tmp_path: Path) -> None:
    assert run("plot", evaluated.folder / "evaluation.json", "--output", tmp_path / "again") == 0
    drawn = sorted(evaluated.folder.glob("*.png"))
    assert drawn
    for path in drawn:
        again = tmp_path / "again" / path.name
        assert again.read_bytes() == path.read_bytes()
        assert cv2.imread(str(again)).size > 0


def test_figures_of_frames(root: Path, tmp_path: Path) -> None:
    data = ("--data", f"folder:{root}", "--targets", "car", "--quiet")
    for number, how in enumerate(
        (("lambda", "--lam", 0, 1, "--tensor-size", 6), ("tensor", "--frame", 1, "--crop", "none"))
    ):
        file = tmp_path / "figures" / f"{number}.png"
        assert not run("figure", *how, *data, "--output", file)
        assert cv2.imread(str(file)).std() > 10
    weights = Path(adaseg_fast.__file__).parent / "weights"
    uniform, adaptive = (weights / f"demo_{kind}.safetensors" for kind in ("uniform", "adaptive"))
    file = tmp_path / "examples.png"
    scenes = ("--data", "synthetic:1x128", "--frames", 0, "--quiet", "--output", file)
    assert not run("figure", "examples", "--uniform", uniform, "--adaptive", adaptive, *scenes)
    assert cv2.imread(str(file)).std() > 10
    predicted = ("--data", "synthetic:1x128", "--model", adaptive, "--quiet", "--output", file)
    assert not run("figure", "tensor", *predicted)


def test_models_of_other_classes_are_refused(
    data: tuple[str, ...], trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = ("--uniform", trained.uniform, "--adaptive", trained.adaptive)
    root = tmp_path / "other"
    write_folder(root, {"val": 1})
    table = json.loads((root / "classes.json").read_text())
    first, second = (entry["name"] for entry in table["classes"][:2])
    table["classes"][0]["name"] = "heaven"
    (root / "classes.json").write_text(json.dumps(table))
    how = ("--frames", 0, "--quiet", "--output", tmp_path / "x.png")
    assert run("figure", "examples", *models, "--data", f"folder:{root}", *how) == 1
    said = capsys.readouterr().err
    assert f"the model knows the classes {first}, {second}" in said
    assert f"has heaven, {second}" in said
    swapped = ("--uniform", trained.adaptive, "--adaptive", trained.uniform)
    assert run("figure", "examples", *swapped, *data, *how) == 1
    assert "the uniform model must sample so, but it is 'adaptive 16x24'" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("figure", "lambda", "--tensor-size", 8000),
        ("figure", "tensor", "--tensor-size", 8000),
        ("figure", "tensor", "--size", 8000),
        ("evaluate", "--ceiling", 8000),
        ("evaluate", "--ceiling", 16, "--tensor-size", 8000),
    ],
)
def test_huge_sizes_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...]
) -> None:
    output = tmp_path / ("x.png" if arguments[0] == "figure" else "x")
    assert run(*arguments, "--data", "synthetic:1x64", "--quiet", "--output", output) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == ("adaseg-fast: a size must have at most 4194304 points, got 8000x8000")


@pytest.mark.parametrize("command", ["evaluate", "figure"])
def test_a_lambda_that_is_no_number_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    scenes = ("--data", "synthetic:1x64", "--quiet")
    if command == "evaluate":
        how = (*scenes, "--ceiling", 16, "--lam", "nan", "--output", tmp_path / "x")
        assert run("evaluate", *how) == 1
    else:
        assert run("figure", "lambda", *scenes, "--lam", "nan", "--output", tmp_path / "x.png") == 1
    assert "must be" in capsys.readouterr().err
