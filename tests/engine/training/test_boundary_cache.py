# SPDX-License-Identifier: Apache-2.0
"""Boundary points on disk: those that training would find, whole, and never mixed up."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adaseg_fast import ops
from adaseg_fast.data import Frame
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.models.files import load_sampler
from adaseg_fast.engine.training import boundary_cache as module
from adaseg_fast.engine.training.batches import Batches
from adaseg_fast.engine.training.boundary_cache import (
    BoundaryCache,
    CacheSettings,
    fill_cache,
    squares_of,
)
from adaseg_fast.engine.training.options import Schedule
from adaseg_fast.engine.training.sampler import train_sampler
from adaseg_fast.storage import StorageError
from support.engine_cases import SAMPLER, training

SCENES = SyntheticScenes(7, size=(64, 80))
SETTINGS = CacheSettings(
    "scenes, train", 7, SAMPLER.size, SCENES.info.targets, 255, 3, (0.5, 1.0), 0.5, seed=4
)
AUGMENTATION = Augmentation(scale=(0.5, 1.0))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PART", 2)


def test_points_are_those_of_the_squares_that_training_cuts(tmp_path: Path) -> None:
    assert fill_cache(SCENES, tmp_path, SETTINGS, quiet=True) == 4
    cache = BoundaryCache(tmp_path, SETTINGS)
    seen = []

    class Spy(Augmentation):
        def recolor(self, frame: Frame, rng: np.random.Generator) -> Frame:
            seen.append(frame)
            return super().recolor(frame, rng)

    batches = Batches(SCENES, Spy(scale=(0.5, 1.0)), batch_size=3, seed=9, cache=cache)
    for epoch in range(4):
        seen.clear()
        items = [item for batch in batches.epoch(epoch) for item in batch]
        assert len(items) == 6  # the lone seventh frame is dropped
        for frame, (image, points) in zip(seen, items, strict=True):
            expected = ops.nearest_boundary(
                torch.from_numpy(frame.labels)[None], SAMPLER.size, classes=SCENES.info.targets
            )
            assert torch.equal(points, expected[0])
            assert tuple(image.shape[1:]) == frame.labels.shape
    assert torch.equal(cache.nearest(2, 0), cache.nearest(2, 3))
    assert not torch.equal(cache.nearest(2, 0), cache.nearest(2, 1))


def test_processes_that_read_see_the_same_points(tmp_path: Path) -> None:
    fill_cache(SCENES, tmp_path, SETTINGS, quiet=True)
    cache = BoundaryCache(tmp_path, SETTINGS)
    alone, together = (
        list(Batches(SCENES, AUGMENTATION, batch_size=4, seed=1, workers=n, cache=cache).epoch(1))
        for n in (0, 2)
    )
    for first, second in zip(alone, together, strict=True):
        for one, other in zip(first, second, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_workers_change_nothing(tmp_path: Path) -> None:
    for workers in (0, 3):
        fill_cache(SCENES, tmp_path / str(workers), SETTINGS, workers=workers, quiet=True)
    files = sorted(path.name for path in (tmp_path / "0").iterdir())
    assert files == ["0000000.npy", "0000002.npy", "0000004.npy", "0000006.npy", "boundaries.json"]
    for name in files:
        first, second = (tmp_path / folder / name for folder in ("0", "3"))
        assert first.read_bytes() == second.read_bytes()


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    class Stopping(SyntheticScenes):
        reads = 0

        def __getitem__(self, index: int) -> Frame:
            self.reads += 1
            if self.reads == 4:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    with pytest.raises(KeyboardInterrupt):
        fill_cache(Stopping(7, size=(64, 80)), tmp_path, SETTINGS, quiet=True)
    with pytest.raises(StorageError, match=r"\d of 4 parts are missing; run the command"):
        BoundaryCache(tmp_path, SETTINGS)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npy")}
    assert 0 < len(kept) < 4
    assert fill_cache(SCENES, tmp_path, SETTINGS, quiet=True) == 4 - len(kept)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert not list(tmp_path.glob(".*"))
    fill_cache(SCENES, tmp_path / "whole", SETTINGS, quiet=True)
    for path in tmp_path.glob("*.npy"):
        assert path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes()
    assert fill_cache(SCENES, tmp_path, SETTINGS, quiet=True) == 0


def test_training_from_the_cache_is_training_on_its_squares(tmp_path: Path) -> None:
    """One epoch of one square is what training without a cache does on the same squares."""
    settings = replace(SETTINGS, crops=1)
    fill_cache(SCENES, tmp_path / "cache", settings, quiet=True)

    class Placed(SyntheticScenes):
        """The same squares, cut beforehand."""

        def __getitem__(self, index: int) -> Frame:
            return AUGMENTATION.place(super().__getitem__(index), settings.geometry(index, 0))

    class Recoloring(Augmentation):
        def place(self, frame: Frame, rng: np.random.Generator) -> Frame:
            return frame

    common = {"schedule": Schedule(3, 1e-3), "batch_size": 3, "seed": 2}
    train_sampler(
        SCENES,
        SAMPLER,
        training(tmp_path / "a", augmentation=AUGMENTATION, **common),
        cache=BoundaryCache(tmp_path / "cache", settings),
    )
    train_sampler(
        Placed(7, size=(64, 80)),
        SAMPLER,
        training(tmp_path / "b", augmentation=Recoloring(scale=(0.5, 1.0)), **common),
    )
    first, second = (load_sampler(tmp_path / x / "sampler.safetensors")[0] for x in "ab")
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])


@pytest.mark.parametrize(
    "change",
    [{"frames": 6}, {"size": (3, 3)}, {"classes": None}, {"seed": 5}, {"source": "other"},
     {"scale": (1.0, 1.0)}, {"crops": 2}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_other_settings_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    fill_cache(SCENES, tmp_path, SETTINGS, quiet=True)
    other = replace(SETTINGS, **change)
    message = rf"boundaries\.json: belongs to other settings: {next(iter(change))} \("
    with pytest.raises(StorageError, match=message):
        BoundaryCache(tmp_path, other)
    with pytest.raises(StorageError, match=message):
        fill_cache(SCENES, tmp_path, other, quiet=True)


def test_training_refuses_a_cache_of_something_else(tmp_path: Path) -> None:
    fill_cache(SCENES, tmp_path, SETTINGS, quiet=True)
    cache = BoundaryCache(tmp_path, SETTINGS)
    for augmentation, everything in ((Augmentation(), False), (AUGMENTATION, True)):
        options = training(tmp_path / "o", augmentation=augmentation)
        with pytest.raises(ValueError, match="the cache of boundary points was made with other"):
            train_sampler(SCENES, SAMPLER, options, cache=cache, all_boundaries=everything)


def _array(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


GOOD = np.zeros((2, 3, 2, 4, 4), np.float32)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"text", "cannot be read"),
        (_array(GOOD)[:-1], "cannot be read"),
        (_array(np.array([{"a": 1}], object)), "cannot be read"),
        (_array(GOOD[:1]), "does not hold float32 points of shape"),
        (_array(GOOD.astype(float)), "does not hold float32 points"),
        (_array(GOOD + 2), r"holds points outside of \[0, 1\]"),
        (_array(GOOD * np.nan), r"holds points outside of \[0, 1\]"),
    ],
)
def test_damaged_parts_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    fill_cache(SCENES, tmp_path, SETTINGS, quiet=True)
    (tmp_path / "0000002.npy").write_bytes(content)
    with pytest.raises(StorageError, match=rf"0000002\.npy: {message}"):
        BoundaryCache(tmp_path, SETTINGS)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"crops": "x", "seed": 0}', None])
def test_settings_that_are_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "boundaries.json").write_text(text)
    for open_it in (squares_of, lambda folder: BoundaryCache(folder, SETTINGS)):
        with pytest.raises(StorageError, match=r"boundaries\.json: "):
            open_it(tmp_path)


def test_settings_come_back(tmp_path: Path) -> None:
    fill_cache(SCENES, tmp_path, SETTINGS, quiet=True)
    assert squares_of(tmp_path) == (3, 4)
    assert json.loads((tmp_path / "boundaries.json").read_text()) == SETTINGS.plain()
    with pytest.raises(ValueError, match="crops must be at least 1, got 0"):
        replace(SETTINGS, crops=0)
    with pytest.raises(ValueError, match="workers must not be negative, got -1"):
        fill_cache(SCENES, tmp_path, SETTINGS, workers=-1)
