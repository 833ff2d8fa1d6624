# SPDX-License-Identifier: Apache-2.0
"""Cars: a side view is swept across the width of the car and drawn in perspective."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import cv2
import numpy as np

from adaseg_fast.data.scenes.canvas import Color, Kind, Part, Points, blend, circle, tint
from adaseg_fast.data.scenes.street import Light, Stage, pick

_PAINTS: tuple[Color, ...] = (
    (212, 212, 210), (170, 174, 178), (118, 122, 126), (62, 64, 68), (34, 36, 40), (36, 40, 48),
    (128, 32, 34), (44, 66, 116), (90, 120, 150), (70, 84, 66), (170, 150, 120), (196, 170, 60),
)  # fmt: skip
_CIRCLE = circle(16)
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


class _Role(IntEnum):
    LEFT = 0
    RIGHT = 1
    REAR = 2
    FRONT = 3
    TOP = 4
    GLASS = 5
    SCREEN = 6
    TYRE = 7
    RIM = 8
    TAIL = 9
    LAMP = 10
    PLATE = 11


# Outward normals (along, up, across).
_AHEAD, _BEHIND = (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0)
_SIDES = ((-1, _Role.LEFT, (0.0, 0.0, -1.0)), (1, _Role.RIGHT, (0.0, 0.0, 1.0)))


class _Mesh:
    """The polygons of a model, from the farthest to the nearest for a camera ahead or behind it.

    Attributes:
        points: (n, 3) along, up and across, metres.
        parts: polygons of ``points``.
        normals: (p, 3), outward, one per part.
        centres: (p, 3), one per part.
        fine: (p,) bool, details that are left out in the distance.
    """

    def __init__(self, model: Model, *, ahead: bool) -> None:
        self._corners: list[Points] = []
        self._facts: list[tuple[tuple[float, ...], bool]] = []
        self.parts: list[Part] = []
        half, profile = model.width / 2, np.array(model.profile)
        self._add_underside(model, half)
        strips = range(len(profile) - 1)
        for k in strips if ahead else reversed(strips):
            self._add_strip(model, profile, k)
        for sign, role, normal in _SIDES:
            self._add_side(model, profile, sign, role, normal)
        up = profile[1, 1]
        for along, lamp, normal in (
            (profile[1, 0], _Role.TAIL, _BEHIND),
            (profile[-2, 0], _Role.LAMP, _AHEAD),
        ):
            for middle, wide, low, high, role in (
                (0.2 - half, 0.3, up, up + 0.16, lamp),
                (half - 0.2, 0.3, up, up + 0.16, lamp),
                (0.0, 0.5, up - 0.12, up, _Role.PLATE),
            ):
                left, right = middle - wide / 2, middle + wide / 2
                quad = _across(along, low, high, left, right)
                self._add(quad, role, normal, solid=False, fine=True)
        self.points = np.concatenate(self._corners)
        self.normals = np.array([normal for normal, _ in self._facts])
        self.fine = np.array([fine for _, fine in self._facts])
        self.centres = np.array([corners.mean(0) for corners in self._corners])

    def _add(
        self,
        corners: Points,
        role: _Role,
        normal: tuple[float, ...],
        tone: float = 1.0,
        *,
        solid: bool = True,
        fine: bool = False,
    ) -> None:
        start = self.parts[-1].stop if self.parts else 0
        self._corners.append(corners)
        self._facts.append((normal, fine))
        self.parts.append(Part(start, start + len(corners), role, tone, solid))

    def _add_underside(self, model: Model, half: float) -> None:
        """Add the dark space between road and body, and the treads of the tyres."""
        end, inner = abs(model.profile[0][0]) * 0.94, half * 0.94
        for along, normal in ((-end, _BEHIND), (end, _AHEAD)):
            self._add(_across(along, 0.14, 0.45, -inner, inner), _Role.TYRE, normal, 0.8)
        for sign, _, normal in _SIDES:
            box = [[-end, 0.14], [end, 0.14], [end, 0.45], [-end, 0.45]]
            self._add(_beside(np.array(box), sign * inner), _Role.TYRE, normal, 0.8)
        for axle in model.axles:
            for shift, normal in ((-0.7, _BEHIND), (0.7, _AHEAD)):
                along = axle + shift * model.wheel
                for left in (-half, half - 0.22):
                    tread = _across(along, 0.02, model.wheel, left, left + 0.22)
                    self._add(tread, _Role.TYRE, normal)

    def _add_strip(self, model: Model, profile: Points, k: int) -> None:
        """Add the part of the body between points k and k + 1 of its profile."""
        ends = profile[k : k + 2]
        quad = np.concatenate([_leaning(ends, model, -1), _leaning(ends, model, 1)[::-1]])
        run, rise = ends[1] - ends[0]
        normal = (-rise, run, 0.0)
        steep = abs(rise) > abs(run)
        role = (_Role.REAR if rise > 0 else _Role.FRONT) if steep else _Role.TOP
        self._add(quad, role, normal, 0.78 if ends[:, 1].max() < 0.78 else 1.0)
        if k in model.glass:
            screen = quad + 0.1 * (quad.mean(0) - quad)
            self._add(screen, _Role.SCREEN, normal, solid=False)

    def _add_side(
        self, model: Model, profile: Points, sign: int, role: _Role, normal: tuple[float, ...]
    ) -> None:
        """Add body, sill, windows and wheels of one side."""
        self._add(_leaning(profile, model, sign), role, normal)
        sill = np.stack([profile[:, 0], np.minimum(profile[:, 1], 0.55)], -1)
        self._add(_leaning(sill, model, sign), role, normal, 0.8, solid=False, fine=True)
        for window in model.windows:
            corners = _leaning(np.array(window), model, sign)
            self._add(corners, _Role.GLASS, normal, solid=False)
        for axle in model.axles:
            for radius, wheel in ((1.0, _Role.TYRE), (0.6, _Role.RIM)):
                ring = np.array([axle, model.wheel]) + radius * model.wheel * _CIRCLE
                rim = wheel is _Role.RIM
                corners = _beside(ring, sign * model.width / 2)
                self._add(corners, wheel, normal, solid=not rim, fine=rim)


@cache
def _mesh(model: Model, ahead: bool) -> _Mesh:
    return _Mesh(model, ahead=ahead)


def _across(along: float, low: float, high: float, left: float, right: float) -> Points:
    """Return an upright rectangle across the car, (4, 3)."""
    return np.array(
        [[along, low, left], [along, low, right], [along, high, right], [along, high, left]]
    )


def _beside(outline: Points, across: float) -> Points:
    """Move points (k, 2), along and up, to the upright plane at ``across``: (k, 3)."""
    return np.column_stack([outline, np.full(len(outline), across)])


def _leaning(outline: Points, model: Model, sign: int) -> Points:
    """Move points (k, 2), along and up, to a side of the body; the cabin leans inwards: (k, 3)."""
    lean = 0.16 * np.clip((outline[:, 1] - 0.95) / 0.5, 0, 1)
    return np.column_stack([outline, sign * model.width / 2 * (1 - lean)])


@dataclass(frozen=True)
class Car:
    """A car; the middle of its footprint is at (x, z)."""

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
        camera, sine, cosine = stage.camera, math.sin(self.heading), math.cos(self.heading)
        mesh = _mesh(self.model, sine * self.x + cosine * self.z < 0)
        turn = np.array([[sine, 0.0, cosine], [0.0, 1.0, 0.0], [cosine, 0.0, -sine]])
        foot = np.array([self.x, 0.0, self.z])
        sight = foot - (0.0, camera.height, 0.0) + self.size * mesh.centres @ turn
        seen = ((mesh.normals @ turn) * sight).sum(1) < 0
        if camera.scale(self.z) * 1.5 < _PLAIN:
            seen &= ~mesh.fine
        points = foot + self.size * mesh.points @ turn
        corners = camera.project(points[:, 0], points[:, 1], points[:, 2])
        segment = stage.canvas.segment(Kind.CAR, countable=True)
        parts = [mesh.parts[k] for k in np.flatnonzero(seen)]
        stage.canvas.draw(corners, parts, self._palette(stage.light), segment)

    def shadows(self, light: Light) -> list[Points]:
        length, half = 2.2 * self.size, self.model.width / 2 * self.size
        ahead = np.array([math.sin(self.heading), math.cos(self.heading)])
        aside = np.array([ahead[1], -ahead[0]])
        foot = np.array([self.x, self.z]) + np.outer([-length, length, length, -length], ahead)
        foot += np.outer([-half, -half, half, half], aside)
        roof = foot * 0.85 + foot.mean(0) * 0.15 + np.array(light.sun) * 1.1
        swept = cv2.convexHull(np.concatenate([foot, roof]).astype(np.float32))
        return [np.asarray(swept[:, 0], np.float64), foot]

    def _palette(self, light: Light) -> list[Color]:
        """Return colours by `_Role`; each side has its own light."""
        sine, cosine = math.sin(self.heading), math.cos(self.heading)
        left, right, rear, front = (
            light.facing(x, z)
            for x, z in ((-cosine, sine), (cosine, -sine), (-sine, -cosine), (sine, cosine))
        )
        body = (left, right, rear, front, 1.02 + 0.12 * light.strength)
        rest: tuple[Color, ...] = (
            self.glass,
            blend(self.glass, light.haze, 0.18),
            (26, 26, 28),
            (150, 152, 156),
            (168, 24, 24),
            (236, 234, 214),
            (225, 224, 200),
        )
        return [
            *(light.seen(self.color, self.z, factor) for factor in body),
            *(light.seen(color, self.z) for color in rest),
        ]
