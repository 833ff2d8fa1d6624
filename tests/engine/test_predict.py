# SPDX-License-Identifier: Apache-2.0
"""Pictures in, label maps of the same size out; bad pictures are named and harm nothing else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from adaseg_fast.data import DataError
from adaseg_fast.data.images import read_image, read_labels
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine import predict as module
from adaseg_fast.engine.models.files import load_segmenter
from adaseg_fast.engine.predict import list_pictures, predict


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, size in enumerate(((72, 96), (64, 64), (65, 131))):
        image = SyntheticScenes(3, size=size)[index].image
        cv2.imwrite(str(folder / f"frame {index}.{('jpg', 'png', 'JPG')[index]}"), image)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_every_picture_gets_labels_of_its_size(
    tmp_path: Path, pictures: Path, models: dict[str, Path]
) -> None:
    model, config = load_segmenter(models["adaptive"])
    output = tmp_path / "out"
    failed = predict(
        model, config, [pictures], output, drawings=("overlay", "sampling"), quiet=True
    )
    assert failed == []
    for path in list_pictures([pictures]):
        image = read_image(path)
        labels = read_labels(output / f"{path.stem}.png")
        expected = model.predict(torch.from_numpy(image).permute(2, 0, 1)[None])[0]
        assert np.array_equal(labels, expected)
        for kind in ("overlay", "sampling"):
            drawn = read_image(output / f"{path.stem}_{kind}.png")
            assert drawn.shape == image.shape
            assert not np.array_equal(drawn, image)
    assert len(list(output.iterdir())) == 9


def test_labels_only(tmp_path: Path, pictures: Path, models: dict[str, Path]) -> None:
    model, config = load_segmenter(models["uniform"])
    predict(model, config, [pictures], tmp_path / "out", drawings=(), quiet=True)
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_bad_picture_stops_or_is_skipped(
    tmp_path: Path, pictures: Path, models: dict[str, Path]
) -> None:
    whole = (pictures / "frame 0.jpg").read_bytes()
    (pictures / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    model, config = load_segmenter(models["uniform"])
    with pytest.raises(DataError, match=r"broken\.jpg"):
        predict(model, config, [pictures], tmp_path / "stop", quiet=True)
    failed = predict(model, config, [pictures], tmp_path / "go", keep_going=True, quiet=True)
    assert [failure.path.name for failure in failed] == ["broken.jpg"]
    assert "broken.jpg" in failed[0].reason
    assert len(list((tmp_path / "go").glob("*.png"))) == 6
    assert not (tmp_path / "go" / "broken.png").exists()


def test_listing_errors(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(DataError, match=r"gone: there is no such file or folder"):
        list_pictures([tmp_path / "gone"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: holds no picture"):
        list_pictures([tmp_path / "empty"])


def test_results_harm_no_picture(tmp_path: Path, pictures: Path, models: dict[str, Path]) -> None:
    model, config = load_segmenter(models["uniform"])
    output = tmp_path / "out"
    twin, shadow = tmp_path / "frame 1.jpg", tmp_path / "frame 0_overlay.jpg"
    for path, written in ((twin, r"frame 1\.png"), (shadow, r"frame 0_overlay\.png")):
        path.write_bytes((pictures / "frame 0.jpg").read_bytes())
        with pytest.raises(DataError, match=f"would both be written as {written}"):
            predict(model, config, [pictures, path], output, quiet=True)
    before = {path: path.read_bytes() for path in pictures.iterdir()}
    (tmp_path / "link").symlink_to(pictures)
    for folder in (pictures, tmp_path / "link"):
        with pytest.raises(DataError, match=r"frame 1\.png: the result of .* written over it"):
            predict(model, config, [pictures], folder, quiet=True)
    assert {path: path.read_bytes() for path in pictures.iterdir()} == before
    assert not output.exists()


def test_resume_does_what_is_missing(
    tmp_path: Path, pictures: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, config = load_segmenter(models["uniform"])
    output = tmp_path / "out"
    predict(model, config, [pictures], output, quiet=True)
    whole = {path.name: path.read_bytes() for path in output.iterdir()}
    (output / "frame 1_overlay.png").unlink()
    (output / "frame 2.png").unlink()
    read = []
    monkeypatch.setattr(module, "read_image", lambda path: read.append(path) or read_image(path))
    predict(model, config, [pictures], output, resume=True, quiet=True)
    assert [path.stem for path in read] == ["frame 1", "frame 2"]
    assert {path.name: path.read_bytes() for path in output.iterdir()} == whole
