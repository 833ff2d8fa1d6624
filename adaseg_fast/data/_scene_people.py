# SPDX-License-Identifier: Apache-2.0
"""Pedestrians and bicyclists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from adaseg_fast.data._scene_canvas import Color, Kind, Points, tint
from adaseg_fast.data._scene_street import Light, Stage, pick, points3

_SKINS: tuple[Color, ...] = ((226, 184, 156), (200, 152, 120), (150, 104, 76), (98, 68, 52))
_HAIRS: tuple[Color, ...] = ((40, 32, 28), (86, 60, 40), (160, 128, 80), (140, 138, 136))
_COATS: tuple[Color, ...] = (
    (40, 42, 50), (60, 66, 84), (120, 118, 116), (160, 44, 44), (48, 84, 140), (214, 210, 204),
    (92, 100, 70), (180, 150, 110), (196, 170, 60), (120, 70, 110), (86, 70, 60), (60, 120, 110),
)  # fmt: skip
_TROUSERS: tuple[Color, ...] = (
    (34, 36, 44), (50, 66, 104), (96, 92, 88), (70, 60, 52), (150, 138, 116), (110, 120, 136),
)  # fmt: skip
_TURN = np.linspace(0, 2 * np.pi, 14, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], -1)
_PLAIN = 16.0  # pixels: smaller people are drawn without arms, hair and bags


def foot_shadow(x: float, z: float, width: float, height: float, light: Light) -> Points:
    """Shadow (k, 2) of an upright thing: its width, swept along the sun and tapering a little."""
    cast = np.array(light.sun) * height
    side = np.array([cast[1], -cast[0]]) / np.hypot(*cast) * width / 2
    foot = np.array([x, z])
    return np.array([foot - side, foot + side, foot + cast + side * 0.7, foot + cast - side * 0.7])


def contact_shadow(x: float, z: float, across: float, along: float) -> Points:
    """The dark patch right under a thing, (k, 2), there under any sky."""
    return np.array([x, z]) + _CIRCLE * (across, along)


@dataclass(frozen=True)
class Pedestrian:
    """Somebody walking or standing, drawn as an upright figure facing the camera or sideways."""

    x: float
    z: float
    height: float
    stride: float  # metres between the feet, signed by the walking direction, 0 seen from the front
    girth: float
    skin: Color
    hair: Color
    coat: Color
    trousers: Color
    hem: float  # height of the coat's hem for a person of 1.75 m
    bag: int  # -1 left, 1 right, 0 none

    @property
    def depth(self) -> float:
        return self.z

    @classmethod
    def random(cls, rng: np.random.Generator, x: float, z: float) -> Pedestrian:
        child = rng.random() < 0.12
        sideways = rng.random() < 0.45
        coat, trousers = pick(rng, _COATS), pick(rng, _TROUSERS)
        return cls(
            x=x,
            z=z,
            height=float(rng.uniform(1.0, 1.4) if child else rng.normal(1.73, 0.09)),
            stride=float(rng.uniform(-0.75, 0.75)) if sideways else 0.0,
            girth=float(rng.uniform(0.85, 1.2)),
            skin=pick(rng, _SKINS),
            hair=pick(rng, _HAIRS),
            coat=tint(coat, float(rng.uniform(0.7, 1.2))),
            trousers=tint(trousers, float(rng.uniform(0.7, 1.2))),
            hem=pick(rng, (0.9, 0.88, 0.82, 0.55)),
            bag=pick(rng, (0, 0, 0, -1, 1)),
        )

    def paint(self, stage: Stage) -> None:
        if not stage.worth(self.x, self.z, 1.0, self.height):
            return
        canvas, light = stage.canvas, stage.light
        segment = canvas.segment(Kind.PEDESTRIAN, countable=True)
        foot = stage.camera.project(np.array([self.x, 0.0, self.z]))
        unit = stage.camera.scale(self.z) * self.height / 1.75  # pixels a metre of a standard body

        def part(points: Points, color: Color, number: int | None = segment) -> None:
            canvas.fill(foot + points * (unit, -unit), light.seen(color, self.z), number)

        front, wide = self.stride == 0.0, self.girth
        shoulder, waist = (0.22 * wide, 0.17 * wide) if front else (0.15 * wide, 0.14 * wide)
        spread = self.stride / 2
        lean = 0.04 * np.sign(self.stride)
        for side, tone in ((-1, 0.8), (1, 1.0)):
            hip, toe = (side * 0.08, side * 0.1) if front else (side * 0.02, side * spread)
            knee = (hip + toe) / 2 + abs(self.stride) * 0.12 * np.sign(self.stride)
            part(_limb((hip, 0.92), (knee, 0.5), (toe, 0.06), 0.16, 0.1), tint(self.trousers, tone))
            nose = 0.06 if front else 0.16 * np.sign(self.stride)
            part(
                np.array([[toe - 0.06, 0], [toe + nose, 0], [toe + nose, 0.05], [toe, 0.11]]),
                (38, 34, 34),
            )
        torso = np.array(
            [
                [-waist * 1.08, self.hem], [waist * 1.08, self.hem], [waist, 1.1],
                [shoulder + lean, 1.42], [0.07 + lean, 1.51], [-0.07 + lean, 1.51],
                [-shoulder + lean, 1.42], [-waist, 1.1],
            ]
        )  # fmt: skip
        part(torso, self.coat)
        head = np.array([lean * 1.5, 1.62])
        part(head + _CIRCLE * (0.095, 0.13), self.skin)
        if unit * 1.75 < _PLAIN:
            return
        # The side away from the sun.
        away = -1.0 if light.sun[0] < 0 else 1.0
        part(_half(torso, away), tint(self.coat, 0.72), None)
        part(head + np.array([0, 0.04]) + _CIRCLE[:8] * (0.105, 0.11), self.hair)
        for side in (-1, 1):
            swing = side * spread * 0.6
            elbow = (side * (shoulder + 0.05), 1.15) if front else (-swing * 0.6, 1.15)
            hand = (side * (shoulder + 0.04), 0.86) if front else (-swing + 0.1 * lean, 0.9)
            start = (side * (shoulder - 0.03) if front else lean, 1.4)
            part(_limb(start, elbow, hand, 0.12, 0.08), tint(self.coat, 0.86))
            part(np.array(hand) + _CIRCLE * 0.045, self.skin)
        if self.bag:
            x = self.bag * (shoulder + 0.06)
            part(x + np.array([[-0.1, 0.7], [0.1, 0.7], [0.09, 1.0], [-0.09, 1.0]]), self.hair)

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
    """An arm or leg seen from the side, (6, 2): two tapering parts that share their joint."""
    path = np.array([start, joint, end])
    half = np.array([[thick / 2, 0], [(thick + thin) / 4, 0], [thin / 2, 0]])
    return np.concatenate([path - half, (path + half)[::-1]])


def _half(outline: Points, side: float) -> Points:
    """The half of an upright outline on one ``side`` (-1 left, +1 right) of its middle."""
    middle = outline[:, 0].mean()
    keep = np.maximum(outline[:, 0], middle) if side > 0 else np.minimum(outline[:, 0], middle)
    return np.stack([keep, outline[:, 1]], -1)


class _Limb(Protocol):
    """Draws a line through points (along, up) or (along, up, across) of a bicycle."""

    def __call__(self, points: list[tuple[float, ...]], width: float, color: Color) -> None: ...


@dataclass(frozen=True)
class Bicyclist:
    """A bicycle with its rider, in any direction; the wheels are rings that one sees through."""

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

        def place(along: Points, up: Points, across: Points | float = 0.0) -> Points:
            return stage.camera.project(self._world(along, up, across))

        def limb(points: list[tuple[float, ...]], width: float, color: Color) -> None:
            along, up, *across = np.array(points).T
            path = place(along, up, across[0] if across else 0.0)
            canvas.stroke(path, width * unit, light.seen(color, self.z), segment)

        crank = 0.17 * np.array([np.cos(self.pedal), np.sin(self.pedal)])
        feet = [(0.05 + s * crank[0], 0.3 + s * crank[1] - 0.02) for s in (-1, 1)]
        # The far leg first, then the machine, then the rider.
        order = (-1, 1) if np.sin(self.heading) > 0 else (1, -1)
        self._leg(limb, feet[0], order[0], tint(self.trousers, 0.75))
        for hub in (-0.52, 0.52):
            rim = place(hub + 0.33 * _CIRCLE[:, 0], 0.34 + 0.33 * _CIRCLE[:, 1])
            tyre = light.seen((34, 34, 36), self.z)
            canvas.stroke(rim, 0.045 * unit, tyre, segment, closed=True)
        limb([(-0.52, 0.34), (0.05, 0.3), (0.36, 0.78), (-0.16, 0.8), (0.05, 0.3)], 0.04, self.frame)
        limb([(-0.52, 0.34), (-0.16, 0.8), (-0.2, 0.95)], 0.035, self.frame)
        limb([(0.52, 0.34), (0.36, 0.78), (0.34, 1.0)], 0.035, self.frame)
        limb([(0.36, 1.02, -0.28), (0.36, 1.02, 0.28)], 0.035, (40, 40, 42))
        self._leg(limb, feet[1], order[1], self.trousers)
        limb([(-0.2, 1.02), (-0.08, 1.3), (0.06, 1.46)], 0.34, self.coat)
        for across in (-0.24, 0.24):
            limb([(0.05, 1.45, across * 0.7), (0.16, 1.2, across), (0.36, 1.05, across)], 0.1, self.coat)
        head = place(np.array([0.14]), np.array([1.68]))[0]
        ball = _CIRCLE * (0.11 * unit, -0.13 * unit)
        canvas.fill(head + ball, light.seen(self.skin, self.z), segment)
        cap = head + ball[:8] * 1.12 - (0, 0.03 * unit)
        canvas.fill(cap, light.seen(self.helmet, self.z), segment)

    def shadows(self, light: Light) -> list[Points]:
        axis = self._world(np.array([-0.85, 0.85]), np.zeros(2))[:, [0, 2]]
        cast = np.array(light.sun) * 1.5
        middle = axis.mean(0)
        return [
            np.array([axis[0], axis[1], middle + cast + 0.15, middle + cast - 0.15]),
            contact_shadow(self.x, self.z, 0.2 + 0.6 * abs(np.sin(self.heading)), 0.2),
        ]

    @staticmethod
    def _leg(limb: _Limb, foot: tuple[float, float], side: int, color: Color) -> None:
        """Hip to knee to the foot on its pedal."""
        knee = (0.24 + (foot[0] - 0.05) * 0.4, 0.68 + (foot[1] - 0.3) * 0.7)
        limb([(-0.16, 1.0, side * 0.08), (*knee, side * 0.12), (*foot, side * 0.12)], 0.14, color)

    def _world(self, along: Points, up: Points, across: Points | float = 0.0) -> Points:
        """Metres along, up and across the bicycle to the street's axes."""
        cosine, sine = np.cos(self.heading), np.sin(self.heading)
        along, across = np.asarray(along) * self.size, np.asarray(across) * self.size
        return points3(
            self.x + along * sine + across * cosine,
            np.asarray(up) * self.size,
            self.z + along * cosine - across * sine,
        )
