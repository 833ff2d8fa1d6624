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
