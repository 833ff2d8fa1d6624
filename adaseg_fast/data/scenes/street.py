# SPDX-License-Identifier: Apache-2.0
"""The world of a synthetic scene: camera, street, light, and the protocol of the things in it.

All lengths are in metres. x points right and z ahead, both from the point below the camera; y
points up from the ground. An offset is measured across the street from its centre line, positive
to the right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from adaseg_fast.data.scenes.canvas import Canvas, Color, Points, blend, circle, tint

NEAR = 0.7  # nothing is drawn nearer to the camera
FAR = 170.0  # the street ends here
_SMALLEST = 2.5  # pixels; lower things are left out, since lines have a minimum width

T = TypeVar("T")


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """Choose one of ``choices``, all equally likely."""
    return choices[int(rng.integers(len(choices)))]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera looking along the street.

    Attributes:
        size: (H, W) of the image in pixels.
        focal: focal length in pixels.
        height: height of the camera above the road.
        vanishing: (column, row) where the street's direction meets the horizon.
        roll: roll of the camera, radians.
    """

    size: tuple[int, int]
    focal: float
    height: float
    vanishing: tuple[float, float]
    roll: float

    @classmethod
    def random(cls, rng: np.random.Generator, size: tuple[int, int]) -> Camera:
        rows, columns = size
        return cls(
            size=size,
            focal=float(rng.uniform(0.75, 1.25)) * (rows * columns) ** 0.5,
            height=float(rng.uniform(1.4, 3.2)),
            vanishing=(columns * float(rng.uniform(0.2, 0.8)), rows * float(rng.uniform(0.3, 0.6))),
            roll=float(rng.normal(0, 0.012)),
        )

    def scale(self, z: float) -> float:
        """Return the pixels per metre at distance ``z``."""
        return self.focal / max(z, NEAR)

    def project(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Points:
        """Project metres, of shapes that broadcast to (...), to pixels (..., 2).

        Points behind the near plane are projected as if they were on it.
        """
        scale = self.focal / np.maximum(z, NEAR)
        right = np.asarray(x) * scale
        down = (self.height - np.asarray(y)) * scale
        cosine, sine = math.cos(self.roll), math.sin(self.roll)
        pixels = np.empty((*np.broadcast(right, down).shape, 2))
        pixels[..., 0] = cosine * right - sine * down + self.vanishing[0]
        pixels[..., 1] = sine * right + cosine * down + self.vanishing[1]
        return pixels


@dataclass(frozen=True)
class Side:
    """One side of the street, from the road outwards, as distances from the centre line.

    Attributes:
        sign: -1 left, +1 right.
        kerb: where the road ends.
        verge: where a strip of grass behind the kerb ends (equal to ``kerb`` without one).
        edge: where the pavement ends.
        facade: where the buildings stand; front gardens lie between edge and facade.
    """

    sign: int
    kerb: float
    verge: float
    edge: float
    facade: float

    @classmethod
    def random(cls, rng: np.random.Generator, sign: int, kerb: float) -> Side:
        verge = kerb + (float(rng.uniform(1.0, 2.5)) if rng.random() < 0.3 else 0.0)
        edge = verge + float(rng.uniform(2.0, 5.0))
        facade = edge + (float(rng.uniform(1.5, 6.0)) if rng.random() < 0.5 else 0.05)
        return cls(sign, kerb, verge, edge, facade)


@dataclass(frozen=True)
class Street:
    """Plan of the street.

    Attributes:
        camera_offset: offset of the camera.
        curvature: curvature of the centre line, 1 / metre.
        sides: left and right.
        lane: width of a lane; whole lanes fit between the kerbs, beside the parking lanes.
        parking: width of the parking lane at each kerb, 0 without one.
        junction: (z, z) between which another road crosses, or None.
        zebra: z where a pedestrian crossing begins, or None; it is `ZEBRA` deep.
    """

    camera_offset: float
    curvature: float
    sides: tuple[Side, Side]
    lane: float
    parking: float
    junction: tuple[float, float] | None
    zebra: float | None

    ZEBRA = 3.0

    @classmethod
    def random(cls, rng: np.random.Generator) -> Street:
        lane = float(rng.uniform(2.9, 3.5))
        parking = 2.2 if rng.random() < 0.75 else 0.0
        kerb = lane * pick(rng, (1, 1, 1, 2)) + parking
        junction = zebra = None
        if rng.random() < 0.5:
            start = float(np.exp(rng.uniform(np.log(14), np.log(60))))
            junction = (start, start + float(rng.uniform(8, 13)))
            zebra = start - Street.ZEBRA - 1.5
        elif rng.random() < 0.6:
            zebra = float(np.exp(rng.uniform(np.log(9), np.log(40))))
        return cls(
            camera_offset=kerb * float(rng.uniform(-0.6, 0.6)),
            curvature=float(rng.normal(0, 0.0022)),
            sides=(Side.random(rng, -1, kerb), Side.random(rng, 1, kerb)),
            lane=lane,
            parking=parking,
            junction=junction,
            zebra=zebra,
        )

    def x(self, offset: ArrayLike, z: ArrayLike) -> Points:
        """Return x of ``offset`` at distance ``z``; the bend is a parabola."""
        return np.asarray(offset) - self.camera_offset + self.curvature / 2 * np.square(z)

    def heading(self, z: float) -> float:
        """Return the direction of the street at ``z``, radians clockwise from the camera's axis."""
        return math.atan(self.curvature * z)

    def clear(self, z: float, margin: float = 0.0) -> bool:
        """Tell whether ``z`` is at least ``margin`` away from junction and crossing."""
        spans = [self.junction] if self.junction else []
        if self.zebra is not None:
            spans.append((self.zebra, self.zebra + self.ZEBRA))
        return all(z < start - margin or z > end + margin for start, end in spans)


@dataclass(frozen=True)
class Light:
    """Sun and air.

    Attributes:
        sun: (x, z) of the shadow that a metre of height casts on the ground.
        strength: how dark cast shadows are, from 0 (overcast) to 1 (clear).
        haze: colour that distant things take.
        visibility: metres after which 63 % of a colour is haze.
        exposure: factors of red, green and blue, which make the picture bright or warm.
    """

    sun: tuple[float, float]
    strength: float
    haze: Color
    visibility: float
    exposure: Color

    @classmethod
    def random(cls, rng: np.random.Generator) -> Light:
        length, angle = rng.uniform(0.6, 1.6), rng.uniform(0, 2 * np.pi)
        grey = float(rng.uniform(165, 225))
        bright, warm, green = (float(rng.uniform(1 - d, 1 + d)) for d in (0.22, 0.08, 0.02))
        return cls(
            sun=(float(length * np.cos(angle)), float(length * np.sin(angle)) * 0.6),
            strength=float(np.clip(rng.uniform(-0.3, 1.1), 0, 1)),
            haze=(grey * 0.98, grey, min(255.0, grey * float(rng.uniform(1.0, 1.1)))),
            visibility=float(rng.uniform(130, 500)),
            exposure=(0.9 * bright * warm, 0.9 * bright * green, 0.9 * bright / warm),
        )

    def facing(self, x: float, z: float) -> float:
        """Return the brightness of an upright face whose outward normal is (x, z), of length 1."""
        towards_sun = -(x * self.sun[0] + z * self.sun[1]) / math.hypot(*self.sun)
        return 0.84 + (0.08 + 0.20 * self.strength) * towards_sun

    def seen(self, color: Color, z: float, factor: float = 1.0) -> Color:
        """Return ``color`` times ``factor`` of light, seen through ``z`` metres of air."""
        clear = math.exp(-z / self.visibility)
        lit, (red, green, blue) = blend(self.haze, tint(color, factor), clear), self.exposure
        return lit[0] * red, lit[1] * green, lit[2] * blue


@dataclass
class Stage:
    """Everything that a thing needs to paint itself.

    Attributes:
        canvas: what it paints on.
        camera: from where the street is seen.
        street: the street's plan, in metres.
        light: sun and air.
        surfaces: textured planes so far, which are painted last.
    """

    canvas: Canvas
    camera: Camera
    street: Street
    light: Light
    surfaces: list[Surface] = field(default_factory=list)

    def worth(self, x: float, z: float, width: float, height: float) -> bool:
        """Tell whether a thing at (x, z) is in view and high enough to be drawn."""
        scale = self.camera.scale(z)
        if z < NEAR or height * scale < _SMALLEST:
            return False
        column = self.camera.vanishing[0] + x * scale
        reach = (width + height * abs(self.camera.roll)) * scale + 2
        return -reach < column < self.camera.size[1] + reach


@dataclass(frozen=True)
class Surface:
    """A textured plane; `Canvas.texture` draws it last, where it is visible."""

    segments: tuple[int, int]
    corners: Points
    texels: Points
    tile: str


def foot_shadow(x: float, z: float, width: float, height: float, light: Light) -> Points:
    """Return the shadow that an upright thing casts on the ground; it tapers away from the thing.

    Args:
        x: the middle of the thing's foot, metres to the right.
        z: its distance along the street, metres.
        width: width of the thing, metres.
        height: height of the thing, metres.
        light: gives the direction and length of the shadow.

    Returns:
        A polygon (4, 2) of (x, z), metres.
    """
    cast = np.array(light.sun) * height
    side = np.array([cast[1], -cast[0]]) / np.hypot(*cast) * width / 2
    foot = np.array([x, z])
    return np.array([foot - side, foot + side, foot + cast + side * 0.7, foot + cast - side * 0.7])


def contact_shadow(x: float, z: float, across: float, along: float) -> Points:
    """Return the dark patch below a thing, (k, 2), which is there even without sun."""
    return np.array([x, z]) + circle(14) * (across, along)


class Thing(Protocol):
    """Something that stands in the street. Things are painted from the farthest to the nearest."""

    @property
    def depth(self) -> float:
        """Return the distance by which things are sorted."""
        ...

    def paint(self, stage: Stage) -> None:
        """Draw the thing on the stage's canvas."""
        ...

    def shadows(self, light: Light) -> list[Points]:
        """Return polygons (k, 2) of (x, z) on the ground that lie in its shadow."""
        ...
