# SPDX-License-Identifier: Apache-2.0
"""Killed at any moment, on a full disk, among bad files: what was written is whole."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
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

SECONDS = 240
EPOCHS, STEPS = 8, 3

# Children are forked from a process that never ran torch on threads. They tell of every step
# through a pipe, and are killed a random time after a random step.
KILLED = """
import os, random, signal, sys, time
from pathlib import Path

import torch
torch.set_num_threads(1)

def killed(work, steps, seconds):
    '''Run work(pipe) in a child: the steps it told of before it was killed, and whether it was.'''
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(writing)
            os._exit(0)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
    os.close(writing)
    told = 0
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while told < steps and pipe.read(1):
            told += 1
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        told += len(pipe.read())
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("the child failed")
    return told, os.WIFSIGNALED(status)

random.seed(0)
"""

TRAINING = """
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine.training import loop
from adaseg_fast.engine.models.files import load_sampler
from adaseg_fast.engine.training.options import Schedule
from adaseg_fast.engine.training.sampler import train_sampler
from support.engine_cases import SAMPLER, training

output, epochs, steps = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
scenes = SyntheticScenes(6, size=(64, 64))
schedule = Schedule(epochs, 1e-3, checkpoint_steps=1)

def train(folder, resume=False):
    train_sampler(scenes, SAMPLER, training(folder, schedule, resume=resume))

def place():
    '''Steps in the checkpoint, 0 where there is none.'''
    if not (output / "checkpoint.pt").exists():
        return 0
    kept = torch.load(output / "checkpoint.pt", weights_only=True)["place"]
    return kept["epoch"] * steps + kept["step"]

honest, moments = loop._step, []

def timed(*arguments):
    moments.append(time.perf_counter())
    return honest(*arguments)

loop._step = timed
train(output.with_name("whole"))
one_step = min(after - before for before, after in zip(moments, moments[1:]))

def work(pipe):
    def counted(*arguments):
        value = honest(*arguments)
        os.write(pipe, b".")
        return value

    loop._step = counted
    train(output, resume=(output / "checkpoint.pt").exists())

kills, lost, ended = 0, 0, False
while not ended:
    before = place()
    told, was_killed = killed(work, random.randrange(4), random.random() * one_step)
    after = place()
    ended = not was_killed
    kills += was_killed
    lost = max(lost, before + told - after)
    assert after >= before
one, other = (load_sampler(f / "sampler.safetensors")[0].state_dict()
              for f in (output, output.with_name("whole")))
assert all(torch.equal(one[name], other[name]) for name in one)
print(kills, lost, place())
"""

PREDICTION = """
from adaseg_fast.engine import predict as module
from adaseg_fast.engine.models.files import load_segmenter

pictures, output, model = (Path(argument) for argument in sys.argv[1:])
loaded = load_segmenter(model)
for _ in range(2):  # the first call is slower than those to be killed
    begin = time.perf_counter()
    module.predict(*loaded, [pictures], output.with_name("whole"), quiet=True)
count = len(list(output.with_name("whole").iterdir()))
one_file = (time.perf_counter() - begin) / count
honest = module.write_png

def work(pipe):
    def told(*arguments):
        honest(*arguments)
        os.write(pipe, b".")

    module.write_png = told
    module.predict(*loaded, [pictures], output, quiet=True)

kills, checked = 0, 0
for _ in range(12):
    told, was_killed = killed(work, random.randrange(count // 2), random.random() * one_file)
    kills += was_killed
    written = list(output.glob("*.png"))
    assert len(written) >= told
    for path in written:
        assert path.read_bytes() == output.with_name("whole").joinpath(path.name).read_bytes()
        checked += 1
left = sum(len(list(output.glob(f"{p.stem}*.png"))) < 2 for p in pictures.iterdir())
read, honest = [], module.read_image
module.read_image = lambda path: read.append(path) or honest(path)
module.predict(*loaded, [pictures], output, resume=True, quiet=True)
whole = {path.name: path.read_bytes() for path in output.with_name("whole").iterdir()}
assert {path.name: path.read_bytes() for path in output.glob("*.png")} == whole
assert len(read) == left > 0
print(kills, checked)
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def run(code: str, folder: Path, *arguments: object) -> list[int]:
    script = folder / "script.py"
    script.write_text(KILLED + code)
    tests = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


def write_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    scenes = SyntheticScenes(count, size=(64, 80))
    for index in range(count):
        cv2.imwrite(str(folder / f"{index:03}.png"), scenes[index].image)
    return folder


@needs_fork
def test_training_killed_at_random_moments(tmp_path: Path) -> None:
    kills, lost, steps = run(TRAINING, tmp_path, tmp_path / "killed", EPOCHS, STEPS)
    assert kills >= 5
    assert lost <= 1  # the step in hand
    assert steps == EPOCHS * STEPS


@needs_fork
def test_prediction_killed_at_random_moments(tmp_path: Path, models: dict[str, Path]) -> None:
    pictures = write_pictures(tmp_path / "pictures", 12)
    kills, checked = run(PREDICTION, tmp_path, pictures, tmp_path / "killed", models["adaptive"])
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
