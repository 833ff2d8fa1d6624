# SPDX-License-Identifier: Apache-2.0
"""What stands on a pavement: trees and bushes, lamp posts, signs, traffic lights, bollards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adaseg_fast.data.scenes import textures
from adaseg_fast.data.scenes.canvas import Color, Kind, Points, circle, tint
from adaseg_fast.data.scenes.street import Light, Stage, foot_shadow, pick

_LEAVES: tuple[Color, ...] = (
    (70, 92, 44), (88, 112, 56), (56, 78, 46), (104, 112, 60), (140, 120, 56), (84, 100, 72),
)  # fmt: skip
_METALS: tuple[Color, ...] = (
    (126, 130, 132), (84, 88, 90), (56, 60, 60), (150, 152, 150), (70, 84, 74), (110, 100, 90),
)  # fmt: skip
_ROUND = circle(20)
_RED: Color = (186, 32, 36)
_WHITE: Color = (232, 232, 228)
_BLUE: Color = (34, 84, 160)
_INK: Color = (40, 40, 40)


def _rectangle(width: float, height: float) -> Points:
    x, y = width / 2, height / 2
    return np.array([[-x, -y], [x, -y], [x, y], [-x, y]])


_ARROW = np.array(
    [[-0.15, -0.6], [0.15, -0.6], [0.15, 0], [0.4, 0], [0, 0.6], [-0.4, 0], [-0.15, 0]]
)
_GIVE_WAY = np.array([[-1.0, 0.8], [1.0, 0.8], [0.0, -0.95]])
# Outline (2 wide), colours of border and face, the mark on the face and its colour.
_PLATES: tuple[tuple[Points, Color, Color, Points, Color], ...] = (
    (_ROUND, _WHITE, _RED, _rectangle(1.2, 0.3), _WHITE),
    (_ROUND, _RED, _WHITE, _ROUND * (0.3, 0.45), _INK),
    (_ROUND, _RED, _WHITE, _rectangle(0.3, 0.9), _INK),
    (_ROUND, _WHITE, _BLUE, _ARROW, _WHITE),
    (_ROUND, _RED, _BLUE, np.array([[-0.7, 0.5], [-0.5, 0.7], [0.7, -0.5], [0.5, -0.7]]), _RED),
    (-_GIVE_WAY, _RED, _WHITE, _rectangle(0.2, 0.7), _INK),
    (_GIVE_WAY, _RED, _WHITE, _GIVE_WAY * 0.2, _WHITE),
    (_rectangle(1.8, 1.8), _WHITE, _BLUE, _GIVE_WAY * (0.5, -0.5), _WHITE),
    (_ROUND[::5], _WHITE, (216, 176, 40), _ROUND[::5] * 0.4, (216, 176, 40)),
    (_rectangle(2.6, 0.8), _WHITE, (40, 100, 60), _rectangle(1.6, 0.25), _WHITE),
    (_rectangle(2.0, 1.4), _INK, (220, 190, 60), _rectangle(1.2, 0.2), _INK),
)


def _upright(stage: Stage, x: float, z: float) -> tuple[Points, Points]:
    """Return the foot of a plane that faces the camera, and its pixels per metre (right, up)."""
    unit = stage.camera.scale(z)
    return stage.camera.project(x, 0.0, z), np.array([unit, -unit])


def _post(
    stage: Stage, segment: int, x: float, z: float, height: float, width: float, color: Color
) -> None:
    """Paint a round post with a light and a dark edge."""
    foot, unit = _upright(stage, x, z)
    seen, half = stage.light.seen(color, z), width / 2
    outline = np.array([[-half, 0], [half, 0], [half * 0.8, height], [-half * 0.8, height]])
    stage.canvas.fill(foot + outline * unit, seen, segment)
    if width * unit[0] > 3:
        lit = -1.0 if stage.light.sun[0] > 0 else 1.0
        edge = outline * (0.35, 1) + (lit * half * 0.4, 0)
        stage.canvas.fill(foot + edge * unit, tint(seen, 1.25))
        edge = outline * (0.25, 1) - (lit * half * 0.7, 0)
        stage.canvas.fill(foot + edge * unit, tint(seen, 0.72))


@dataclass(frozen=True)
class Tree:
    """A trunk below a crown, or a bush without a trunk (which is no instance)."""

    x: float
    z: float
    trunk: float  # height up to the crown
    crown: tuple[float, float]  # width, height
    number: int
    mirrored: bool
    color: Color

    @property
    def depth(self) -> float:
        return self.z

    @classmethod
    def random(cls, rng: np.random.Generator, x: float, z: float, *, bush: bool = False) -> Tree:
        width = float(rng.uniform(1.0, 2.2) if bush else rng.uniform(2.6, 5.5))
        return cls(
            x=x,
            z=z,
            trunk=0.0 if bush else float(rng.uniform(1.9, 3.0)),
            crown=(width, width * float(rng.uniform(0.7, 0.9) if bush else rng.uniform(0.9, 1.5))),
            number=int(rng.integers(textures.CROWNS)),
            mirrored=bool(rng.random() < 0.5),
            color=tint(pick(rng, _LEAVES), float(rng.uniform(0.75, 1.2))),
        )

    def paint(self, stage: Stage) -> None:
        width, height = self.crown
        if not stage.worth(self.x, self.z, width, self.trunk + height):
            return
        segment = stage.canvas.segment(Kind.VEGETATION, countable=self.trunk > 0)
        if self.trunk:
            _post(stage, segment, self.x, self.z, self.trunk + height * 0.4, 0.26, (88, 74, 62))
        foot, unit = _upright(stage, self.x, self.z)
        bottom = self.trunk - height * 0.1
        side = width / 2 * (-1 if self.mirrored else 1)
        corners = np.array([[-side, bottom + height], [side, bottom + height], [-side, bottom]])
        cover, shade = textures.crown(self.number)
        color = stage.light.seen(self.color, self.z)
        stage.canvas.stamp(cover, shade, foot + corners * unit, color, segment)

    def shadows(self, light: Light) -> list[Points]:
        middle = self.trunk + self.crown[1] / 2
        disc = np.array([self.x, self.z]) + np.array(light.sun) * middle
        blob = disc + _ROUND * (self.crown[0] * 0.42, self.crown[1] * 0.42)
        return [foot_shadow(self.x, self.z, 0.3, self.trunk + 1, light), blob]


@dataclass(frozen=True)
class Lamp:
    """A street lamp whose arm reaches over the road, or a plain mast without an arm."""

    x: float
    z: float
    height: float
    arm: float  # signed length, 0 without an arm
    color: Color

    @property
    def depth(self) -> float:
        return self.z

    @classmethod
    def random(cls, rng: np.random.Generator, x: float, z: float, towards: int) -> Lamp:
        arm = float(rng.uniform(0.8, 2.0)) if rng.random() < 0.75 else 0.0
        return cls(x, z, float(rng.uniform(5.0, 8.5)), towards * arm, pick(rng, _METALS))

    def paint(self, stage: Stage) -> None:
        if not stage.worth(self.x, self.z, 2.0, self.height):
            return
        segment = stage.canvas.segment(Kind.POLE, countable=True)
        _post(stage, segment, self.x, self.z, self.height, 0.17, self.color)
        _post(stage, segment, self.x, self.z, 0.9, 0.26, self.color)
        foot, unit = _upright(stage, self.x, self.z)
        color = stage.light.seen(self.color, self.z)
        if self.arm:
            path = np.array([[0, self.height - 0.2], [self.arm * 0.5, self.height + 0.15],
                             [self.arm, self.height + 0.2]])  # fmt: skip
            stage.canvas.stroke(foot + path * unit, 0.09 * unit[0], color, segment)
        head = np.array([self.arm, self.height + 0.16]) + _ROUND * (0.36, 0.11)
        stage.canvas.fill(foot + head * unit, tint(color, 1.3), segment)

    def shadows(self, light: Light) -> list[Points]:
        return [foot_shadow(self.x, self.z, 0.2, self.height, light)]


@dataclass(frozen=True)
class Bollard:
    """A short post at the kerb."""

    x: float
    z: float
    height: float
    color: Color

    @property
    def depth(self) -> float:
        return self.z

    def paint(self, stage: Stage) -> None:
        if stage.worth(self.x, self.z, 0.3, self.height):
            segment = stage.canvas.segment(Kind.POLE, countable=True)
            _post(stage, segment, self.x, self.z, self.height, 0.14, self.color)

    def shadows(self, light: Light) -> list[Points]:
        return [foot_shadow(self.x, self.z, 0.14, self.height, light)]


@dataclass(frozen=True)
class SignPost:
    """A post with one or two plates; the pole and each plate are instances of their own."""

    x: float
    z: float
    height: float
    plates: tuple[int, ...]  # numbers in `_PLATES`, from the top
    width: float
    faded: float
    color: Color

    @property
    def depth(self) -> float:
        return self.z

    @classmethod
    def random(cls, rng: np.random.Generator, x: float, z: float) -> SignPost:
        count = pick(rng, (1, 1, 2))
        return cls(
            x=x,
            z=z,
            height=float(rng.uniform(2.2, 3.2)),
            plates=tuple(int(n) for n in rng.integers(len(_PLATES), size=count)),
            width=float(rng.uniform(0.55, 0.9)),
            faded=float(rng.uniform(0.75, 1.05)),
            color=pick(rng, _METALS),
        )

    def paint(self, stage: Stage) -> None:
        if not stage.worth(self.x, self.z, 1.0, self.height):
            return
        canvas, light = stage.canvas, stage.light
        pole = canvas.segment(Kind.POLE, countable=True)
        _post(stage, pole, self.x, self.z, self.height + 0.05, 0.08, self.color)
        foot, unit = _upright(stage, self.x, self.z)

        def seen(color: Color) -> Color:
            return light.seen(color, self.z, light.facing(0.0, -1.0) * self.faded)

        for place, number in enumerate(self.plates):
            outline, border, face, mark, ink = _PLATES[number]
            middle = np.array([0, self.height - self.width * (0.5 + 1.05 * place)])
            plate = canvas.segment(Kind.SIGN, countable=True)
            size = self.width / 2 * unit
            canvas.fill(foot + middle * unit + outline * size, seen(border), plate)
            canvas.fill(foot + middle * unit + outline * size * 0.76, seen(face))
            if self.width * unit[0] > 10:
                canvas.fill(foot + middle * unit + mark * size, seen(ink))

    def shadows(self, light: Light) -> list[Points]:
        return [foot_shadow(self.x, self.z, 0.12, self.height, light)]


@dataclass(frozen=True)
class TrafficLight:
    """A post with a light at head height, or a mast that reaches over the road."""

    x: float
    z: float
    reach: float  # signed length of the arm over the road, 0 without an arm
    phase: int  # which lamp is lit: 0 red, 1 amber, 2 green
    color: Color

    @property
    def depth(self) -> float:
        return self.z

    @classmethod
    def random(cls, rng: np.random.Generator, x: float, z: float, towards: int) -> TrafficLight:
        reach = towards * float(rng.uniform(2.5, 4.5)) if rng.random() < 0.4 else 0.0
        return cls(x, z, reach, int(rng.integers(3)), pick(rng, _METALS))

    def paint(self, stage: Stage) -> None:
        tall = 5.6 if self.reach else 3.2
        if not stage.worth(self.x, self.z, 5.0, tall):
            return
        canvas = stage.canvas
        pole = canvas.segment(Kind.POLE, countable=True)
        _post(stage, pole, self.x, self.z, tall, 0.14, self.color)
        if self.reach:
            foot, unit = _upright(stage, self.x, self.z)
            path = np.array([[0, tall - 0.1], [self.reach, tall]])
            color = stage.light.seen(self.color, self.z)
            canvas.stroke(foot + path * unit, 0.1 * unit[0], color, pole)
            self._paint_box(stage, self.reach, tall - 0.9)
        self._paint_box(stage, 0.0, 2.35)

    def shadows(self, light: Light) -> list[Points]:
        return [foot_shadow(self.x, self.z, 0.2, 3.2, light)]

    def _paint_box(self, stage: Stage, across: float, bottom: float) -> None:
        """Paint the box with its three lamps."""
        canvas, light = stage.canvas, stage.light
        foot, unit = _upright(stage, self.x, self.z)
        box = canvas.segment(Kind.SIGN, countable=True)
        outline = np.array([[-0.17, 0], [0.17, 0], [0.17, 0.95], [-0.17, 0.95]])
        corner = np.array([across, bottom])
        canvas.fill(foot + (corner + outline) * unit, light.seen((34, 36, 36), self.z), box)
        if unit[0] < 10:
            return
        lamps: tuple[Color, ...] = ((240, 50, 40), (246, 186, 50), (60, 220, 130))
        for k, color in enumerate(lamps):
            disc = corner + (0, 0.78 - 0.3 * k) + _ROUND * 0.11
            seen = light.seen(color, self.z * 0.3, 1.0 if k == self.phase else 0.3)
            canvas.fill(foot + disc * unit, seen)
