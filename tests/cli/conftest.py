# SPDX-License-Identifier: Apache-2.0
"""A small folder, models that the command line trained on it, and their evaluation: made once."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from support.engine_cases import SHORT_TRAINING, Evaluated, Trained, run, write_folder


def printed_by(*arguments: object) -> str:
    """Run a command that must succeed and return what it prints."""
    with redirect_stdout(StringIO()) as printed:
        assert run(*arguments) == 0
    return printed.getvalue()


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn scenes in the `folder` layout."""
    return write_folder(tmp_path_factory.mktemp("cli") / "data", {"train": 5, "val": 3})


@pytest.fixture(scope="session")
def data(root: Path) -> tuple[str, ...]:
    """Arguments that name the data and the target classes."""
    return ("--data", f"folder:{root}", "--targets", "car", "pole", "--cache")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, data: tuple[str, ...]) -> Trained:
    """A sampler, a uniform and an adaptive model, barely trained."""
    folder = tmp_path_factory.mktemp("trained")
    sizes = ("--view-size", 16, "--tensor-size", 4)
    printed = printed_by(
        "train", "sampler", *data, *SHORT_TRAINING, *sizes, "--output", folder / "sampler"
    )  # fmt: skip
    sampler = folder / "sampler" / "sampler.safetensors"
    for name, how in (("uniform", ("--uniform",)), ("adaptive", ("--sampler", sampler))):
        printed_by(
            "train", "segmenter", *data, *SHORT_TRAINING, *how, "--size", "16x24", "--balance",
            "--min-scale", 0.5, "--output", folder / name,
        )  # fmt: skip
    uniform, adaptive = (folder / name / "model.safetensors" for name in ("uniform", "adaptive"))
    return Trained(sampler, uniform, adaptive, printed)


@pytest.fixture(scope="session")
def evaluated(
    tmp_path_factory: pytest.TempPathFactory, data: tuple[str, ...], trained: Trained
) -> Evaluated:
    """Both models with every metric, their ceilings, and the shortfall of the adaptive one."""
    folder = tmp_path_factory.mktemp("evaluated")
    printed = printed_by(
        "evaluate", *data, "--quiet", "--model", trained.uniform, trained.adaptive, "--ceiling",
        16, "--output", folder, "--crop", "none", "--metrics", "iou,trimap,objects,boundary",
        "--workers", 2, "--shortfall", "--sampler", trained.sampler,
    )  # fmt: skip
    return Evaluated(folder, printed)
