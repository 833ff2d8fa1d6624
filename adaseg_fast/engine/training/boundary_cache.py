# SPDX-License-Identifier: Apache-2.0
"""The nearest boundary points b(u) of every training frame, found once and kept in a folder.

They are the costly part of the auxiliary network's training targets; the proposals (eq. 2) for any
lambda follow from them in microseconds. Each frame is cut into a fixed number of random squares.
Training uses one of them per epoch, in turn. Colours still change at random in every epoch.

The folder holds ``boundaries.json`` with the settings, and one file ``NUMBER.npy`` for each part of
the frames. A part is written to a temporary name and renamed, so every file is whole. An
interrupted run continues with the parts that are missing.
"""

from __future__ import annotations

import io
import json
import re
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
from adaseg_fast.data import DATASETS, SegmentationDataset
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.storage import StorageError, read_json, write_atomically, write_json

_SETTINGS = "boundaries.json"
_PART = 64  # frames

Points = NDArray[np.float32]


@dataclass(frozen=True)
class CacheSettings:
    """The settings on which the points depend.

    Attributes:
        source: the data set and split, in words, see `describe_source`.
        frames: number of frames.
        size: ``(h, w)`` of the sampling tensor.
        classes: numbers of the classes whose boundaries count; None for all.
        ignore_index: label of pixels without a class.
        crops: number of random squares per frame.
        scale: bounds of the squares' side, see `Augmentation`.
        flip: probability that a square is flipped, see `Augmentation`.
        seed: seed of the squares.

    Raises:
        ValueError: ``crops`` is below 1.
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
            raise ValueError(f"crops must be at least 1, got {self.crops}")

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
        """The settings for the training on some frames.

        Args:
            frames: the training frames.
            source: the data set and split, in words.
            size: ``(h, w)`` of the sampling tensor.
            all_boundaries: use all classes instead of the target classes.
            augmentation: gives ``scale`` and ``flip``.
            crops: number of random squares per frame.
            seed: seed of the squares.
        """
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
        """The generator that chooses the square of frame ``index`` in an epoch."""
        return np.random.default_rng([self.seed, index, epoch % self.crops])

    def plain(self) -> dict[str, Any]:
        """The settings as JSON gives them back."""
        return dict(json.loads(json.dumps(asdict(self))))

    def content(self) -> dict[str, Any]:
        """The settings without ``source``, for who knows the frames themselves."""
        values = self.plain()
        del values["source"]
        return values


class BoundaryCache:
    """The points of a folder that `fill_cache` has filled.

    Args:
        folder: that folder.
        settings: the settings with which it must have been filled.

    Raises:
        StorageError: The folder was filled with other settings, is incomplete or is damaged.
    """

    def __init__(self, folder: Path, settings: CacheSettings) -> None:
        _check_settings(folder, settings)
        parts = _parts(settings)
        missing = [part for part in parts if not _path(folder, part).is_file()]
        if missing:
            raise StorageError(
                f"{folder}: {len(missing)} of {len(parts)} parts are missing; "
                "run the command that fills it again"
            )
        self.settings = settings
        self._points = np.concatenate([_read(folder, part, settings) for part in parts])

    def nearest(self, index: int, epoch: int) -> Tensor:
        """The points ``(2, h, w)`` of the square of frame ``index`` in an epoch."""
        return torch.from_numpy(self._points[index, epoch % self.settings.crops])


def describe_source(data: str, split: str, seed: int | None) -> str:
    """The words that name a data set and split in `CacheSettings`.

    A folder is named by its whole path, links resolved, so it has one name.

    Args:
        data: the data set, as ``--data`` names it.
        split: part of the data set.
        seed: seed of the data set; None for its own.

    Returns:
        The words.

    Example:
        >>> describe_source("synthetic:64", "train", 3)
        'synthetic:64, train, seed 3'
    """
    name, _, where = data.partition(":")
    if where and name in DATASETS and DATASETS[name].needs_path:
        data = f"{name}:{_whole_path(where)}"
    return f"{data}, {split}" + ("" if seed is None else f", seed {seed}")


def fill_cache(
    frames: SegmentationDataset,
    folder: Path,
    settings: CacheSettings,
    *,
    workers: int = 0,
    quiet: bool = False,
) -> int:
    """Find the points that are not in a folder yet.

    Args:
        frames: the training frames.
        folder: new, or filled in part by an earlier call.
        settings: the settings of the points.
        workers: number of threads; 0 means one.
        quiet: show no progress bar.

    Returns:
        The number of parts that were missing.

    Raises:
        ValueError: ``workers`` is negative.
        StorageError: The folder was begun with other settings, or a frame cannot be read.

    Example:
        >>> import tempfile
        >>> from adaseg_fast.data import open_dataset
        >>> frames = open_dataset("synthetic:2x64", "train")
        >>> settings = CacheSettings.of(
        ...     frames, "two scenes", size=(4, 4), all_boundaries=True,
        ...     augmentation=Augmentation(), crops=1, seed=0,
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     parts = fill_cache(frames, Path(folder), settings, quiet=True)
        ...     BoundaryCache(Path(folder), settings).nearest(0, epoch=0).shape
        torch.Size([2, 4, 4])
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
    """The points ``(crops, 2, h, w)`` of one frame."""
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
    """The squares of a folder that `fill_cache` has filled.

    Args:
        folder: that folder.

    Returns:
        ``crops`` and ``seed`` of its settings.

    Raises:
        StorageError: The folder holds no settings of boundary points.
    """
    path = folder / _SETTINGS
    there = read_json(path)
    known = there if isinstance(there, dict) else {}
    crops, seed = known.get("crops"), known.get("seed")
    if type(crops) is not int or type(seed) is not int:
        raise StorageError(f"{path}: does not hold the settings of boundary points")
    return crops, seed


def same_source(first: object, second: object) -> bool:
    """Whether two texts name the same data, with a relative or a whole path.

    Args:
        first: what `describe_source` gives, or what version 0.1.0 wrote: the path as it was typed.
        second: the same.

    Returns:
        True if they do.

    Example:
        >>> same_source("camvid:data, train", f"camvid:{Path.cwd()}/data, train")
        True
    """
    if first == second or not (isinstance(first, str) and isinstance(second, str)):
        return first == second
    return _whole_source(first) == _whole_source(second)


def _whole_source(text: str) -> str:
    found = re.fullmatch(r"(.*), ([^,]*?)(?:, seed (-?\d+))?", text, re.DOTALL)
    if found is None:
        return text
    data, split, seed = found.groups()
    return describe_source(data, split, None if seed is None else int(seed))


def _whole_path(path: str) -> str:
    try:
        return str(Path(path).expanduser().resolve())
    except (OSError, RuntimeError, ValueError):  # no such user, a loop of links, a zero byte
        return path


def _check_settings(folder: Path, settings: CacheSettings) -> None:
    path = folder / _SETTINGS
    there, wanted = read_json(path), settings.plain()
    if not isinstance(there, dict) or there.keys() != wanted.keys():
        raise StorageError(f"{path}: does not hold the settings of boundary points")
    if same_source(there["source"], wanted["source"]):
        there["source"] = wanted["source"]
    different = [f"{key} ({there[key]} there, {wanted[key]} now)" for key in wanted
                 if there[key] != wanted[key]]  # fmt: skip
    if different:
        raise StorageError(f"{path}: belongs to other settings: {', '.join(different)}")
