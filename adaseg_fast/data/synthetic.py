# SPDX-License-Identifier: Apache-2.0
"""Synthetic street scenes: drawn on the spot, at any size, with exact labels and instances.

They let one train, test and demonstrate without a download. A scene is planned in metres (camera,
street, buildings, people, cars) and painted from the farthest thing to the nearest, so sizes and
occlusions are consistent; the many small, thin and clustered things are what content-adaptive
downsampling is for. The same number gives the same scene at every size.
"""

from __future__ import annotations

import operator

import cv2
import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data import _scene_textures as textures
from adaseg_fast.data._scene_buildings import paint_skyline
from adaseg_fast.data._scene_canvas import Canvas, Kind
from adaseg_fast.data._scene_ground import paint_ground, paint_sky, shade_ground
from adaseg_fast.data._scene_plan import populate
from adaseg_fast.data._scene_street import Camera, Light, Stage, Street
from adaseg_fast.data.base import DatasetInfo, Frame, SegmentationDataset

SPLITS = ("train", "val", "demo")
SMALLEST, LARGEST = 64, 4096

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
    """Street scenes by number; each depends on ``seed``, ``split``, its number and ``size`` alone.

    Args:
        count: number of frames; it does not change the frames.
        seed: of the whole data set, 0 or more.
        size: (H, W) in pixels, each 64 .. 4096.
        split: "train", "val" or "demo"; no scene is in two of them.
    Raises:
        ValueError: an argument is out of range.
        TypeError: ``count``, ``seed`` or ``size`` is not integral.
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
        if operator.index(count) < 1:
            raise ValueError(f"count must be 1 or more, got {count}")
        if operator.index(seed) < 0:
            raise ValueError(f"seed must be 0 or more, got {seed}")
        if len(size) != 2 or not all(SMALLEST <= operator.index(n) <= LARGEST for n in size):
            raise ValueError(
                f"size must be (height, width), each {SMALLEST} to {LARGEST} pixels, got {size}"
            )
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
        self.count = operator.index(count)
        self.seed = operator.index(seed)
        self.size = (operator.index(size[0]), operator.index(size[1]))
        self.split = split

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Frame:
        """Draw frame ``index``; negative numbers count from the end.

        Raises:
            IndexError: there is no such frame.
        """
        number = operator.index(index)
        if not -self.count <= number < self.count:
            raise IndexError(f"frame {index} of a data set of {self.count}")
        number %= self.count
        rng = np.random.default_rng([self.seed, SPLITS.index(self.split), number])
        image, labels, instances = _draw(rng, self.size)
        return Frame(image, labels, f"synthetic_{self.split}_{number:06d}", instances)


def _draw(
    rng: np.random.Generator, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int32]]:
    """Image, labels and instances of the scene that ``rng`` leads to."""
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
    shade_ground(stage, rng, ground, [s for t in things for s in t.shadows(stage.light)])
    return _expose(rng, stage.canvas.shaded()), *stage.canvas.truth()


def _expose(rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What the camera makes of it: uneven light, blur, exposure, white balance, noise."""
    height, width = image.shape[:2]
    gloom = (255 - rng.uniform(0, 45, (3, 3)) * np.array([[1, 0.5, 1], [0.5, 0, 0.5], [1, 0.5, 1]]))
    field = cv2.resize(gloom.astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    image = np.asarray(cv2.multiply(image, cv2.cvtColor(field, cv2.COLOR_GRAY2RGB), scale=1 / 255))
    cv2.GaussianBlur(image, (3, 3), float(rng.uniform(0.3, 0.75)), dst=image)

    gain = rng.uniform(0.72, 1.15) * rng.uniform(0.92, 1.08, 3)
    gamma = rng.uniform(0.85, 1.2)
    curve = (np.arange(256)[:, None] / 255) ** gamma * gain * 255
    cv2.LUT(image, np.clip(curve, 0, 255).astype(np.uint8)[None], dst=image)

    strength = float(rng.uniform(1.0, 6.0)) / 32
    grain = textures.grain()
    step = 1024  # the tile is larger by the room for a random offset
    for top in range(0, height, step):
        for left in range(0, width, step):
            block = image[top : top + step, left : left + step]
            y, x = rng.integers(0, grain.shape[0] - step, 2)
            noise = grain[y : y + block.shape[0], x : x + block.shape[1]]
            block[...] = cv2.addWeighted(block, 1.0, noise, strength, -128.0 * strength)
    return image
