# SPDX-License-Identifier: Apache-2.0
"""`experiment`: a configuration of one's own, from training to the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.engine_cases import run

EXPERIMENT = """
sizes = [16]
seeds = [0]
[data]
train = "folder:nowhere"
[sampler]
{training}
view_size = 16
tensor_size = 4
[segmenter]
{training}
equal_cost = false
""".format(training="epochs = 1\nlearning_rate = 1e-3\nbatch_size = 2\nwidth = 8")


def test_experiment(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, output = tmp_path / "mine.toml", tmp_path / "out"
    file.write_text(EXPERIMENT)
    figures = {"cost.png", "latency.png", "lambda.png", "tensor.png", "16x16"}
    command = ("experiment", file, "--data", f"folder:{root}", "--quiet", "--output", output)
    assert not run(*command, "--seeds", 0, 1)
    printed = capsys.readouterr().out
    assert "# Experiment mine" in printed and "| ours" in printed
    assert (output / "results.md").read_text() in printed
    assert {"results.json", "figures", "experiment.json"} <= {p.name for p in output.iterdir()}
    assert {p.name for p in (output / "figures").iterdir()} == figures
    assert (output / "figures" / "16x16" / "examples.png").is_file()
    assert not run(*command, "--seeds", 0, 1)
    assert run("experiment", file, "--quiet", "--output", output) == 1
    assert "nowhere" in capsys.readouterr().err
