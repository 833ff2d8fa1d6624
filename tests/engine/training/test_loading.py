# SPDX-License-Identifier: Apache-2.0
"""Frames that are read in other processes: small limits, errors, and labels that lack classes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from adaseg_fast import ops
from adaseg_fast.data import DataError, Frame
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.models.frames import frame_tensors
from adaseg_fast.engine.models.networks import build_segmenter
from adaseg_fast.engine.training.batches import Batches
from adaseg_fast.engine.training.sampler import ViewAndPoints, nearest_points, train_sampler
from adaseg_fast.engine.training.segmenter import UniformPoints, downsample, sample_labels
from adaseg_fast.engine.training.transport import Failure, failure, pack, received, unpack
from support.engine_cases import SAMPLER, segmenter_config, training
from support.repository import ROOT, run_program

SCENES = SyntheticScenes(4, size=(80, 96))
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux limits")


def received_bytes(printed: str) -> dict[str, int]:
    return {name: int(count) for name, count in (line.split() for line in printed.splitlines())}


@linux
def test_few_open_files(tmp_path: Path) -> None:
    """Whole squares of large batches, of which each once took 256 open files."""
    printed = run_program("train_within_limits", 128, 0, 128, folder=tmp_path, seconds=300)
    found = received_bytes(printed)
    assert found == {"whole": 256 * 96 * 96 * 4, "reduced": 256 * 16 * 16 * 4}


@linux
def test_little_shared_memory(tmp_path: Path) -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"]).returncode:
        pytest.skip("no mount namespace can be made here")
    script = ROOT / "tests" / "scripts" / "train_within_limits.py"
    command = ["unshare", "-m", sys.executable, str(script), "1024", "1", "32"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert received_bytes(done.stdout)["whole"] == 64 * 96 * 96 * 4


def test_batches_are_the_same_in_other_processes() -> None:
    reductions = (None, UniformPoints((16, 24), (5, 7)), ViewAndPoints((16, 16), (4, 4), None, 255))
    for reduce in reductions:
        here, there = (
            list(Batches(SCENES, Augmentation(), batch_size=3, seed=1, workers=n, reduce=reduce)
                 .epoch(0))
            for n in (0, 2)
        )  # fmt: skip
        for first, second in zip(here, there, strict=True):
            for one, other in zip(first, second, strict=True):
                assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_points_taken_early_are_those_taken_late() -> None:
    item = frame_tensors(SCENES[0])
    model = build_segmenter(segmenter_config(None))
    for size in ((16, 16), (5, 7)):
        early = [UniformPoints((16, 16), size)(item)]
        small, phi = downsample(model, [item])
        assert torch.equal(downsample(model, early)[0], small)
        assert torch.equal(sample_labels(early, phi, size), sample_labels([item], phi, size))
    view, points = ViewAndPoints((16, 16), (4, 4), (1, 2), 255)(item)
    assert torch.equal(view, ops.sample(item[0][None], ops.uniform_sampling_tensor((16, 16)))[0])
    assert torch.equal(points[None], nearest_points([item], (4, 4), (1, 2), 255))


def test_a_batch_comes_out_as_it_went_in() -> None:
    image = torch.arange(24, dtype=torch.uint8).reshape(2, 4, 3).permute(2, 0, 1)
    items = [(image, torch.rand(3, 5).T), (image[:, ::2], torch.tensor(7)), (image, image[:0])]
    for one, other in zip(items, unpack(pack(items, np.zeros(256, np.int64))), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


class Damaged(SyntheticScenes):
    """The third frame cannot be read."""

    def __getitem__(self, index: int) -> Frame:
        if index == 2:
            raise DataError("labels/2.png: broken")
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_another_process_is_one_line(workers: int) -> None:
    frames = Damaged(4, size=(64, 64))
    batches = Batches(frames, Augmentation(), batch_size=2, seed=0, workers=workers)
    with pytest.raises(DataError, match=r"^labels/2\.png: broken$"):
        list(batches.epoch(0))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error.\nMore"),
        RuntimeError("received 0 items of ancdata"),
        OSError(24, "Too many open files"),
    ],
)
def test_a_limit_is_named_with_the_option(error: Exception) -> None:
    def dying() -> object:
        yield from ()
        raise error

    with pytest.raises(OSError, match=r"/dev/shm.*ulimit -n.*give a smaller --workers") as noted:
        list(received(dying()))  # type: ignore[arg-type]
    assert "\n" not in str(noted.value)


def test_errors_that_cannot_be_sent_and_others() -> None:
    class Local(ValueError):
        pass

    assert str(failure(Local("x")).error) == "Local: x"
    with pytest.raises(RuntimeError, match=r"^a fault$"):
        list(received(iter_of(RuntimeError("a fault"))))  # type: ignore[arg-type]
    with pytest.raises(OSError, match=r"^no such file$"):
        list(received([Failure(OSError("no such file"))]))


def iter_of(error: Exception) -> object:
    yield from ()
    raise error


class Masks(SyntheticScenes):
    """Labels of 0 and 255 alone."""

    def __getitem__(self, index: int) -> Frame:
        frame = super().__getitem__(index)
        return frame._replace(labels=np.where(frame.labels > 3, 255, 0).astype(np.uint8))


@pytest.mark.parametrize("workers", [0, 2])
def test_classes_that_never_occur_are_named_once(tmp_path: Path, workers: int) -> None:
    with pytest.warns(UserWarning) as noted:
        train_sampler(Masks(4, size=(64, 64)), SAMPLER, training(tmp_path, workers=workers))
    (warning,) = noted
    text = str(warning.message)
    assert "training: 10 of 11 classes never occur" in text and "pedestrian" in text
    assert "% of the pixels are ignored" in text and "mask of black and white" in text


def test_whole_labels_warn_of_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_sampler(SCENES, SAMPLER, training(tmp_path))
