# SPDX-License-Identifier: Apache-2.0
"""A resumed run knows what it was trained on; a checkpoint that is kept is good."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from adaseg_fast.data import SegmentationDataset, open_dataset
from adaseg_fast.data.cache import CachedFrames
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine.models.networks import build_sampler
from adaseg_fast.engine.training import boundary_cache, loop
from adaseg_fast.engine.training.checkpoint import CheckpointError
from adaseg_fast.engine.training.identity import digest_of_frames
from adaseg_fast.engine.training.options import Schedule
from adaseg_fast.engine.training.sampler import train_sampler
from adaseg_fast.engine.training.segmenter import train_segmenter
from support.engine_cases import SAMPLER, SHORT, segmenter_config, training, write_folder

SCENES = SyntheticScenes(4, size=(64, 64))


def train(
    output: Path, frames: SegmentationDataset = SCENES, schedule: Schedule = SHORT, **options: Any
) -> dict[str, float]:  # fmt: skip
    return train_sampler(frames, SAMPLER, training(output, schedule, **options))


def place(output: Path) -> dict[str, Any]:
    return dict(torch.load(output / "checkpoint.pt", weights_only=True)["place"])


def test_other_frames_are_refused(tmp_path: Path) -> None:
    train(tmp_path / "run")
    root = write_folder(tmp_path / "a", {"train": 4}, (64, 64))
    for other in (
        SyntheticScenes(4, split="val", size=(64, 64)),
        SyntheticScenes(4, size=(64, 64), seed=1),
        SyntheticScenes(4, size=(64, 80)),
        open_dataset(f"folder:{root}", "train"),
    ):
        with pytest.raises(CheckpointError, match=r"settings: .*the training frames are others"):
            train(tmp_path / "run", other, resume=True)
    train(tmp_path / "run", CachedFrames(SCENES), resume=True)


def test_frames_are_known_by_their_content_and_place(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "a", {"train": 3})
    there = open_dataset(f"folder:{root}", "train")
    shutil.copytree(root, tmp_path / "b")
    elsewhere = open_dataset(f"folder:{tmp_path / 'b'}", "train")
    assert digest_of_frames(there) == digest_of_frames(open_dataset(f"folder:{root}", "train"))
    assert digest_of_frames(there) != digest_of_frames(elsewhere)

    class Plain:
        """Has no texts that name its frames."""

        def __init__(self) -> None:
            self.info = SCENES.info

        __len__ = staticmethod(lambda: 2)
        __getitem__ = staticmethod(lambda index: SCENES[index])

    assert digest_of_frames(CachedFrames(Plain())) == digest_of_frames(CachedFrames(Plain()))


def test_settings_that_change_nothing_and_more_epochs(tmp_path: Path) -> None:
    train(tmp_path, schedule=Schedule(1, 1e-3, checkpoint_steps=1))
    train(tmp_path, schedule=Schedule(3, 1e-3, checkpoint_steps=0), workers=1, resume=True)
    assert place(tmp_path)["epoch"] == 3
    with pytest.raises(CheckpointError, match=r"epochs \(3 there, 2 now\)"):
        train(tmp_path, schedule=Schedule(2, 1e-3), resume=True)


def test_a_checkpoint_without_a_digest_serves(tmp_path: Path) -> None:
    train(tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del state["settings"]["data"]
    torch.save(state, tmp_path / "checkpoint.pt")
    train(tmp_path, resume=True)


def test_another_sampler_is_refused(tmp_path: Path) -> None:
    config = segmenter_config(SAMPLER)
    one, other = build_sampler(SAMPLER).eval(), build_sampler(SAMPLER).eval()
    torch.nn.init.normal_(other.offset.weight)
    options = training(tmp_path)
    train_segmenter(SCENES, config, options, sampler=one)
    with pytest.raises(CheckpointError, match="the weights of the sampler are others"):
        train_segmenter(SCENES, config, replace(options, resume=True), sampler=other)


def set_value(state: dict[str, Any], path: str, value: object) -> None:
    *folders, name = path.split("/")
    for folder in folders:
        state = state[folder]
    state[name] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("place/epoch", "x"), ("place/epoch", -1), ("place/step", 10**9), ("place/history", [1]),
        ("place/history", 3), ("place/loss_sum", "x"), ("place/more", 1), ("place", None),
        ("settings", []), ("module", []), ("module", {"a": 1}), ("optimizer", {}),
        ("optimizer/param_groups", [{}]),
    ],
)  # fmt: skip
def test_crafted_checkpoints_are_one_line(tmp_path: Path, path: str, value: object) -> None:
    train(tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    set_value(state, path, value)
    torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: ") as noted:
        train(tmp_path, schedule=Schedule(2, 1e-3), resume=True)
    assert "\n" not in str(noted.value) and len(str(noted.value)) < 600


def test_weights_and_states_of_a_crafted_checkpoint(tmp_path: Path) -> None:
    train(tmp_path)
    whole = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    for change in ("nan", "shape"):
        state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
        if change == "nan":
            next(v for v in state["module"].values() if v.is_floating_point()).fill_(float("nan"))
        else:
            state["optimizer"]["state"][0]["exp_avg"] = torch.zeros(7)
        torch.save(state, tmp_path / "checkpoint.pt")
        with pytest.raises(CheckpointError, match=r"NaN or infinite|has shape"):
            train(tmp_path, schedule=Schedule(2, 1e-3), resume=True)
    torch.save(whole, tmp_path / "checkpoint.pt")
    train(tmp_path, resume=True)


def test_a_checkpoint_of_useless_weights_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="no good, so it is removed"):
        train(tmp_path, schedule=Schedule(9, 1e20, 1.0, checkpoint_steps=1))
    assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.parametrize("fail_at", [3, 4])
def test_the_last_good_checkpoint_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail_at: int
) -> None:
    """A checkpoint after steps 1 and 2 of an epoch of two: the loss fails just after, or later."""
    real, steps = loop._step, 0

    def failing(*args: Any) -> float:
        nonlocal steps
        steps += 1
        value = real(*args)
        return float("nan") if steps == fail_at else value

    monkeypatch.setattr(loop, "_step", failing)
    kept = "the one before replaces it" if fail_at == 3 else "is still good"
    schedule = Schedule(9, 1e-3, checkpoint_steps=1 if fail_at == 3 else 0)
    with pytest.raises(FloatingPointError, match=kept):
        train(tmp_path, schedule=schedule)
    there = place(tmp_path)
    assert (there["epoch"], there["step"]) == ((0, 1) if fail_at == 3 else (1, 0))


def test_weights_that_are_not_finite_are_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, steps = loop._step, 0

    def poisoned(parts: Any, *args: Any) -> float:
        nonlocal steps
        steps += 1
        value = real(parts, *args)
        if steps == 4:
            next(parts.module.parameters()).data.fill_(float("inf"))
        return value

    monkeypatch.setattr(loop, "_step", poisoned)
    with pytest.raises(FloatingPointError, match=r"weights became NaN.* is still good"):
        train(tmp_path, schedule=Schedule(2, 1e-3))
    assert place(tmp_path)["epoch"] == 1 and not (tmp_path / "sampler.safetensors").exists()


def test_a_relative_and_a_whole_path_are_one_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink(tmp_path, tmp_path / "link")
    describe = boundary_cache.describe_source
    whole = describe(f"folder:{tmp_path}/data", "train", None)
    for path in ("data", "./data", "link/data"):
        assert describe(f"folder:{path}", "train", None) == whole
        assert boundary_cache.same_source(f"folder:{path}, train", whole)  # as 0.1.0 wrote it
    assert not boundary_cache.same_source("folder:data, val", whole)
    assert not boundary_cache.same_source("folder:other, train", whole)
