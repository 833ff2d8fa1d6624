# SPDX-License-Identifier: Apache-2.0
"""`figure` and `plot`: pictures of frames, and the figures of an evaluation once more."""

from __future__ import annotations

from pathlib import Path

import cv2

import adaseg_fast
from support.engine_cases import Evaluated, run


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
