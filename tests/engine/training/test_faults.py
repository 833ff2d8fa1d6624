# SPDX-License-Identifier: Apache-2.0
"""Files stay whole when a run is killed, the disk is full, or inputs are bad."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from adaseg_fast.cli import main
from adaseg_fast.data.images import read_labels
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine.training.checkpoint import CheckpointError
from adaseg_fast.engine.training.options import Schedule
from adaseg_fast.engine.training.sampler import train_sampler
from adaseg_fast.storage import write_atomically
from support.engine_cases import SAMPLER, training
from support.repository import run_program

SECONDS = 240
EPOCHS, STEPS = 8, 3

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def write_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    scenes = SyntheticScenes(count, size=(64, 80))
    for index in range(count):
        cv2.imwrite(str(folder / f"{index:03}.png"), scenes[index].image)
    return folder


@needs_fork
def test_training_killed_at_random_moments(tmp_path: Path) -> None:
    arguments = (tmp_path / "killed", EPOCHS)
    printed = run_program("kill_training", *arguments, folder=tmp_path, seconds=SECONDS)
    kills, lost, steps = map(int, printed.split())
    assert kills >= 5
    assert lost <= 1  # the step in hand
    assert steps == EPOCHS * STEPS


@needs_fork
def test_prediction_killed_at_random_moments(tmp_path: Path, models: dict[str, Path]) -> None:
    pictures = write_pictures(tmp_path / "pictures", 12)
    arguments = (pictures, tmp_path / "killed", models["adaptive"])
    printed = run_program("kill_prediction", *arguments, folder=tmp_path, seconds=SECONDS)
    kills, checked = map(int, printed.split())
    assert kills >= 8
    assert checked >= 50


# --- Writing fails --------------------------------------------------------------------------------


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    folder = tmp_path / "full"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode != 0:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def train(output: Path, epochs: int, resume: bool = False) -> None:
    options = training(output, Schedule(epochs, 1e-3), resume=resume)
    train_sampler(SyntheticScenes(4, size=(64, 64)), SAMPLER, options)


def test_a_full_disk_leaves_the_old_checkpoint(full_disk: Path) -> None:
    train(full_disk, 1)
    checkpoint = full_disk / "checkpoint.pt"
    kept = checkpoint.read_bytes()
    filler = full_disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(4096))
    with pytest.raises(OSError, match=r"No space left.*checkpoint\.pt"):
        train(full_disk, 1)
    assert checkpoint.read_bytes() == kept
    assert not list(full_disk.glob(".*.tmp"))
    filler.unlink()
    train(full_disk, 1, resume=True)


def test_a_write_that_breaks_off_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path, 1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    synced = os.fsync

    def no_space(descriptor: int) -> None:
        synced(descriptor)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match=r"No space left.*checkpoint\.pt"):
        train(tmp_path, 1)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(OSError, match=r"No space left.*fresh\.bin"):
        write_atomically(tmp_path / "fresh.bin", b"x")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_half_a_checkpoint_is_not_resumed_from(tmp_path: Path) -> None:
    """As a file system may leave it that lost power, which no program can prevent."""
    train(tmp_path, 1)
    checkpoint = tmp_path / "checkpoint.pt"
    whole = checkpoint.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        checkpoint.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"checkpoint\.pt: not a whole checkpoint"):
            train(tmp_path, 1, resume=True)


# --- Bad files among good ones --------------------------------------------------------------------


def test_five_percent_of_bad_pictures(
    tmp_path: Path, models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = write_pictures(tmp_path / "pictures", 40)
    whole = (pictures / "007.png").read_bytes()
    (pictures / "007.png").write_bytes(whole[: len(whole) // 2])
    (pictures / "023.png").write_bytes(b"")
    command = ["predict", str(pictures), "--model", str(models["uniform"]), "--quiet"]
    output = tmp_path / "labels"
    assert main([*command, "--output", str(output), "--keep-going", "--labels-only"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert "007.png" in said[0] and "023.png" in said[1]
    assert said[2] == "adaseg-fast: 2 pictures failed"
    good = sorted(set(path.name for path in pictures.iterdir()) - {"007.png", "023.png"})
    assert sorted(path.name for path in output.iterdir()) == good
    assert len(good) == 38
    assert all(read_labels(output / name).shape == (64, 80) for name in good)


def test_files_that_a_killed_run_leaves(tmp_path: Path, models: dict[str, Path]) -> None:
    target = tmp_path / "model.safetensors"
    target.write_bytes(models["uniform"].read_bytes())
    (tmp_path / ".0123456789abcdef.tmp").write_bytes(b"half")
    picture = write_pictures(tmp_path / "pictures", 1) / "000.png"
    (picture.parent / ".0123456789abcdef.tmp").write_bytes(b"half")
    command = ["predict", str(picture.parent), "--model", str(target), "--quiet"]
    assert main([*command, "--output", str(tmp_path / "out"), "--labels-only"]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["000.png"]
