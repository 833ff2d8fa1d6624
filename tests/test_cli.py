# SPDX-License-Identifier: Apache-2.0
"""The command line as a user types it, end to end on a small folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
import torch

import adaseg_fast
from adaseg_fast.cli import main
from adaseg_fast.data.image_io import read_labels

from engine_cases import write_folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("cli") / "data", {"train": 5, "val": 3})


def _run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


SHORT = ("--quiet", "--epochs", 2, "--batch-size", 2, "--width", 8)


def test_the_whole_path(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ("--data", f"folder:{root}", "--targets", "car", "pole", "--cache")
    sampler = tmp_path / "sampler"
    assert not _run(
        "train", "sampler", *data, *SHORT, "--aux-size", 16, "--tensor-size", 4, "--output", sampler
    )
    assert "validation" in capsys.readouterr().out
    files = []
    for name, how in (
        ("uniform", ("--uniform",)),
        ("adaptive", ("--sampler", sampler / "sampler.safetensors")),
    ):
        assert not _run(
            "train", "segmenter", *data, *SHORT, *how, "--size", "16x24", "--balance",
            "--min-scale", 0.5, "--output", tmp_path / name,
        )  # fmt: skip
        files.append(tmp_path / name / "model.safetensors")
    assert not _run(
        "evaluate", *data, "--quiet", "--model", *files, "--ceiling", 16, "--output",
        tmp_path / "evaluation", "--crop", "none",
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert "uniform 16x24" in printed and "adaptive 16x24" in printed and "* car" in printed
    record = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())
    assert [result["targets"] for result in record["results"]] == [["car", "pole"]] * 4
    assert cv2.imread(str(tmp_path / "evaluation" / "evaluation.png")).size > 0
    picture = next((root / "images" / "val").iterdir())
    assert not _run(
        "predict", picture, "--quiet", "--model", files[1], "--output", tmp_path / "labels",
        "--plot-sampling",
    )  # fmt: skip
    assert read_labels(tmp_path / "labels" / picture.name).shape == (96, 128)


def test_resume_from_the_command_line(root: Path, tmp_path: Path) -> None:
    command = ("train", "segmenter", "--data", f"folder:{root}", *SHORT, "--uniform")
    output = ("--size", 16, "--output", tmp_path)
    assert _run(*command, *output) == 0
    before = (tmp_path / "model.safetensors").read_bytes()
    assert _run(*command, *output, "--resume") == 0
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert _run(*command, *output, "--resume", "--seed", 1) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", "x.jpg", "--model", "gone.safetensors", "--output", "o"), "gone.safetensors"),
        (("evaluate", "--data", "synthetic:1x64", "--output", "o"), "nothing to evaluate"),
        (("evaluate", "--data", "camvid:gone", "--ceiling", "16", "--output", "o"), "gone"),
        (("evaluate", "--data", "mars:x", "--ceiling", "16", "--output", "o"), "known are"),
        (("demo", "--device", "cuda"), "only --device cpu"),
        (("demo", "--threads", "0"), "--threads has to be at least 1"),
        (("demo", "--scenes", "0"), "scenes has to be at least 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:2]),
)
def test_errors_are_one_line(
    arguments: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    printed = capsys.readouterr().err
    assert message in printed and printed.startswith("adaseg-fast: ")
    assert "Traceback" not in printed


@pytest.mark.parametrize("size", ["1", "4x", "4x4x4", "big", "-8"])
def test_sizes_that_are_none(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["evaluate", "--data", "synthetic", "--output", "o", f"--ceiling={size}"])
    assert exit_.value.code == 2
    assert "is no size" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == adaseg_fast.__version__


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_interrupt_leaves_a_usable_checkpoint(root: Path, tmp_path: Path) -> None:
    command = [
        "train", "segmenter", "--data", f"folder:{root}", "--uniform", "--size", "16", "--width",
        "8", "--batch-size", "2", "--epochs", "100000", "--output", str(tmp_path), "--quiet",
    ]  # fmt: skip
    # Tests started in the background may have been told to ignore the signal, which is inherited.
    process = subprocess.Popen(
        [sys.executable, "-m", "adaseg_fast.cli", *command],
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
