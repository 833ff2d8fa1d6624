# SPDX-License-Identifier: Apache-2.0
"""Pedestrians and bicyclists."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import NamedTuple

import numpy as np

from adaseg_fast.data.scenes.canvas import Color, Kind, Part, Points, circle, tint
from adaseg_fast.data.scenes.street import Light, Stage, contact_shadow, foot_shadow, pick

_SKINS: tuple[Color, ...] = ((226, 184, 156), (200, 152, 120), (150, 104, 76), (98, 68, 52))
_HAIRS: tuple[Color, ...] = ((40, 32, 28), (86, 60, 40), (160, 128, 80), (140, 138, 136))
_COATS: tuple[Color, ...] = (
    (40, 42, 50), (60, 66, 84), (120, 118, 116), (160, 44, 44), (48, 84, 140), (214, 210, 204),
    (92, 100, 70), (180, 150, 110), (196, 170, 60), (120, 70, 110), (86, 70, 60), (60, 120, 110),
)  # fmt: skip
_TROUSERS: tuple[Color, ...] = (
    (34, 36, 44), (50, 66, 104), (96, 92, 88), (70, 60, 52), (150, 138, 116), (110, 120, 136),
)  # fmt: skip
_CIRCLE = circle(14)
_FIGURES = 48  # postures of pedestrians
_PLAIN = 16.0  # pixels: smaller people are drawn without arms, hair and bags


@dataclass(frozen=True)
class _Line:
    """A stroke of a bicyclist: points (k, 3) along, up and across, and a width, in metres."""

    points: Points
    width: float
    color: Color
    closed: bool = False


def _flat(*points: tuple[float, float]) -> Points:
    """Return points (along, up) in the plane of the frame."""
    return np.array([(*point, 0.0) for point in points])


_TYRE: Color = (34, 34, 36)
_WHEELS = tuple(
    (
        np.column_stack([hub + 0.33 * _CIRCLE[:, 0], 0.34 + 0.33 * _CIRCLE[:, 1], np.zeros(14)]),
        0.045,
    )
    for hub in (-0.52, 0.52)
)
_FRAME = (
    (_flat((-0.52, 0.34), (0.05, 0.3), (0.36, 0.78), (-0.16, 0.8), (0.05, 0.3)), 0.04),
    (_flat((-0.52, 0.34), (-0.16, 0.8), (-0.2, 0.95)), 0.035),
    (_flat((0.52, 0.34), (0.36, 0.78), (0.34, 1.0)), 0.035),
)
_HANDLEBAR = np.array([[0.36, 1.02, -0.28], [0.36, 1.02, 0.28]])
_BACK = _flat((-0.2, 1.02), (-0.08, 1.3), (0.06, 1.46))
_ARMS = tuple(
    np.array([[0.05, 1.45, 0.7 * side], [0.16, 1.2, side], [0.36, 1.05, side]])
    for side in (-0.24, 0.24)
)


class _Role(IntEnum):
    SKIN = 0
    HAIR = 1
    COAT = 2
    TROUSERS = 3
    SHOES = 4


class _Figure(NamedTuple):
    """A person of 1.75 m in one posture, feet at (0, 0), y up; the dark side is on the right."""

    points: Points
    parts: tuple[Part, ...]
    plain: tuple[Part, ...]  # legs, body and head, for small figures


@cache
def _figure(number: int) -> _Figure:
    """Return posture ``number``: walking or standing, from the front or from the side."""
    rng = np.random.default_rng([71, number])
    front, wide = number % 2 == 0, float(rng.uniform(0.85, 1.2))
    stride = 0.0 if front else float(rng.uniform(-0.75, 0.75))
    ahead, hem = float(np.sign(stride)), pick(rng, (0.9, 0.88, 0.82, 0.55))
    shoulder, waist = (0.22 * wide, 0.17 * wide) if front else (0.15 * wide, 0.14 * wide)
    lean = 0.04 * ahead
    points: list[Points] = []
    parts: list[Part] = []

    def add(polygon: Points, role: _Role, tone: float = 1.0, *, solid: bool = True) -> None:
        start = sum(map(len, points))
        points.append(polygon)
        parts.append(Part(start, start + len(polygon), role, tone, solid))

    for side, tone in ((-1, 0.8), (1, 1.0)):
        hip, toe = (side * 0.08, side * 0.1) if front else (side * 0.02, side * stride / 2)
        knee = (hip + toe) / 2 + 0.12 * stride
        add(_limb((hip, 0.92), (knee, 0.5), (toe, 0.06), 0.16, 0.1), _Role.TROUSERS, tone)
        nose = 0.06 if front else 0.16 * ahead
        shoe = [[toe - 0.06, 0], [toe + nose, 0], [toe + nose, 0.05], [toe, 0.11]]
        add(np.array(shoe), _Role.SHOES)
    torso = np.array(
        [
            [-waist * 1.08, hem], [waist * 1.08, hem], [waist, 1.1], [shoulder + lean, 1.42],
            [0.07 + lean, 1.51], [-0.07 + lean, 1.51], [-shoulder + lean, 1.42], [-waist, 1.1],
        ]
    )  # fmt: skip
    add(torso, _Role.COAT)
    head = np.array([lean * 1.5, 1.62])
    add(head + _CIRCLE * (0.095, 0.13), _Role.SKIN)
    plain = tuple(parts)
    dark = np.maximum(torso, (0.3 * lean, 0.0))
    add(dark, _Role.COAT, 0.72, solid=False)
    add(head + np.array([0, 0.04]) + _CIRCLE[:8] * (0.105, 0.11), _Role.HAIR)
    for side in (-1, 1):
        swing = side * stride * 0.3
        elbow = (side * (shoulder + 0.05), 1.15) if front else (-swing * 0.6, 1.15)
        hand = (side * (shoulder + 0.04), 0.86) if front else (-swing + 0.1 * lean, 0.9)
        start = (side * (shoulder - 0.03) if front else lean, 1.4)
        add(_limb(start, elbow, hand, 0.12, 0.08), _Role.COAT, 0.86)
        add(np.array(hand) + _CIRCLE[::2] * 0.045, _Role.SKIN)
    if rng.random() < 0.4:
        x = pick(rng, (-1, 1)) * (shoulder + 0.06)
        bag = [[x - 0.1, 0.7], [x + 0.1, 0.7], [x + 0.09, 1.0], [x - 0.09, 1.0]]
        add(np.array(bag), _Role.HAIR)
    return _Figure(np.concatenate(points), tuple(parts), plain)


@dataclass(frozen=True)
class Pedestrian:
    """A person who walks or stands: an upright figure that faces the camera or sideways."""

    x: float
    z: float
    height: float
    figure: int
    palette: tuple[Color, ...]  # by `_Role`

    @property
    def depth(self) -> float:
        return self.z

    @classmethod
    def random(cls, rng: np.random.Generator, x: float, z: float) -> Pedestrian:
        child = rng.random() < 0.12
        coat, trousers = pick(rng, _COATS), pick(rng, _TROUSERS)
        return cls(
            x=x,
            z=z,
            height=float(rng.uniform(1.0, 1.4) if child else rng.normal(1.73, 0.09)),
            figure=int(rng.integers(_FIGURES)),
            palette=(
                pick(rng, _SKINS),
                pick(rng, _HAIRS),
                tint(coat, float(rng.uniform(0.7, 1.2))),
                tint(trousers, float(rng.uniform(0.7, 1.2))),
                (38, 34, 34),
            ),
        )

    def paint(self, stage: Stage) -> None:
        if not stage.worth(self.x, self.z, 1.0, self.height):
            return
        figure, light = _figure(self.figure), stage.light
        segment = stage.canvas.segment(Kind.PEDESTRIAN, countable=True)
        unit = stage.camera.scale(self.z) * self.height / 1.75
        lit_from_left = 1.0 if light.sun[0] > 0 else -1.0
        foot = stage.camera.project(self.x, 0.0, self.z)
        points = foot + figure.points * (lit_from_left * unit, -unit)
        parts = figure.plain if unit * 1.75 < _PLAIN else figure.parts
        palette = [light.seen(color, self.z) for color in self.palette]
        stage.canvas.draw(points, parts, palette, segment)

    def shadows(self, light: Light) -> list[Points]:
        return [
            foot_shadow(self.x, self.z, 0.42, self.height, light),
            contact_shadow(self.x, self.z, 0.3, 0.2),
        ]


def _limb(
    start: tuple[float, float],
    joint: tuple[float, float],
    end: tuple[float, float],
    thick: float,
    thin: float,
) -> Points:
    """Return an arm or leg from the side, (6, 2): two tapering parts that share their joint."""
    path = np.array([start, joint, end])
    half = np.array([[thick / 2, 0], [(thick + thin) / 4, 0], [thin / 2, 0]])
    return np.concatenate([path - half, (path + half)[::-1]])


@dataclass(frozen=True)
class Bicyclist:
    """A bicycle with its rider, in any direction; the wheels are rings, open inside."""

    x: float
    z: float
    heading: float  # radians clockwise from the camera's axis
    pedal: float  # angle of the cranks, radians
    size: float
    skin: Color
    helmet: Color
    coat: Color
    trousers: Color
    frame: Color

    @property
    def depth(self) -> float:
        return self.z

    @classmethod
    def random(cls, rng: np.random.Generator, x: float, z: float, heading: float) -> Bicyclist:
        return cls(
            x=x,
            z=z,
            heading=heading + float(rng.normal(0, 0.2)),
            pedal=float(rng.uniform(0, 2 * np.pi)),
            size=float(rng.uniform(0.92, 1.08)),
            skin=pick(rng, _SKINS),
            helmet=pick(rng, (*_COATS, *_HAIRS)),
            coat=tint(pick(rng, _COATS), float(rng.uniform(0.7, 1.2))),
            trousers=tint(pick(rng, _TROUSERS), float(rng.uniform(0.7, 1.2))),
            frame=pick(rng, ((30, 30, 32), (150, 36, 36), (60, 90, 130), (190, 190, 190))),
        )

    def paint(self, stage: Stage) -> None:
        if not stage.worth(self.x, self.z, 1.5, 1.7):
            return
        canvas, light = stage.canvas, stage.light
        segment = canvas.segment(Kind.BICYCLIST, countable=True)
        unit = stage.camera.scale(self.z) * self.size
        lines = self._lines()
        along, up, across = np.concatenate([line.points for line in lines]).T
        x, z = self._ground(along, across)
        pixels = stage.camera.project(x, up * self.size, z)
        start = 0
        for line in lines:
            path, start = pixels[start : start + len(line.points)], start + len(line.points)
            color = light.seen(line.color, self.z)
            canvas.stroke(path, line.width * unit, color, segment, closed=line.closed)
        x, z = self._ground(np.array(0.14), np.array(0.0))
        head = stage.camera.project(x, 1.68 * self.size, z)
        ball = _CIRCLE * (0.11 * unit, -0.13 * unit)
        canvas.fill(head + ball, light.seen(self.skin, self.z), segment)
        cap = head + ball[:8] * 1.12 - (0, 0.03 * unit)
        canvas.fill(cap, light.seen(self.helmet, self.z), segment)

    def shadows(self, light: Light) -> list[Points]:
        axis = np.stack(self._ground(np.array([-0.85, 0.85]), np.zeros(2)), -1)
        cast = np.array(light.sun) * 1.5
        middle = axis.mean(0)
        return [
            np.array([axis[0], axis[1], middle + cast + 0.15, middle + cast - 0.15]),
            contact_shadow(self.x, self.z, 0.2 + 0.6 * abs(math.sin(self.heading)), 0.2),
        ]

    def _lines(self) -> list[_Line]:
        """Return all strokes in order: the far leg, the bicycle, the near leg, body and arms."""
        crank = 0.17 * np.array([math.cos(self.pedal), math.sin(self.pedal)])
        near = -1 if math.sin(self.heading) > 0 else 1  # the side that the camera sees

        def leg(side: int, color: Color) -> _Line:
            dx, dy = side * crank
            knee, foot = (0.24 + 0.4 * dx, 0.68 + 0.7 * dy), (0.05 + dx, 0.28 + dy)
            hip = (-0.16, 1.0, side * 0.08)
            path = np.array([hip, (*knee, side * 0.12), (*foot, side * 0.12)])
            return _Line(path, 0.14, color)

        return [
            leg(-near, tint(self.trousers, 0.75)),
            *(_Line(points, width, _TYRE, closed=True) for points, width in _WHEELS),
            *(_Line(points, width, self.frame) for points, width in _FRAME),
            _Line(_HANDLEBAR, 0.035, (40, 40, 42)),
            leg(near, self.trousers),
            _Line(_BACK, 0.34, self.coat),
            *(_Line(points, 0.1, self.coat) for points in _ARMS),
        ]

    def _ground(self, along: Points, across: Points) -> tuple[Points, Points]:
        """Return (x, z) of points given in metres along and across the bicycle."""
        sine, cosine = math.sin(self.heading) * self.size, math.cos(self.heading) * self.size
        return self.x + along * sine + across * cosine, self.z + along * cosine - across * sine
