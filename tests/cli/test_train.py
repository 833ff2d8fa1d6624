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

import cv2
import pytest
import torch

from support.engine_cases import SHORT_TRAINING, Trained, run, write_folder


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
    assert run(*train, "--overwrite", "--boundaries", "all") == 1
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


def test_a_trained_network_is_not_overwritten(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("train", "segmenter", "--data", f"folder:{root}", *SHORT_TRAINING, "--uniform",
               "--size", 16, "--output", tmp_path)  # fmt: skip
    assert run(*command, "--resume") == 0
    assert "there is no checkpoint to resume from, so training starts" in capsys.readouterr().err
    model = tmp_path / "model.safetensors"
    before = model.read_bytes()
    assert run(*command, "--seed", 1) == 1
    said = capsys.readouterr().err
    assert "holds a trained network; --resume continues that run, --overwrite begins anew" in said
    assert model.read_bytes() == before
    model.rename(tmp_path / "kept")
    assert run(*command, "--seed", 1) == 1
    assert "holds an interrupted run" in capsys.readouterr().err
    (tmp_path / "kept").rename(model)
    assert run(*command, "--seed", 1, "--overwrite") == 0
    assert model.read_bytes() != before
    (tmp_path / "checkpoint.pt").unlink()
    assert run(*command, "--resume") == 1
    assert "there is no checkpoint to resume from, --overwrite" in capsys.readouterr().err


def test_other_data_is_not_resumed(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("train", "sampler", "--no-validation", *SHORT_TRAINING, "--view-size", 16,
               "--tensor-size", 4, "--output", tmp_path, "--data")  # fmt: skip
    assert run(*command, "synthetic:4x64") == 0
    for other in (("--split", "val"), ("--data-seed", 1)):
        assert run(*command, "synthetic:4x64", *other, "--resume") == 1
        assert "the training frames are others" in capsys.readouterr().err
    assert run(*command, "synthetic:4x64", "--resume", "--checkpoint-steps", 1) == 0
    assert run(*command, "synthetic:4x64", "--resume", "--epochs", 3) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("--lr", "inf"), "the learning rate must be positive and finite, got inf"),
        (("--lr", "nan"), "the learning rate must be positive and finite, got nan"),
        (("--threads", 100_000), "--threads must be at most 1024, got 100000"),
        (("--workers", 10**6), "--workers must be at most 256"),
        (("--epochs", 10**30), "--epochs must be at most"),
        (("--batch-size", 10**30), "--batch-size must be at most"),
        (("--width", 10**12), "--width must be at most"),
        (("--seed", 2**80), "--seed must be at most"),
        (("--seed", -1), "--seed must be at least 0"),
        (("--data-seed", 2**80), "--data-seed must be at most"),
        (("--batch-size", 1, "--size", 16), "batch normalisation needs more than one value"),
        (("--network", "support.network_factories:raising"), "cannot be built (KeyError"),
        (("--network", "support.network_factories:one_too_many"), "11 channels of scores"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(map(str, value))[:24],
)
def test_values_out_of_all_bounds_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: tuple[Any, ...], message: str
) -> None:
    width = () if "--network" in changed else ("--width", 8)
    command = ("train", "segmenter", "--data", "synthetic:2x64", "--uniform", "--quiet", "--size",
               16, "--epochs", 1, *width, "--output", tmp_path / "out")  # fmt: skip
    assert run(*command, *changed) == 1
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not (tmp_path / "out" / "checkpoint.pt").exists()


def test_a_class_that_never_occurs_is_warned_of(tmp_path: Path) -> None:
    """Train on scenes whose last class is painted over."""
    root = write_folder(tmp_path / "data", {"train": 2, "val": 1})
    for file in (root / "labels").rglob("*.png"):
        labels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        labels[labels == 10] = 0
        cv2.imwrite(str(file), labels)
    command = ("train", "segmenter", "--data", f"folder:{root}", *SHORT_TRAINING, "--uniform")
    with pytest.warns(UserWarning, match="training: 1 of 11 classes never occurs"):
        assert not run(*command, "--size", 16, "--output", tmp_path / "out")


def test_a_failed_allocation_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory:\nyou tried"),
        torch.OutOfMemoryError("CUDA out of memory.\nMore"),
        MemoryError(),
    ):

        def failing(*_: Any, error: Exception = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr("adaseg_fast.engine.training.segmenter.train_segmenter", failing)
        command = ("train", "segmenter", "--data", "synthetic:2x64", "--uniform", "--quiet")
        assert run(*command, "--output", tmp_path) == 1
        said = capsys.readouterr().err
        assert "not enough memory (" in said and said.count("\n") == 1
