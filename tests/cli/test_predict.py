# SPDX-License-Identifier: Apache-2.0
"""`predict`: label maps of the size of the images."""

from __future__ import annotations

from pathlib import Path

from adaseg_fast.data.images import read_labels
from support.engine_cases import Trained, run


def test_labels_have_the_size_of_the_image(root: Path, trained: Trained, tmp_path: Path) -> None:
    picture = next((root / "images" / "val").iterdir())
    command = ("predict", picture, "--quiet", "--model", trained.adaptive, "--plot-sampling")
    assert run(*command, "--output", tmp_path / "labels") == 0
    assert read_labels(tmp_path / "labels" / picture.name).shape == (96, 128)
