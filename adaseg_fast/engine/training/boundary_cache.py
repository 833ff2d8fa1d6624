# SPDX-License-Identifier: Apache-2.0
"""The nearest boundary points b(u) of every training frame, found once and kept in a folder.

They are the costly part of what the auxiliary network learns from; proposals (eq. 2) for any lambda
follow from them in microseconds. Each frame is seen in a fixed number of random squares, which
training then goes through epoch after epoch; colours stay as random as ever.

The folder holds ``boundaries.json`` with the settings and one file ``NUMBER.npy`` for each part of
the frames. A part is written to a temporary name and renamed, so that whatever is there is whole:
an interrupted run goes on by doing the parts that are missing.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from adaseg_fast.backends import nearest_boundary
from adaseg_fast.data import SegmentationDataset
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.storage import StorageError, read_json, write_atomically, write_json

_SETTINGS = "boundaries.json"
_PART = 64  # frames

Points = NDArray[np.float32]


@dataclass(frozen=True)
class CacheSettings:
    """What the points depend on.

    Attributes:
        source: the data set and split, in words.
        frames: how many there are.
        size: of the sampling tensor.
        classes: whose boundaries count; None for all.
        ignore_index: as in `DatasetInfo`.
        crops: random squares of each frame.
        scale: see `Augmentation`.
        flip: see `Augmentation`.
        seed: of the squares.
    """

    source: str
    frames: int
    size: tuple[int, int]
    classes: tuple[int, ...] | None
    ignore_index: int
    crops: int
    scale: tuple[float, float]
    flip: float
    seed: int

    def __post_init__(self) -> None:
        if self.crops < 1:
            raise ValueError(f"crops has to be at least 1, got {self.crops}")

    @classmethod
    def of(
        cls,
        frames: SegmentationDataset,
        source: str,
        *,
        size: tuple[int, int],
        all_boundaries: bool,
        augmentation: Augmentation,
        crops: int,
        seed: int,
    ) -> CacheSettings:
        """The settings for training on ``frames``, of all boundaries or of the targets'."""
        return cls(
            source=source,
            frames=len(frames),
            size=size,
            classes=None if all_boundaries else frames.info.targets,
            ignore_index=frames.info.ignore_index,
            crops=crops,
            scale=augmentation.scale,
            flip=augmentation.flip,
            seed=seed,
        )

    def geometry(self, index: int, epoch: int) -> np.random.Generator:
        """What chooses the square of frame ``index`` in an epoch."""
        return np.random.default_rng([self.seed, index, epoch % self.crops])

    def plain(self) -> dict[str, Any]:
        """As JSON gives it back."""
        return dict(json.loads(json.dumps(asdict(self))))


class BoundaryCache:
    """The points of a folder that `fill_cache` has filled.

    Args:
        folder: that folder.
        settings: what they have to depend on.

    Raises:
        StorageError: the folder was made with other settings, is not complete or damaged.
    """

    def __init__(self, folder: Path, settings: CacheSettings) -> None:
        _check_settings(folder, settings)
        parts = _parts(settings)
        missing = [part for part in parts if not _path(folder, part).is_file()]
        if missing:
            raise StorageError(
                f"{folder}: {len(missing)} of {len(parts)} parts are missing; "
                "give the command that fills it again"
            )
        self.settings = settings
        self._points = np.concatenate([_read(folder, part, settings) for part in parts])

    def nearest(self, index: int, epoch: int) -> Tensor:
        """(2, h, w), b(u) of the square of frame ``index`` in an epoch."""
        return torch.from_numpy(self._points[index, epoch % self.settings.crops])


def fill_cache(
    frames: SegmentationDataset,
    folder: Path,
    settings: CacheSettings,
    *,
    workers: int = 0,
    quiet: bool = False,
) -> int:
    """Find the points that are not in ``folder`` yet.

    Args:
        workers: threads; 0 for the caller's alone.
    Returns:
        How many parts were missing.
    Raises:
        ValueError: ``workers`` is negative.
        StorageError: the folder was begun with other settings, or a frame cannot be read.
    """
    if workers < 0:
        raise ValueError(f"workers must not be negative, got {workers}")
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / _SETTINGS).exists():
        _check_settings(folder, settings)
    else:
        write_json(folder / _SETTINGS, settings.plain())
    missing = [part for part in _parts(settings) if not _path(folder, part).is_file()]
    pool = ThreadPoolExecutor(max(workers, 1))
    try:
        done = [pool.submit(_fill_part, frames, folder, part, settings) for part in missing]
        for future in tqdm(as_completed(done), total=len(done), disable=quiet, unit="part"):
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)
    return len(missing)


def _fill_part(
    frames: SegmentationDataset, folder: Path, part: range, settings: CacheSettings
) -> None:
    points = np.stack([_points_of(frames, index, settings) for index in part])
    buffer = io.BytesIO()
    np.save(buffer, points)
    write_atomically(_path(folder, part), buffer.getvalue())


def _points_of(frames: SegmentationDataset, index: int, settings: CacheSettings) -> Points:
    """(crops, 2, h, w) of one frame."""
    frame = frames[index]
    augmentation = Augmentation(scale=settings.scale, flip=settings.flip)
    squares = (
        augmentation.place(frame, settings.geometry(index, crop)).labels
        for crop in range(settings.crops)
    )
    points = [
        nearest_boundary(
            labels[None],
            settings.size,
            classes=settings.classes,
            ignore_index=settings.ignore_index,
            threads=1,
        )
        for labels in squares
    ]
    return np.concatenate(points)


def _parts(settings: CacheSettings) -> list[range]:
    starts = range(0, settings.frames, _PART)
    return [range(start, min(start + _PART, settings.frames)) for start in starts]


def _path(folder: Path, part: range) -> Path:
    return folder / f"{part.start:07}.npy"


def _read(folder: Path, part: range, settings: CacheSettings) -> Points:
    path = _path(folder, part)
    wanted: Sequence[int] = (len(part), settings.crops, 2, *settings.size)
    try:
        points = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StorageError(f"{path}: cannot be read ({error})") from error
    if not isinstance(points, np.ndarray) or points.shape != wanted or points.dtype != np.float32:
        raise StorageError(f"{path}: does not hold float32 points of shape {tuple(wanted)}")
    if not ((points >= 0) & (points <= 1)).all():
        raise StorageError(f"{path}: holds points outside of [0, 1]")
    return points


def squares_of(folder: Path) -> tuple[int, int]:
    """``crops`` and ``seed`` of a folder that `fill_cache` has filled, or a StorageError."""
    path = folder / _SETTINGS
    there = read_json(path)
    known = there if isinstance(there, dict) else {}
    crops, seed = known.get("crops"), known.get("seed")
    if type(crops) is not int or type(seed) is not int:
        raise StorageError(f"{path}: does not hold the settings of boundary points")
    return crops, seed


def _check_settings(folder: Path, settings: CacheSettings) -> None:
    path = folder / _SETTINGS
    there, wanted = read_json(path), settings.plain()
    if not isinstance(there, dict) or there.keys() != wanted.keys():
        raise StorageError(f"{path}: does not hold the settings of boundary points")
    different = [f"{key} ({there[key]} there, {wanted[key]} now)" for key in wanted
                 if there[key] != wanted[key]]  # fmt: skip
    if different:
        raise StorageError(f"{path}: belongs to other settings: {', '.join(different)}")
