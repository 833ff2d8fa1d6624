# SPDX-License-Identifier: Apache-2.0
"""Buildings, the skyline behind the street, and fences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data.scenes import textures
from adaseg_fast.data.scenes.canvas import Color, Kind, Points, blend, tint
from adaseg_fast.data.scenes.street import FAR, NEAR, Light, Side, Stage, Surface, pick

_FACES: tuple[Color, ...] = (
    (176, 160, 138), (150, 98, 78), (132, 84, 70), (198, 186, 162), (122, 120, 118),
    (164, 150, 150), (190, 168, 120), (112, 116, 126), (208, 204, 198), (142, 130, 112),
    (168, 120, 96), (128, 140, 124), (186, 148, 132), (96, 100, 104),
)  # fmt: skip
_ROOFS: tuple[Color, ...] = ((116, 66, 54), (72, 70, 74), (98, 88, 82), (84, 92, 100))
_SHOPS: tuple[Color, ...] = (
    (150, 40, 40), (36, 80, 120), (40, 90, 60), (60, 56, 58), (190, 150, 60), (140, 130, 120),
)  # fmt: skip
_DEEP = 12.0  # of a building away from the street

# From metres along a wall and up it, both of one shape (...), to pixels (..., 2).
Placer = Callable[[NDArray[np.float64], NDArray[np.float64]], Points]


@dataclass(frozen=True)
class Windows:
    """Layout of the windows of a building, in metres."""

    pitch: float
    storey: float
    width: float
    height: float
    glass: Color
    frame: Color
    shop: Color | None

    @classmethod
    def random(cls, rng: np.random.Generator) -> Windows:
        pitch = float(rng.uniform(2.0, 3.8))
        bright = float(rng.uniform(28, 80))
        return cls(
            pitch=pitch,
            storey=float(rng.uniform(2.8, 3.6)),
            width=pitch * float(rng.uniform(0.4, 0.72)),
            height=float(rng.uniform(1.3, 2.0)),
            glass=(bright * 0.9, bright, bright * 1.15),
            frame=pick(rng, ((220, 216, 208), (70, 62, 56), (170, 160, 146), (200, 190, 170))),
            shop=pick(rng, _SHOPS) if rng.random() < 0.45 else None,
        )


@dataclass(frozen=True)
class Building:
    """A house along the street, between distances ``start`` and ``end``."""

    sign: int
    base: tuple[tuple[float, float], tuple[float, float]]  # (x, z) of the facade's near and far end
    height: float
    roof: float  # rise of the ridge, 0 for a flat roof
    hidden: float  # height of a nearer building that touches the near end wall, or 0
    color: Color
    roof_color: Color
    tile: str
    windows: Windows
    moods: NDArray[np.float64]  # one per window, in turn: dark, reflecting or curtained

    @property
    def depth(self) -> float:
        return self.base[1][1]  # things beside the facade are in front of it

    @classmethod
    def random(
        cls, rng: np.random.Generator, stage: Stage, side: Side, z: float, *, hidden: float
    ) -> Building:
        end = min(z + float(rng.uniform(9, 26)), FAR + 10)
        windows = Windows.random(rng)
        storeys = int(rng.integers(2, pick(rng, (4, 6, 9))))
        offset = side.sign * side.facade
        base = tuple((float(stage.street.x(offset, at)), at) for at in (z, end))
        gain, cast = rng.uniform(0.78, 1.12), rng.uniform(0.94, 1.06, 3)
        color = pick(rng, _FACES)
        return cls(
            sign=side.sign,
            base=(base[0], base[1]),
            height=storeys * windows.storey + float(rng.uniform(0.4, 1.4)),
            roof=float(rng.uniform(2.5, 4.5)) if rng.random() < 0.5 else 0.0,
            hidden=hidden,
            color=(color[0] * gain * cast[0], color[1] * gain * cast[1], color[2] * gain * cast[2]),
            roof_color=pick(rng, _ROOFS),
            tile=pick(rng, textures.WALLS),
            windows=windows,
            moods=rng.random(61),
        )

    def paint(self, stage: Stage) -> None:
        segment = stage.canvas.segment(Kind.BUILDING)
        near, far = (np.array(end) for end in self.base)
        back = near + np.array([self.sign * _DEEP, 0.0])
        if self.roof:
            self._paint_roof(stage, segment)
        if near[1] > NEAR and self.hidden < self.height:
            facing = stage.light.facing(0.0, -1.0)
            self._paint_wall(stage, segment, near, back, facing, front=False)
        if far[1] > NEAR:
            near = near + (far - near) * max(0.0, (NEAR - near[1]) / (far[1] - near[1]))
            facing = stage.light.facing(-float(self.sign), 0.0)
            self._paint_wall(stage, stage.canvas.segment(Kind.BUILDING), near, far, facing)

    def shadows(self, light: Light) -> list[Points]:
        cast = np.array(light.sun) * self.height
        near, far = (np.array(end) for end in self.base)
        deep = np.array([self.sign * 6.0, 0.0])
        top = [near + cast, far + cast]
        return [
            np.array([near, far, top[1], top[0]]),
            np.array([near, near + cast, near + deep + cast, near + deep]),
            np.array([far, far + cast, far + deep + cast, far + deep]),
        ]

    def _paint_roof(self, stage: Stage, segment: int) -> None:
        """Paint the slope towards the street, and the gable below it at the near end."""
        (x0, z0), (x1, z1) = self.base
        ridge, top = self.sign * _DEEP / 2, self.height + self.roof
        eaves = self.height
        light, project = stage.light, stage.camera.project
        slope = project(
            [x0, x1, x1 + ridge, x0 + ridge], [eaves, eaves, top, top], [z0, z1, z1, z0]
        )
        tone = light.facing(-self.sign * 0.7, 0.0) * 1.1
        middle = max((z0 + z1) / 2, NEAR)
        color = light.seen(self.roof_color, middle, tone)
        stage.canvas.fill(slope, color, segment)
        if z0 > NEAR and self.hidden < top:
            gable = project([x0, x0 + ridge, x0 + 2 * ridge], [eaves, top, eaves], z0)
            color = light.seen(self.color, z0, light.facing(0.0, -1.0))
            stage.canvas.fill(gable, color, segment)

    def _paint_wall(
        self,
        stage: Stage,
        segment: int,
        start: Points,
        end: Points,
        facing: float,
        *,
        front: bool = True,
    ) -> None:
        """Paint an upright wall from ``start`` to ``end``, both (x, z), with its windows."""
        camera, length = stage.camera, float(np.hypot(*(end - start)))
        z = float(start[1] + end[1]) / 2

        def place(along: NDArray[np.float64], up: NDArray[np.float64]) -> Points:
            part = along / length
            x, ahead = (start[k] + part * (end[k] - start[k]) for k in (0, 1))
            return camera.project(x, up, ahead)

        outline = np.array([[0, 0], [length, 0], [length, self.height], [0, self.height]])
        corners = place(outline[:, 0], outline[:, 1])
        if corners[:, 0].max() < 0 or corners[:, 0].min() > camera.size[1]:
            return
        color = stage.light.seen(self.color, z, facing)
        stage.canvas.fill(corners, color, segment)
        cornice = np.array([self.height, self.height, self.height - 0.45, self.height - 0.45])
        stage.canvas.fill(place(outline[[0, 1, 1, 0], 0], cornice), tint(color, 1.14))
        if camera.scale(float(start[1])) > 8.0:
            texels = outline * textures.WALL_TEXELS
            stage.surfaces.append(Surface((segment, segment), corners, texels, self.tile))
        self._paint_windows(stage, place, length, z, facing, front=front)

    def _paint_windows(
        self,
        stage: Stage,
        place: Placer,
        length: float,
        z: float,
        facing: float,
        *,
        front: bool,
    ) -> None:
        """Paint windows in a grid; towards the street the ground floor may be a row of shops."""
        plan, canvas = self.windows, stage.canvas
        glazing = canvas.segment(Kind.BUILDING)  # a segment of its own: glass has no texture

        def seen(color: Color) -> Color:
            return stage.light.seen(color, z, facing)

        columns = max(1, int(length / plan.pitch))
        pitch, storeys = length / columns, int(self.height / plan.storey)
        middle = np.arange(0.5, columns) * pitch
        shop = plan.shop if front else None
        if shop is not None:
            zero = np.zeros(columns)
            glass, fascia = (
                _in_view(stage, _boxes(place, middle, zero + bottom, width, height))[0]
                for bottom, width, height in ((0.4, pitch * 0.86, 2.0), (2.45, pitch, 0.6))
            )
            canvas.fill_all(glass, seen(tint(plan.glass, 1.1)), glazing)
            canvas.fill_all(fascia, seen(shop), glazing)
        floor = np.arange(0.0 if shop is None else 1.0, storeys) * plan.storey + 0.9
        bottom, along = (grid.ravel() for grid in np.meshgrid(floor, middle, indexing="ij"))
        panes, numbers = _in_view(stage, _boxes(place, along, bottom, plan.width, plan.height))
        if len(panes) == 0:
            return
        centre = panes.mean(1, keepdims=True)
        wide = np.ptp(panes[..., 0], 1)
        frames = (centre + (panes - centre) * (1.2, 1.12))[wide > 4]
        canvas.fill_all(frames, seen(plan.frame), glazing)
        mood = self.moods[numbers % len(self.moods)]
        sky = blend(plan.glass, stage.light.haze, 0.45)
        curtain = blend(plan.glass, (210, 200, 180), 0.55)
        for low, high, color in ((0.0, 0.6, plan.glass), (0.6, 0.84, sky), (0.84, 1.0, curtain)):
            canvas.fill_all(panes[(mood >= low) & (mood < high)], seen(color))
        if plan.width > 1.3:
            posts = (centre + (panes - centre) * (0.06, 1.0))[wide > 12]
            canvas.fill_all(posts, seen(plan.frame))


def _in_view(stage: Stage, quads: Points) -> tuple[Points, NDArray[np.int64]]:
    """Return ``quads`` (n, 4, 2) that touch the image and are large enough, and their numbers."""
    height, width = stage.camera.size
    low, high = quads.min(1), quads.max(1)
    keep = (high > 0).all(1) & (low < (width, height)).all(1) & (high - low > 1.2).all(1)
    return quads[keep], np.flatnonzero(keep)


def _boxes(
    place: Placer,
    middle: NDArray[np.float64],
    bottom: NDArray[np.float64],
    width: float,
    height: float,
) -> Points:
    """Return upright rectangles on a wall, (n, 4, 2) in pixels."""
    along = middle[:, None] + np.array([-0.5, 0.5, 0.5, -0.5]) * width
    up = bottom[:, None] + np.array([0.0, 0.0, 1.0, 1.0]) * height
    return place(along, up)


@dataclass(frozen=True)
class Fence:
    """A fence of boards or pickets along the edge of the pavement."""

    ends: tuple[tuple[float, float], tuple[float, float]]  # (x, z), the nearer one first
    height: float
    color: Color
    gaps: float  # share of the face that is open, 0 for boards

    @property
    def depth(self) -> float:
        return self.ends[1][1]

    @classmethod
    def random(
        cls, rng: np.random.Generator, stage: Stage, offset: float, z: tuple[float, float]
    ) -> list[Fence]:
        """Make a row of fences, each short enough to follow the bend."""
        height, gaps = float(rng.uniform(0.9, 1.9)), pick(rng, (0.0, 0.0, 0.35, 0.5))
        color = pick(
            rng, ((120, 92, 66), (196, 192, 184), (84, 88, 84), (146, 128, 108), (70, 84, 66))
        )
        stops = np.arange(z[0], z[1], 4.0)
        ends = [(float(stage.street.x(offset, at)), float(at)) for at in stops]
        return [cls((first, second), height, color, gaps) for first, second in pairwise(ends)]

    def paint(self, stage: Stage) -> None:
        (x0, z0), (x1, z1) = self.ends
        if z1 <= NEAR or not stage.worth(x1, z1, 4.0 + abs(x1), self.height):
            return
        canvas, camera, light = stage.canvas, stage.camera, stage.light
        segment = canvas.segment(Kind.FENCE)
        facing = light.facing(-float(np.sign(x0)), 0.0)
        color = light.seen(self.color, z1, facing)

        def place(part: NDArray[np.float64], up: NDArray[np.float64]) -> Points:
            return camera.project(x0 + part * (x1 - x0), up, z0 + part * (z1 - z0))

        whole = _boxes(place, np.array([0.5]), np.array([0.0]), 1.0, self.height)
        canvas.fill_all(whole, tint(color, 0.5 if self.gaps else 1.0), segment)
        boards = 20 if self.gaps else 8
        middle = (np.arange(boards) + 0.5) / boards
        if camera.scale(z1) * 4.0 / boards < 2.0:  # too fine to be seen
            canvas.fill_all(whole, tint(color, 1.0 - 0.5 * self.gaps))
        elif self.gaps:
            width = (1.0 - self.gaps) / boards
            canvas.fill_all(_boxes(place, middle, 0 * middle, width, self.height), color)
        else:
            canvas.fill_all(
                _boxes(place, middle, 0 * middle, 0.1 / boards, self.height), tint(color, 0.7)
            )
        rail = _boxes(place, np.array([0.5]), np.array([self.height * 0.88]), 1.0, 0.09)
        canvas.fill_all(rail, tint(color, 1.12))

    def shadows(self, light: Light) -> list[Points]:
        cast = np.array(light.sun) * self.height
        ends = np.array(self.ends)
        return [np.concatenate([ends, ends[::-1] + cast])]


def paint_skyline(stage: Stage, rng: np.random.Generator) -> None:
    """Paint roofs and hills where the street ends, across the whole image."""
    camera, light = stage.camera, stage.light
    building, woods = (stage.canvas.segment(kind) for kind in (Kind.BUILDING, Kind.VEGETATION))
    reach = 1.3 * FAR * camera.size[1] / camera.focal
    x = np.linspace(-reach, reach, 60)
    hills = rng.uniform(3, 9) + rng.uniform(0, 3, 60) + 3 * np.sin(x / 31 + rng.uniform(0, 6))
    outline = camera.project([*x, reach, -reach], [*hills, -3.0, -3.0], FAR)
    stage.canvas.fill(outline, light.seen((74, 98, 58), FAR, 0.9), woods)
    middle = float(rng.uniform(-0.4, 0.4)) * reach
    for _ in range(int(rng.integers(0, 18))):
        left, width = middle + rng.normal(0, 60), rng.uniform(8, 25)
        height = rng.uniform(6, 14) + rng.exponential(7)
        right = left + width
        box = camera.project([left, right, right, left], [-1.0, -1.0, height, height], FAR)
        color = light.seen(pick(rng, _FACES), FAR, float(rng.uniform(0.75, 1.05)))
        stage.canvas.fill(box, color, building)
