# SPDX-License-Identifier: Apache-2.0
"""Pictures in, label maps of the same size out; bad pictures are named and harm nothing else."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from adaseg_fast.data import DataError
from adaseg_fast.data.images import read_image, read_labels
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine import predict as module
from adaseg_fast.engine.models.files import load_segmenter
from adaseg_fast.engine.predict import list_pictures, predict
from adaseg_fast.storage import StorageError


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

    def noted(path: Path, *, upright: bool) -> np.ndarray:
        read.append(path)
        return read_image(path, upright=upright)

    monkeypatch.setattr(module, "read_image", noted)
    predict(model, config, [pictures], output, resume=True, quiet=True)
    assert [path.stem for path in read] == ["frame 1", "frame 2"]
    assert {path.name: path.read_bytes() for path in output.iterdir()} == whole


def test_keep_going_survives_every_kind(
    tmp_path: Path, pictures: Path, models: dict[str, Path]
) -> None:
    model, config = load_segmenter(models["uniform"])
    image = read_image(pictures / "frame 1.png")
    for name in ("tiff.tif", "bmp.bmp", "webp.webp"):
        Image.fromarray(image).save(pictures / name)
    (pictures / "loop.png").symlink_to(pictures / "loop.png")
    (pictures / "dangling.jpg").symlink_to(pictures / "gone.jpg")
    (pictures / "folder.png").mkdir()
    (pictures / "empty.jpg").touch()
    Image.fromarray(image).save(pictures / "moving.gif")
    (pictures / "frame 0.heic").write_bytes(b"not read, and of the name of another picture")
    os.mkfifo(pictures / "pipe.png")
    long = "n" * 245  # NAME_overlay.png is too long, NAME.png is not
    Image.fromarray(image).save(pictures / f"{long}.png")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "bare").mkdir()
    strange = ["loop", "gone", "bare", "x" * 300, "nul\0"]
    inputs = [*(tmp_path / name for name in strange), pictures]
    for path in inputs[:-1]:
        with pytest.raises(DataError):
            list_pictures([path])
    output = tmp_path / "out"
    (output / "webp.png").mkdir(parents=True)  # a folder is in the way
    failed = predict(model, config, inputs, output, keep_going=True, quiet=True)
    bad = {"loop.png", "dangling.jpg", "folder.png", "empty.jpg", "moving.gif", "frame 0.heic",
           "pipe.png", f"{long}.png", "webp.webp"}  # fmt: skip
    assert {failure.path.name for failure in failed} == {*strange, *bad}
    assert len(failed) == len(strange) + len(bad)
    assert all(str(failure.path) in failure.reason for failure in failed)
    assert all("\n" not in failure.reason for failure in failed)
    names = {path.name for path in output.glob("*_overlay.png")}
    good = ("frame 0", "frame 1", "frame 2", "tiff", "bmp")
    assert names == {f"{name}_overlay.png" for name in good}
    expected = read_labels(output / "frame 1.png")
    for name in ("tiff", "bmp"):
        assert np.array_equal(read_labels(output / f"{name}.png"), expected)
    assert not list(output.glob(".*"))


def test_a_picture_too_large_for_the_memory_is_one_failure(
    tmp_path: Path, pictures: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, config = load_segmenter(models["uniform"])
    real = module._labeller(model)

    def label(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if image.shape[:2] == (64, 64):
            torch.empty(2**60)  # raises what torch raises
        return real(image)

    monkeypatch.setattr(module, "_labeller", lambda _: label)
    failed = predict(model, config, [pictures], tmp_path, keep_going=True, quiet=True)
    assert [failure.path.name for failure in failed] == ["frame 1.png"]
    assert failed[0].reason.endswith("the memory is too small to label it")


def test_a_full_disk_ends_even_who_keeps_going(
    tmp_path: Path, pictures: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, picture: np.ndarray) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(module, "write_png", full)
    with pytest.raises(OSError, match="No space left"):
        predict(
            *load_segmenter(models["uniform"]), [pictures], tmp_path, keep_going=True, quiet=True
        )


def test_an_output_that_is_a_file_is_refused_before_anything_is_read(
    tmp_path: Path, pictures: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(module, "read_image", lambda *_, **__: pytest.fail("a picture was read"))
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match="file"):
            predict(*load_segmenter(models["uniform"]), [pictures], output, quiet=True)
