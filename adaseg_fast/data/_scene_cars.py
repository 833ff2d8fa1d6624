# SPDX-License-Identifier: Apache-2.0
"""Cars: a side view, swept across the width of the car and seen in perspective."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data._scene_canvas import Color, Kind, Points, blend, tint
from adaseg_fast.data._scene_people import contact_shadow
from adaseg_fast.data._scene_street import Light, Stage, pick, points3

_PAINTS: tuple[Color, ...] = (
    (212, 212, 210), (170, 174, 178), (118, 122, 126), (62, 64, 68), (34, 36, 40), (36, 40, 48),
    (128, 32, 34), (44, 66, 116), (90, 120, 150), (70, 84, 66), (170, 150, 120), (196, 170, 60),
)  # fmt: skip
_TURN = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], -1)
_TYRE: Color = (26, 26, 28)
_PLAIN = 14.0  # pixels: smaller cars are drawn without wheel rims, lamps and plates


@dataclass(frozen=True)
class Model:
    """Shape of a car, metres; along is 0 at the middle and grows towards the front.

    Attributes:
        width: of the body.
        profile: (along, up) from the lower rear over the roof to the lower front.
        glass: segments of the profile (k joins points k and k+1) that are rear or wind screens.
        windows: polygons (along, up) on either side.
        axles: where the wheels are, along.
        wheel: radius.
    """

    width: float
    profile: tuple[tuple[float, float], ...]
    glass: tuple[int, ...]
    windows: tuple[tuple[tuple[float, float], ...], ...]
    axles: tuple[float, float]
    wheel: float


_SEDAN = Model(
    1.8,
    ((-2.25, 0.22), (-2.3, 0.62), (-2.2, 0.98), (-1.6, 1.02), (-0.95, 1.42), (0.3, 1.44),
     (1.1, 1.0), (2.05, 0.82), (2.28, 0.6), (2.25, 0.22)),
    (3, 5),
    (((-1.4, 1.03), (-0.92, 1.34), (-0.35, 1.36), (-0.35, 1.0)),
     ((-0.25, 1.0), (-0.25, 1.36), (0.26, 1.36), (0.9, 1.0))),
    (-1.35, 1.4),
    0.32,
)  # fmt: skip
_HATCHBACK = Model(
    1.74,
    ((-1.9, 0.22), (-1.98, 0.6), (-1.92, 0.95), (-1.6, 1.42), (-1.3, 1.5), (0.2, 1.5),
     (1.0, 1.02), (1.75, 0.85), (1.98, 0.6), (1.95, 0.22)),
    (2, 5),
    (((-1.6, 1.0), (-1.42, 1.38), (-0.5, 1.4), (-0.5, 1.0)),
     ((-0.4, 1.0), (-0.4, 1.4), (0.16, 1.4), (0.82, 1.0))),
    (-1.2, 1.25),
    0.31,
)  # fmt: skip
_OFFROADER = Model(
    1.9,
    ((-2.25, 0.28), (-2.32, 0.7), (-2.28, 1.08), (-2.05, 1.66), (-1.8, 1.74), (0.3, 1.74),
     (1.0, 1.16), (2.1, 1.02), (2.3, 0.75), (2.28, 0.28)),
    (2, 5),
    (((-2.0, 1.16), (-1.82, 1.6), (-0.8, 1.62), (-0.8, 1.14)),
     ((-0.68, 1.14), (-0.68, 1.62), (0.24, 1.62), (0.8, 1.14))),
    (-1.4, 1.45),
    0.38,
)  # fmt: skip
_VAN = Model(
    2.0,
    ((-2.6, 0.25), (-2.66, 0.7), (-2.66, 1.2), (-2.6, 2.05), (-2.5, 2.15), (1.3, 2.12),
     (1.95, 1.2), (2.55, 1.0), (2.68, 0.7), (2.66, 0.25)),
    (2, 5),
    (((0.2, 1.2), (0.2, 1.9), (1.22, 1.9), (1.72, 1.2)),),
    (-1.6, 1.75),
    0.36,
)  # fmt: skip
_MODELS = (_SEDAN, _SEDAN, _HATCHBACK, _HATCHBACK, _OFFROADER, _VAN)


@dataclass(frozen=True)
class Car:
    """A car standing at (x, z), the middle of its footprint."""

    x: float
    z: float
    heading: float  # radians clockwise from the camera's axis; 0 shows its rear
    model: Model
    size: float
    color: Color
    glass: Color

    @property
    def depth(self) -> float:
        return self.z

    @classmethod
    def random(cls, rng: np.random.Generator, x: float, z: float, heading: float) -> Car:
        bright = float(rng.uniform(26, 62))
        return cls(
            x=x,
            z=z,
            heading=heading + float(rng.normal(0, 0.02)),
            model=pick(rng, _MODELS),
            size=float(rng.uniform(0.95, 1.05)),
            color=tint(pick(rng, _PAINTS), float(rng.uniform(0.85, 1.12))),
            glass=(bright * 0.92, bright, bright * 1.08),
        )

    def paint(self, stage: Stage) -> None:
        if not stage.worth(self.x, self.z, 3.0, 1.5):
            return
        canvas, camera, light = stage.canvas, stage.camera, stage.light
        segment = canvas.segment(Kind.CAR, countable=True)
        detailed = camera.scale(self.z) * 1.5 > _PLAIN
        profile = np.array(self.model.profile)
        left, right = (self._side(profile, sign) for sign in (-1, 1))
        left_seen, right_seen = camera.project(left), camera.project(right)
        sides = [
            (sign, outline)
            for sign, outline in ((-1, left_seen), (1, right_seen))
            if sign * _area(outline) > 0
        ]
        self._paint_underside(stage, segment)
        self._paint_wheels(stage, segment)

        quads = np.stack([left_seen[:-1], left_seen[1:], right_seen[1:], right_seen[:-1]], 1)
        distance = np.hypot(left[:, 0] + right[:, 0], left[:, 2] + right[:, 2])
        for k in np.argsort(-(distance[1:] + distance[:-1]), kind="stable"):
            if _area(quads[k]) > 0:
                canvas.fill(quads[k], self._strip_color(light, profile, int(k)), segment)
                if k in self.model.glass:
                    canvas.fill(_inset(quads[k], 0.1), light.seen(self._screen(light), self.z))
        for sign, outline in sides:
            facing = light.facing(*self._normal(sign))
            color = light.seen(self.color, self.z, facing)
            canvas.fill(outline, color, segment)
            if detailed:  # the lower body is darker: it mirrors the road
                sill = profile.copy()
                sill[:, 1] = np.minimum(sill[:, 1], 0.55)
                canvas.fill(camera.project(self._side(sill, sign)), tint(color, 0.8))
            for window in self.model.windows:
                corners = camera.project(self._side(np.array(window), sign))
                canvas.fill(corners, light.seen(self.glass, self.z, facing))
            self._paint_wheels(stage, segment, sign, detailed=detailed)
        if detailed:
            self._paint_ends(stage, segment)

    def shadows(self, light: Light) -> list[Points]:
        length, width = 2.2 * self.size, self.model.width / 2 * self.size
        corners = np.array([[-length, -width], [length, -width], [length, width], [-length, width]])
        foot = self._world(corners[:, 0], np.zeros(4), corners[:, 1])[:, [0, 2]]
        cast = np.array(light.sun) * 1.1
        swept = np.concatenate([foot, foot * 0.85 + foot.mean(0) * 0.15 + cast])
        return [_hull(swept), foot, contact_shadow(self.x, self.z, 1.2, 1.2)]

    def _strip_color(self, light: Light, profile: Points, k: int) -> Color:
        """Colour of the part of the body between two points of its profile."""
        run, rise = profile[k + 1] - profile[k]
        steep = abs(rise) / np.hypot(run, rise)
        end = np.sign(rise) * -1.0  # the rear rises, the front falls
        upright = light.facing(*(end * np.array(self._forward())))
        top = 1.02 + 0.12 * light.strength
        factor = steep * upright + (1 - steep) * top
        low = 0.75 if max(profile[k, 1], profile[k + 1, 1]) < 0.75 else 1.0
        return light.seen(self.color, self.z, factor * low)

    def _screen(self, light: Light) -> Color:
        return blend(self.glass, light.haze, 0.18)

    def _paint_underside(self, stage: Stage, segment: int) -> None:
        """The dark between road and body."""
        length, half = abs(self.model.profile[0][0]) * 0.96, self.model.width * 0.46
        along = length * np.array([-1, 1, 1, -1] * 2)
        across = half * np.array([-1, -1, 1, 1] * 2)
        corners = self._world(along, np.repeat([0.13, 0.4], 4), across)
        hull = _hull(stage.camera.project(corners))
        stage.canvas.fill(hull, stage.light.seen((22, 22, 24), self.z), segment)

    def _paint_wheels(
        self, stage: Stage, segment: int, sign: int | None = None, *, detailed: bool = False
    ) -> None:
        """All four wheels as fat tyres, or those of one side with their rims on top."""
        canvas, light = stage.canvas, stage.light
        half = self.model.width / 2
        for axle in self.model.axles:
            ring = np.array([axle, self.model.wheel]) + self.model.wheel * _CIRCLE
            for side in (-1, 1) if sign is None else (sign,):
                outer = stage.camera.project(self._world(ring[:, 0], ring[:, 1], side * half))
                if sign is None:
                    inner = self._world(ring[:, 0], ring[:, 1], side * (half - 0.22))
                    both = np.concatenate([outer, stage.camera.project(inner)])
                    outer = _hull(both)
                canvas.fill(outer, light.seen(_TYRE, self.z), segment)
                if detailed:
                    rim = outer.mean(0) + 0.6 * (outer - outer.mean(0))
                    canvas.fill(rim, light.seen((150, 152, 156), self.z))

    def _paint_ends(self, stage: Stage, segment: int) -> None:
        """Lamps and plate of whichever end faces the camera."""
        forward = self._forward()
        away = forward[0] * self.x + forward[1] * self.z > 0
        profile, half = np.array(self.model.profile), self.model.width / 2
        along = profile[1, 0] if away else profile[-2, 0]
        up = profile[1, 1]
        lamp: Color = (168, 24, 24) if away else (236, 234, 214)
        for middle, wide, low, high, color in (
            (-half + 0.2, 0.3, up, up + 0.16, lamp),
            (half - 0.2, 0.3, up, up + 0.16, lamp),
            (0.0, 0.5, up - 0.12, up, (225, 224, 200)),
        ):
            across = middle + wide / 2 * np.array([-1, 1, 1, -1])
            corners = self._world(np.full(4, along), np.array([low, low, high, high]), across)
            seen = stage.light.seen(color, self.z)
            stage.canvas.fill(stage.camera.project(corners), seen)

    def _forward(self) -> tuple[float, float]:
        return float(np.sin(self.heading)), float(np.cos(self.heading))

    def _normal(self, sign: int) -> tuple[float, float]:
        """(x, z) of the outward normal of a side."""
        return sign * float(np.cos(self.heading)), -sign * float(np.sin(self.heading))

    def _side(self, outline: Points, sign: int) -> Points:
        """Points (k, 2) along and up to (k, 3) on one side; the cabin leans inwards."""
        lean = 0.16 * np.clip((outline[:, 1] - 0.95) / 0.5, 0, 1)
        across = sign * self.model.width / 2 * (1 - lean)
        return self._world(outline[:, 0], outline[:, 1], across)

    def _world(self, along: Points, up: Points, across: Points | float) -> Points:
        """Metres along, up and across the car to the street's axes."""
        sine, cosine = self._forward()
        along, across = np.asarray(along) * self.size, np.asarray(across) * self.size
        return points3(
            self.x + along * sine + across * cosine,
            np.asarray(up) * self.size,
            self.z + along * cosine - across * sine,
        )


def _area(polygon: NDArray[np.float64]) -> float:
    """Twice the signed area of (k, 2) points; positive when clockwise on the screen."""
    x, y = polygon.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def _hull(points: Points) -> Points:
    """Convex hull (k, 2) of points (n, 2)."""
    return np.asarray(cv2.convexHull(points.astype(np.float32))[:, 0], np.float64)


def _inset(polygon: Points, amount: float) -> Points:
    return polygon + amount * (polygon.mean(0) - polygon)
