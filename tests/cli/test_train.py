# SPDX-License-Identifier: Apache-2.0
"""`train` and `boundaries`: results, presets, resumed and interrupted runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from support.engine_cases import SHORT_TRAINING, Trained, run


def test_a_sampler_is_judged_by_the_validation_frames(trained: Trained) -> None:
    assert "validation" in trained.printed
    assert trained.sampler.is_file()


def test_boundary_points_kept_on_disk(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", f"folder:{root}", "--targets", "car", "--tensor-size", 4, "--quiet")
    cache, short = tmp_path / "cache", ("--epochs", 2, "--batch-size", 2, "--width", 8)
    fill = ("boundaries", *data, "--crops", 2, "--workers", 2, "--output", cache)
    assert not run(*fill)
    assert "1 parts were missing" in capsys.readouterr().out
    assert not run(*fill)
    assert "0 parts were missing" in capsys.readouterr().out
    train = ("train", "sampler", *data, *short, "--view-size", 16, "--loss", "energy",
             "--boundary-cache", cache, "--output", tmp_path / "sampler")  # fmt: skip
    assert not run(*train)
    assert "validation" in capsys.readouterr().out
    assert run(*train, "--boundaries", "all") == 1
    assert "classes ([8] there, None now)" in capsys.readouterr().err


def test_a_preset_of_an_experiment(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def train(*arguments: Any, **how: Any) -> dict[str, float]:
        options = arguments[2]
        schedule = options.schedule
        seen.append((schedule.epochs, schedule.learning_rate, options.batch_size))
        return {"loss": 0.0}

    monkeypatch.setattr("adaseg_fast.engine.training.segmenter.train_segmenter", train)
    monkeypatch.setattr("adaseg_fast.engine.training.sampler.train_sampler", train)
    common = ("--data", f"folder:{root}", "--output", tmp_path)
    segmenter = ("train", "segmenter", "--uniform", *common)
    assert not run(*segmenter, "--size", 256, "--preset", "apolloscape")
    assert not run(*segmenter, "--size", 64, "--preset", "synthia", "--epochs", 7)
    sampler = ("train", "sampler", "--no-validation", *common, "--preset", "supervisely")
    assert not run(*sampler, "--view-size", 128)
    assert not run(*segmenter)
    assert seen == [(33, 1e-5, 24), (7, 1e-4, 128), (1000, 1e-4, 32), (60, 1e-3, 32)]
    assert run(*segmenter, "--preset", "mars") == 1


def test_resume_from_the_command_line(root: Path, tmp_path: Path) -> None:
    command = ("train", "segmenter", "--data", f"folder:{root}", *SHORT_TRAINING, "--uniform")
    output = ("--size", 16, "--output", tmp_path)
    assert run(*command, *output) == 0
    before = (tmp_path / "model.safetensors").read_bytes()
    assert run(*command, *output, "--resume") == 0
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert run(*command, *output, "--resume", "--seed", 1) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_interrupt_leaves_a_usable_checkpoint(root: Path, tmp_path: Path) -> None:
    command = [
        "train", "segmenter", "--data", f"folder:{root}", "--uniform", "--size", "16", "--width",
        "8", "--batch-size", "2", "--epochs", "100000", "--output", str(tmp_path), "--quiet",
    ]  # fmt: skip
    # Tests started in the background may have been told to ignore the signal, which is inherited.
    process = subprocess.Popen(
        [sys.executable, "-m", "adaseg_fast", *command],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "history.json").exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "interrupted" in errors and "Traceback" not in errors
    epochs = len(json.loads((tmp_path / "history.json").read_text()))
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["place"]["epoch"] >= epochs >= 1
    assert all(v.isfinite().all() for v in state["module"].values() if v.is_floating_point())
