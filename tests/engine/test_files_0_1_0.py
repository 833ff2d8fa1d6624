# SPDX-License-Identifier: Apache-2.0
"""Models, a checkpoint and a boundary cache that version 0.1.0 wrote still serve."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

import adaseg_fast
from adaseg_fast.cli import main
from adaseg_fast.data import open_dataset
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.models.config import SamplerConfig
from adaseg_fast.engine.models.files import load_sampler, load_segmenter
from adaseg_fast.engine.training.boundary_cache import (
    BoundaryCache,
    CacheSettings,
    describe_source,
    fill_cache,
)
from adaseg_fast.engine.training.checkpoint import CheckpointError
from adaseg_fast.engine.training.options import Schedule
from adaseg_fast.engine.training.sampler import train_sampler
from adaseg_fast.engine.training.segmenter import train_segmenter
from support.engine_cases import segmenter_config, training

FILES = Path(__file__).parents[1] / "support" / "files_0_1_0"
DATA = "synthetic:4x64"
SAMPLER = SamplerConfig((4, 4), (8, 8), 8, 1.0)
TRAINING = (
    "train", "sampler", "--data", DATA, "--tensor-size", "4", "--width", "8", "--epochs", "2",
    "--batch-size", "2", "--no-validation", "--checkpoint-steps", "1", "--quiet", "--resume",
)  # fmt: skip


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    """The folder of a training that was interrupted in its second epoch."""
    shutil.copytree(FILES / "sampler", tmp_path / "sampler")
    return tmp_path / "sampler"


def losses(file: Path) -> list[float]:
    return [record["loss"] for record in json.loads(file.read_text())]


def test_a_sampler_loads() -> None:
    network, config = load_sampler(FILES / "sampler.safetensors")
    assert config == SAMPLER
    phi = network(torch.zeros(1, 3, 8, 8))
    assert phi.shape == (1, 2, 4, 4) and phi.isfinite().all()


def test_a_model_loads_and_is_saved_in_todays_words(tmp_path: Path) -> None:
    model = adaseg_fast.load(FILES / "model.safetensors")
    assert model.config.sampler == SAMPLER and model.info.name == "synthetic"
    image = torch.from_numpy(open_dataset(DATA, "val")[0].image).permute(2, 0, 1)[None]
    adaseg_fast.save(model, tmp_path / "model.safetensors")
    assert b"aux_size" not in (tmp_path / "model.safetensors").read_bytes()
    again = adaseg_fast.load(tmp_path / "model.safetensors")
    assert again.config == model.config
    assert torch.equal(again.predict(image), model.predict(image))


@pytest.mark.parametrize("option", ["--view-size", "--aux-size"])
def test_a_training_is_resumed(
    interrupted: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    before = losses(interrupted / "history.json")
    assert main([*TRAINING, option, "8", "--output", str(interrupted)]) == 0
    found = losses(interrupted / "history.json")
    assert found[:1] == before, "an epoch that was done must not be trained again"
    assert found == pytest.approx(losses(interrupted / "history_uninterrupted.json"), rel=1e-3)
    assert load_sampler(interrupted / "sampler.safetensors")[1] == SAMPLER
    warned = "--aux-size is now called --view-size" in capsys.readouterr().err
    assert warned == (option == "--aux-size")


def test_a_checkpoint_of_other_settings_is_refused(interrupted: Path) -> None:
    frames = open_dataset(DATA, "train")
    for schedule, view, named in (
        (Schedule(2, 1e-3, 0.5, 1), (8, 8), r"final_share \(0\.05 there, 0\.5 now\)"),
        (Schedule(2, 1e-3, 0.05, 1), (16, 16), r"view_size \(\(8, 8\) there, \(16, 16\) now\)"),
    ):
        options = training(interrupted, schedule, resume=True)
        with pytest.raises(CheckpointError, match=named):
            train_sampler(frames, SamplerConfig((4, 4), view, 8), options)


def test_a_checkpoint_of_an_adaptive_model_is_resumed(tmp_path: Path) -> None:
    """Its settings hold those of the auxiliary network, under the names of 0.1.0."""
    network, config = load_sampler(FILES / "sampler.safetensors")
    frames, schedule = open_dataset(DATA, "train"), Schedule(2, 1e-3)
    segmenter = segmenter_config(config)
    train_segmenter(frames, segmenter, training(tmp_path, schedule), sampler=network)
    checkpoint = tmp_path / "checkpoint.pt"
    state = torch.load(checkpoint, weights_only=True)
    settings = state["settings"]
    settings["sampler"]["aux_size"] = settings["sampler"].pop("view_size")
    settings["final_rate"] = settings.pop("final_share")
    torch.save(state, checkpoint)
    whole = (tmp_path / "model.safetensors").read_bytes()
    resumed = training(tmp_path, schedule, resume=True)
    train_segmenter(frames, segmenter, resumed, sampler=network)
    assert (tmp_path / "model.safetensors").read_bytes() == whole
    assert load_segmenter(tmp_path / "model.safetensors")[1] == segmenter


def test_boundary_points_serve(tmp_path: Path) -> None:
    frames = open_dataset(DATA, "train")
    settings = CacheSettings.of(
        frames,
        describe_source(DATA, "train", None),
        size=(4, 4),
        all_boundaries=False,
        augmentation=Augmentation(),
        crops=1,
        seed=0,
    )
    kept = BoundaryCache(FILES / "boundaries", settings)
    shutil.copytree(FILES / "boundaries", tmp_path / "kept")
    assert fill_cache(frames, tmp_path / "kept", settings, quiet=True) == 0
    fill_cache(frames, tmp_path / "new", settings, quiet=True)
    new = BoundaryCache(tmp_path / "new", settings)
    for index in range(len(frames)):
        assert torch.equal(kept.nearest(index, 0), new.nearest(index, 0))
