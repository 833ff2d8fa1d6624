# SPDX-License-Identifier: Apache-2.0
"""Synthetic street scenes, drawn on request at any size, with exact labels and instances.

With them one can train, test and demonstrate without a download. A scene is planned in metres
(camera, street, buildings, people, cars) and painted from the farthest thing to the nearest, so
sizes and occlusions are consistent. It contains many small, thin and clustered things, for which
content-adaptive downsampling is made. The same number gives the same scene at every size, and the
same bits with the same versions of NumPy and OpenCV; other versions may draw a few edge pixels
differently.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data.base import DatasetInfo, Frame, SegmentationDataset
from adaseg_fast.data.scenes import textures
from adaseg_fast.data.scenes.buildings import paint_skyline
from adaseg_fast.data.scenes.canvas import Canvas, Kind
from adaseg_fast.data.scenes.ground import SHADED, paint_ground, paint_sky, shade_ground
from adaseg_fast.data.scenes.plan import populate
from adaseg_fast.data.scenes.street import Camera, Light, Stage, Street

SPLITS = ("train", "val", "demo")
SMALLEST, LARGEST = 64, 4096
MOST_FRAMES = 10**7

_COLORS: dict[Kind, tuple[int, int, int]] = {
    Kind.SKY: (70, 130, 180),
    Kind.BUILDING: (90, 90, 90),
    Kind.ROAD: (128, 64, 128),
    Kind.PAVEMENT: (244, 35, 232),
    Kind.VEGETATION: (107, 142, 35),
    Kind.FENCE: (190, 153, 153),
    Kind.POLE: (255, 255, 255),
    Kind.SIGN: (250, 220, 0),
    Kind.CAR: (0, 0, 230),
    Kind.PEDESTRIAN: (220, 20, 60),
    Kind.BICYCLIST: (0, 220, 220),
}
_TARGETS = (Kind.POLE, Kind.SIGN, Kind.CAR, Kind.PEDESTRIAN, Kind.BICYCLIST)


class SyntheticScenes(SegmentationDataset):
    """Street scenes by number. Each depends only on ``seed``, ``split``, its number and ``size``.

    Args:
        count: number of frames, at most 10 million; the frames do not depend on it.
        seed: seed of the whole data set, 0 or more.
        size: (H, W) in pixels, each from 64 to 4096.
        split: "train", "val" or "demo"; no scene is in two of them.

    Raises:
        ValueError: an argument is out of range.
        TypeError: ``count``, ``seed`` or a side of ``size`` is not a whole number.

    Example:
        >>> scenes = SyntheticScenes(10, size=(64, 96))
        >>> scenes[3].name, scenes[3].labels.shape
        ('synthetic_train_000003', (64, 96))
    """

    info = DatasetInfo(
        name="synthetic",
        classes=tuple(kind.name.lower() for kind in Kind),
        colors=tuple(_COLORS[kind] for kind in Kind),
        targets=tuple(int(kind) for kind in _TARGETS),
    )

    def __init__(
        self,
        count: int,
        *,
        seed: int = 0,
        size: tuple[int, int] = (1024, 1024),
        split: str = "train",
    ) -> None:
        self.count = _whole("count", count, 1, MOST_FRAMES)
        self.seed = _whole("seed", seed, 0)
        if not isinstance(size, Sequence) or len(size) != 2:
            raise ValueError(f"size must be (height, width), got {size!r}")
        self.size = (
            _whole("height", size[0], SMALLEST, LARGEST),
            _whole("width", size[1], SMALLEST, LARGEST),
        )
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
        self.split = split

    def __len__(self) -> int:
        return self.count

    def frame_ids(self) -> list[str]:
        """Return a text per frame that tells it from all others, see `Identified`."""
        return [f"{self._name(number)} (seed {self.seed})" for number in range(self.count)]

    def __getitem__(self, index: int) -> Frame:
        """Draw frame ``index``; negative numbers count from the end.

        Raises:
            IndexError: there is no such frame.
        """
        number = operator.index(index)
        if not -self.count <= number < self.count:
            raise IndexError(f"there is no frame {number}: the data set has {self.count}")
        number %= self.count
        rng = np.random.default_rng([self.seed, SPLITS.index(self.split), number])
        image, labels, instances = _draw(rng, self.size)
        return Frame(image, labels, self._name(number), instances)

    def _name(self, number: int) -> str:
        return f"synthetic_{self.split}_{number:06d}"


def _whole(name: str, value: int, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int; it must lie in ``low .. high``."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {value!r}") from None
    if number < low or (high is not None and number > high):
        wanted = f"{low} or more" if high is None else f"{low} to {high}"
        raise ValueError(f"{name} must be {wanted}, got {number}")
    return number


def _draw(
    rng: np.random.Generator, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int32]]:
    """Draw image, labels and instances of the scene that ``rng`` chooses."""
    camera, street = Camera.random(rng, size), Street.random(rng)
    stage = Stage(Canvas(size), camera, street, Light.random(rng))
    things = populate(stage, rng)
    paint_sky(stage, rng)
    paint_skyline(stage, rng)
    ground = paint_ground(stage, rng)
    for thing in sorted(things, key=lambda thing: -thing.depth):
        thing.paint(stage)
    for surface in stage.surfaces:
        tile = textures.wall(surface.tile)
        stage.canvas.texture(surface.segments, surface.corners, surface.texels, tile)
    near = (thing for thing in things if thing.depth < SHADED + 30)
    shade_ground(stage, rng, ground, [s for thing in near for s in thing.shadows(stage.light)])
    return _photograph(rng, stage.canvas), *stage.canvas.truth()


def _photograph(rng: np.random.Generator, canvas: Canvas) -> NDArray[np.uint8]:
    """Apply the camera: darker corners, blur and noise."""
    height, width = canvas.segments.shape
    falloff = np.array([[1, 0.5, 1], [0.5, 0, 0.5], [1, 0.5, 1]]) * rng.uniform(0, 45, (3, 3))
    light = cv2.resize((255 - falloff).astype(np.uint8), (width, height))
    image = canvas.shaded(np.asarray(light, np.uint8))
    cv2.GaussianBlur(image, (3, 3), float(rng.uniform(0.3, 0.75)), dst=image)

    strength = float(rng.uniform(1.0, 6.0)) / 32
    grain = textures.grain()
    step = 1024  # the tile is larger than this, which leaves room for a random offset
    for top in range(0, height, step):
        for left in range(0, width, step):
            block = image[top : top + step, left : left + step]
            y, x = rng.integers(0, grain.shape[0] - step, 2)
            noise = grain[y : y + block.shape[0], x : x + block.shape[1]]
            cv2.addWeighted(block, 1.0, noise, strength, -128.0 * strength, dst=block)
    return image
