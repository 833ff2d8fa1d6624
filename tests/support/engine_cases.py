# SPDX-License-Identifier: Apache-2.0
"""What tests of the engine and the command line share: small settings, and scenes as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import cv2

from adaseg_fast.cli import main
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine.models.config import SamplerConfig, SegmenterConfig
from adaseg_fast.engine.training.options import Schedule, TrainingOptions

SAMPLER = SamplerConfig(size=(4, 4), view_size=(16, 16), width=8)
SHORT = Schedule(epochs=1, learning_rate=1e-3)


def training(output: Path, schedule: Schedule = SHORT, **options: Any) -> TrainingOptions:
    """Options of a short training that shows nothing."""
    return TrainingOptions(output, schedule, **{"batch_size": 2, "quiet": True, **options})


def segmenter_config(sampler: SamplerConfig | None) -> SegmenterConfig:
    info = SyntheticScenes(1, size=(64, 64)).info
    return SegmenterConfig(
        (16, 16), 8, sampler, info.classes, info.colors, info.targets, dataset=info.name
    )


def write_folder(root: Path, counts: dict[str, int], size: tuple[int, int] = (96, 128)) -> Path:
    """Drawn scenes in the `folder` layout."""
    for split, count in counts.items():
        scenes = SyntheticScenes(count, split=split, size=size)
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for index in range(count):
            frame = scenes[index]
            name = f"{frame.name}.png"
            cv2.imwrite(str(root / "images" / split / name), frame.image[..., ::-1])
            cv2.imwrite(str(root / "labels" / split / name), frame.labels)
    info = scenes.info
    classes = [
        {"id": number, "name": name, "color": list(color)}
        for number, (name, color) in enumerate(zip(info.classes, info.colors, strict=True))
    ]
    description = {"ignore_index": info.ignore_index, "classes": classes}
    (root / "classes.json").write_text(json.dumps(description))
    return root


# --- The command line -----------------------------------------------------------------------------

# Arguments of `train`.
SHORT_TRAINING = ("--quiet", "--epochs", 2, "--batch-size", 2, "--width", 8)


class Trained(NamedTuple):
    """Files that `train` wrote, and what `train sampler` printed."""

    sampler: Path
    uniform: Path
    adaptive: Path
    printed: str


class Evaluated(NamedTuple):
    """The folder that `evaluate` wrote, and what it printed."""

    folder: Path
    printed: str


def run(*arguments: object) -> int:
    """Run a command and return its exit status."""
    return main([str(argument) for argument in arguments])
