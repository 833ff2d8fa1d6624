# SPDX-License-Identifier: Apache-2.0
"""The command line as a user types it, end to end on a small folder."""

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

import adaseg_fast
from adaseg_fast.cli import main
from adaseg_fast.data.images import read_labels
from support.engine_cases import write_folder


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
        "train",
        "sampler",
        *data,
        *SHORT,
        "--view-size",
        16,
        "--tensor-size",
        4,
        "--output",
        sampler,
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
        tmp_path / "evaluation", "--crop", "none", "--metrics", "iou,trimap,objects,boundary",
        "--workers", 2, "--shortfall", "--sampler", sampler / "sampler.safetensors",
    )  # fmt: skip
    printed = capsys.readouterr().out
    for shown in ("uniform 16x24", "adaptive: at ideal points", "ceiling, sampler", "* car"):
        assert shown in printed
    record = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())
    assert [result["targets"] for result in record["results"]] == [["car", "pole"]] * 7
    figures = ("evaluation", "trimap", "trimap_targets", "objects", "cost", "latency")
    names = {f"{figure}.png" for figure in figures}
    assert {path.name for path in (tmp_path / "evaluation").glob("*.png")} == names
    assert not _run("plot", tmp_path / "evaluation" / "evaluation.json", "--output", tmp_path / "b")
    for name in names:
        again = (tmp_path / "b" / name).read_bytes()
        assert again == (tmp_path / "evaluation" / name).read_bytes()
        assert cv2.imread(str(tmp_path / "b" / name)).size > 0
    picture = next((root / "images" / "val").iterdir())
    assert not _run(
        "predict", picture, "--quiet", "--model", files[1], "--output", tmp_path / "labels",
        "--plot-sampling",
    )  # fmt: skip
    assert read_labels(tmp_path / "labels" / picture.name).shape == (96, 128)
    out = ("--quiet", "--output", tmp_path / "none")
    assert _run("evaluate", *data, "--model", files[0], "--shortfall", *out) == 1
    assert "--shortfall is about adaptive models" in capsys.readouterr().err
    judged = ("--sampler", sampler / "sampler.safetensors")
    assert _run("evaluate", *data, "--model", files[0], *judged, *out) == 1
    assert "--sampler is judged at the sizes of --ceiling" in capsys.readouterr().err


def test_boundary_points_kept_on_disk(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", f"folder:{root}", "--targets", "car", "--tensor-size", 4, "--quiet")
    cache, short = tmp_path / "cache", ("--epochs", 2, "--batch-size", 2, "--width", 8)
    fill = ("boundaries", *data, "--crops", 2, "--workers", 2, "--output", cache)
    assert not _run(*fill)
    assert "1 parts were missing" in capsys.readouterr().out
    assert not _run(*fill)
    assert "0 parts were missing" in capsys.readouterr().out
    train = ("train", "sampler", *data, *short, "--view-size", 16, "--loss", "energy",
             "--boundary-cache", cache, "--output", tmp_path / "sampler")  # fmt: skip
    assert not _run(*train)
    assert "validation" in capsys.readouterr().out
    assert _run(*train, "--boundaries", "all") == 1
    assert "classes ([8] there, None now)" in capsys.readouterr().err


def test_figures_of_frames(root: Path, tmp_path: Path) -> None:
    data = ("--data", f"folder:{root}", "--targets", "car", "--quiet")
    for number, how in enumerate(
        (("lambda", "--lam", 0, 1, "--tensor-size", 6), ("tensor", "--frame", 1, "--crop", "none"))
    ):
        file = tmp_path / "figures" / f"{number}.png"
        assert not _run("figure", *how, *data, "--output", file)
        assert cv2.imread(str(file)).std() > 10
    weights = Path(adaseg_fast.__file__).parent / "weights"
    uniform, adaptive = (weights / f"demo_{kind}.safetensors" for kind in ("uniform", "adaptive"))
    file = tmp_path / "examples.png"
    scenes = ("--data", "synthetic:1x128", "--frames", 0, "--quiet", "--output", file)
    assert not _run("figure", "examples", "--uniform", uniform, "--adaptive", adaptive, *scenes)
    assert cv2.imread(str(file)).std() > 10
    predicted = ("--data", "synthetic:1x128", "--model", adaptive, "--quiet", "--output", file)
    assert not _run("figure", "tensor", *predicted)


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
    assert not _run(*command, "--seeds", 0, 1)
    printed = capsys.readouterr().out
    assert "# Experiment mine" in printed and "| ours" in printed
    assert (output / "results.md").read_text() in printed
    assert {"results.json", "figures", "experiment.json"} <= {p.name for p in output.iterdir()}
    assert {p.name for p in (output / "figures").iterdir()} == figures
    assert (output / "figures" / "16x16" / "examples.png").is_file()
    assert not _run(*command, "--seeds", 0, 1)
    assert _run("experiment", file, "--quiet", "--output", output) == 1
    assert "nowhere" in capsys.readouterr().err


def test_a_preset_of_an_experiment(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def train(*arguments: Any, **how: Any) -> dict[str, float]:
        schedule = how.get("schedule") or arguments[2]
        seen.append((schedule.epochs, schedule.learning_rate, how["batch_size"]))
        return {"loss": 0.0}

    monkeypatch.setattr("adaseg_fast.engine.training.segmenter.train_segmenter", train)
    monkeypatch.setattr("adaseg_fast.engine.training.sampler.train_sampler", train)
    common = ("--data", f"folder:{root}", "--output", tmp_path)
    segmenter = ("train", "segmenter", "--uniform", *common)
    assert not _run(*segmenter, "--size", 256, "--preset", "apolloscape")
    assert not _run(*segmenter, "--size", 64, "--preset", "synthia", "--epochs", 7)
    sampler = ("train", "sampler", "--no-validation", *common, "--preset", "supervisely")
    assert not _run(*sampler, "--view-size", 128)
    assert not _run(*segmenter)
    assert seen == [(33, 1e-5, 24), (7, 1e-4, 128), (1000, 1e-4, 32), (60, 1e-3, 32)]
    assert _run(*segmenter, "--preset", "mars") == 1


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
        (("evaluate", "--data", "synthetic:1x64", "--ceiling", "16", "--metrics", "dice",
          "--output", "o"), "no metric is called 'dice'"),
        (("evaluate", "--data", "camvid:x", "--data-seed", "1", "--ceiling", "16", "--output",
          "o"), "takes no seed"),
        (("figure", "lambda", "--data", "synthetic:1x64", "--frame", "1", "--output", "o.png"),
         "there is no frame 1"),
        (("plot", "gone.json", "--output", "o"), "gone.json: cannot be read"),
        (("experiment", "mars", "--output", "o"), "mars: cannot be read"),
        (("experiment", "cityscapes", "--output", "o"), "give --data NAME:PATH"),
        (("evaluate", "--data", "mars:x", "--ceiling", "16", "--output", "o"), "known are"),
        (("predict", "x.png", "--model", "gone", "--output", "o", "--device", "tpu"),
         "device 'tpu' is none"),
        (("predict", "x.png", "--model", "gone", "--output", "o", "--device", "cuda:99"),
         "device 'cuda:99': torch finds"),
        (("demo", "--threads", "0"), "--threads has to be at least 1"),
        (("demo", "--scenes", "0"), "scenes must be at least 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:2]),
)  # fmt: skip
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
