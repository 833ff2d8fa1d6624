# SPDX-License-Identifier: Apache-2.0
"""`predict`: label maps of the size of the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adaseg_fast.data.images import read_image, read_labels
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from support.engine_cases import Trained, run

# How a camera stores an upright picture, by EXIF orientation.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: upright.swapaxes(0, 1)[::-1],
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: upright.swapaxes(0, 1)[:, ::-1],
}


def test_labels_have_the_size_of_the_image(root: Path, trained: Trained, tmp_path: Path) -> None:
    picture = next((root / "images" / "val").iterdir())
    command = ("predict", picture, "--quiet", "--model", trained.adaptive, "--plot-sampling")
    assert run(*command, "--output", tmp_path / "labels") == 0
    assert read_labels(tmp_path / "labels" / picture.name).shape == (96, 128)


def test_photos_and_their_results_are_turned_upright(trained: Trained, tmp_path: Path) -> None:
    upright = SyntheticScenes(1, size=(64, 96))[0].image
    photos = tmp_path / "photos"
    photos.mkdir()
    for orientation, turn in STORED.items():
        tags = Image.Exif()
        tags[0x0112] = orientation
        for ending in ("png", "tif"):
            stored = Image.fromarray(np.ascontiguousarray(turn(upright)))
            stored.save(photos / f"{ending}{orientation}.{ending}", exif=tags)
    command = ("predict", photos, "--quiet", "--model", trained.adaptive, "--plot-sampling")
    output = tmp_path / "out"
    assert run(*command, "--output", output) == 0
    wanted = read_labels(output / "png1.png")
    assert wanted.shape == (64, 96)
    for name in (f"{ending}{number}" for ending in ("png", "tif") for number in STORED):
        assert np.array_equal(read_labels(output / f"{name}.png"), wanted)
        for kind in ("overlay", "sampling"):
            first, drawn = (read_image(output / f"{n}_{kind}.png") for n in ("png1", name))
            assert np.array_equal(drawn, first)


def test_keep_going_names_what_failed(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "good.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "moving.gif")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    command = ("predict", tmp_path, "--quiet", "--model", trained.uniform, "--keep-going")
    assert run(*command, "--output", tmp_path / "out") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and lines[-1] == "adaseg-fast: 2 pictures failed"
    assert "loop.jpg" in lines[0] and "moving.gif" in lines[1]
    assert (tmp_path / "out" / "good.png").is_file()
