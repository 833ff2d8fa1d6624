# SPDX-License-Identifier: Apache-2.0
"""A small data set on disk and small trained models, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine.models.files import load_sampler
from adaseg_fast.engine.training.sampler import train_sampler
from adaseg_fast.engine.training.segmenter import train_segmenter
from support.engine_cases import SAMPLER, segmenter_config, training, write_folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("folder"), {"train": 5, "val": 3})


@pytest.fixture(scope="session")
def sampler_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("sampler")
    scenes = SyntheticScenes(4, size=(64, 64))
    train_sampler(scenes, SAMPLER, training(output))
    return output / "sampler.safetensors"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, sampler_file: Path) -> dict[str, Path]:
    """A uniform and an adaptive model, barely trained."""
    files = {}
    for name in ("uniform", "adaptive"):
        sampler, config = load_sampler(sampler_file) if name == "adaptive" else (None, None)
        output = tmp_path_factory.mktemp(name)
        train_segmenter(
            SyntheticScenes(4, size=(64, 64)),
            segmenter_config(config),
            training(output),
            sampler=sampler,
        )
        files[name] = output / "model.safetensors"
    return files
