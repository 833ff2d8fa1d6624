# SPDX-License-Identifier: Apache-2.0
"""Sky, ground and the marks on the road."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from adaseg_fast.data.scenes import textures
from adaseg_fast.data.scenes.canvas import Color, Kind, Points, blend, circle, tint
from adaseg_fast.data.scenes.street import FAR, NEAR, Side, Stage, pick

_BENDS = NEAR * (FAR / NEAR) ** np.linspace(0, 1, 25)  # z, so that bends look round
_HAZES = 4  # this many bends share one colour
SHADED = 60.0  # metres; grain and shadows farther away would be finer than a pixel
_SKIES: tuple[tuple[Color, Color], ...] = (  # zenith, horizon
    ((88, 142, 214), (196, 214, 232)),
    ((120, 160, 205), (222, 222, 218)),
    ((168, 176, 186), (206, 208, 210)),
    ((190, 194, 198), (226, 226, 224)),
    ((104, 128, 172), (238, 206, 176)),
)


def paint_sky(stage: Stage, rng: np.random.Generator) -> None:
    """Paint a gradient towards the horizon and clouds over the whole image."""
    zenith, horizon = (np.array(color) for color in pick(rng, _SKIES))
    corner = rng.integers(0, 512 - 96, 2)
    cover = rng.uniform(0.2, 1.1)
    patch = textures.clouds()[corner[0] : corner[0] + 64, corner[1] : corner[1] + 96]
    height, width = stage.camera.size
    above = stage.camera.vanishing[1] / height
    down = np.clip(np.linspace(0, 1, 64) / max(above, 1e-6), 0, 1)[:, None, None]
    sky = zenith + (horizon - zenith) * down**1.4
    cloud = np.clip(patch[..., None] / 255 * cover, 0, 0.92)
    sky = sky + (np.array([236.0, 236.0, 238.0]) - sky) * cloud
    small = np.clip(sky * stage.light.exposure, 0, 255).astype(np.uint8)
    cv2.resize(small, (width, height), dst=stage.canvas.image, interpolation=cv2.INTER_CUBIC)


@dataclass(frozen=True)
class Ground:
    """Segment numbers of the ground: exactly the numbers ``first .. last``."""

    first: int
    last: int


def paint_ground(stage: Stage, rng: np.random.Generator) -> Ground:
    """Paint gardens, pavements, kerbs, the road and its marks."""
    canvas, street = stage.canvas, stage.street
    grass, pavement, road = (
        canvas.segment(kind) for kind in (Kind.VEGETATION, Kind.PAVEMENT, Kind.ROAD)
    )
    grey = rng.uniform(82, 124)
    asphalt: Color = (grey, grey * rng.uniform(0.98, 1.02), grey * rng.uniform(0.98, 1.06))
    slab = tint(asphalt, float(rng.uniform(1.05, 1.45)))
    paving = blend(slab, (172, 140, 120), float(rng.uniform(0, 0.5)))
    turf: Color = (rng.uniform(80, 115), rng.uniform(105, 135), rng.uniform(52, 75))
    yard = pick(rng, ((turf, grass), (paving, pavement)))

    _strip(stage, -400.0, 400.0, *yard)
    for side in street.sides:
        if side.facade > side.edge + 0.5:
            _side_strip(stage, side, side.edge, side.facade, turf, grass)
        _side_strip(stage, side, side.verge, side.edge, paving, pavement)
        _side_strip(stage, side, side.kerb, side.verge, turf, grass)
        _side_strip(stage, side, side.kerb, side.kerb + 0.18, tint(paving, 1.18), pavement)
    kerb = street.sides[1].kerb
    _strip(stage, -kerb, kerb, asphalt, road)
    if street.junction is not None:
        _crossing_road(stage, street.junction, asphalt, road, paving, pavement)
    _road_marks(stage, rng, asphalt, road)
    return Ground(grass, road)


def shade_ground(
    stage: Stage, rng: np.random.Generator, ground: Ground, shadows: Sequence[Points]
) -> None:
    """Lay the grain of the ground and ``shadows`` (k, 2), each of (x, z), over what is visible."""
    camera, light = stage.camera, stage.light
    darkness: NDArray[np.uint8] = np.full(camera.size, 255, np.uint8)
    level = (round(255 * (1.0 - 0.55 * light.strength)),)
    everything = np.concatenate(shadows)
    corners = np.rint(16 * camera.project(everything[:, 0], 0.0, everything[:, 1]))
    ends = np.cumsum([len(outline) for outline in shadows])[:-1]
    for outline in np.split(corners.astype(np.int32), ends):
        cv2.fillPoly(darkness, [outline], level, cv2.LINE_8, 4)
    blur = max(3, int(min(camera.size) * 0.006) | 1)
    cv2.blur(darkness, (blur, blur), dst=darkness)

    reach = SHADED
    x = np.array([-35.0, 35.0, 35.0, -35.0])
    z = np.array([NEAR, NEAR, reach, reach])
    start = rng.uniform(0, 8, 2)
    texels = (np.stack([x + 35.0, z], -1) + start) * textures.GROUND_TEXELS
    corners = camera.project(x, 0.0, z)
    numbers = (ground.first, ground.last)
    stage.canvas.texture(numbers, corners, texels, textures.asphalt(), darkness)


def _side_strip(
    stage: Stage, side: Side, near: float, far: float, color: Color, segment: int
) -> None:
    """Paint a strip of one side between two distances from the centre line."""
    if far > near:
        ends = sorted((side.sign * near, side.sign * far))
        _strip(stage, ends[0], ends[1], color, segment)


def _strip(stage: Stage, left: float, right: float, color: Color, segment: int) -> None:
    """Paint a strip along the street between two offsets, from the far end to the camera."""
    offsets = np.array([[left], [right]])
    edges = stage.camera.project(stage.street.x(offsets, _BENDS), 0.0, _BENDS)
    for k in range(len(_BENDS) - 1 - _HAZES, -1, -_HAZES):
        outline = np.concatenate([edges[0, k : k + _HAZES + 1], edges[1, k : k + _HAZES + 1][::-1]])
        seen = stage.light.seen(color, float(_BENDS[k + _HAZES // 2]))
        stage.canvas.fill(outline, seen, segment)


def _patches(
    stage: Stage, left: ArrayLike, right: ArrayLike, z: ArrayLike, to: ArrayLike
) -> Points:
    """Return corners (n, 4, 2) in pixels of pieces of road; each bound is (n,) or one number."""
    bounds = (np.asarray(bound, np.float64) for bound in (left, right, z, to))
    left, right, z, to = np.broadcast_arrays(*bounds)
    across = np.stack([left, right, right, left], -1)
    along = np.maximum(np.stack([z, z, to, to], -1), NEAR)
    return stage.camera.project(stage.street.x(across, along), 0.0, along)


def _crossing_road(
    stage: Stage,
    span: tuple[float, float],
    asphalt: Color,
    road: int,
    paving: Color,
    pavement: int,
) -> None:
    """Paint the other road of a junction, with its own pavements."""
    for reach, color, segment in ((3.0, paving, pavement), (0.0, asphalt, road)):
        for sign in (-1, 1):
            kerb = sign * stage.street.sides[1].kerb * 0.98
            quad = _patches(stage, kerb, sign * 120.0, span[0] - reach, span[1] + reach)
            stage.canvas.fill(quad, stage.light.seen(color, sum(span) / 2), segment)


def _road_marks(stage: Stage, rng: np.random.Generator, asphalt: Color, road: int) -> None:
    """Paint patches, manholes, lane lines, edge lines and the crossing; all are road."""
    street, light = stage.street, stage.light
    kerb = street.sides[1].kerb
    for _ in range(int(rng.integers(2, 8))):
        z, offset = float(np.exp(rng.uniform(1.2, 4.0))), float(rng.uniform(-kerb, kerb * 0.6))
        wide, deep, tone = rng.uniform(0.5, kerb * 0.4), rng.uniform(0.8, 8), rng.uniform(0.8, 1.12)
        quad = _patches(stage, offset, offset + wide, z, z + deep)
        stage.canvas.fill(quad, light.seen(asphalt, z, tone), road)
    for _ in range(int(rng.integers(0, 5))):
        z, offset = float(np.exp(rng.uniform(1.5, 3.6))), float(rng.uniform(-kerb, kerb) * 0.8)
        ring = np.array([offset, z]) + 0.35 * circle(16)
        ring = stage.camera.project(street.x(ring[:, 0], z), 0.0, ring[:, 1])
        stage.canvas.fill(ring, light.seen(asphalt, z, 0.62), road)

    paint = blend(asphalt, (240, 240, 232), float(rng.uniform(0.35, 0.95)))
    half = kerb - street.parking
    lanes = round(half / street.lane)
    dash, gap = pick(rng, ((3.0, 3.0), (3.0, 6.0), (6.0, 3.0)))
    start = float(rng.uniform(0, dash + gap)) - dash
    lines = [(lane * street.lane, np.arange(start, 110.0, dash + gap), dash)
             for lane in range(1 - lanes, lanes)]  # fmt: skip
    if street.parking and rng.random() < 0.7:
        lines += [(offset, np.arange(0.0, 110.0, 2.0), 2.0) for offset in (-half, half)]
    for offset, begin, length in lines:
        drawn = np.array([street.clear(z) and street.clear(z + length) for z in begin])
        begin = begin[drawn & (begin + length > NEAR)]
        for near, far in ((-10.0, 12.0), (12.0, 40.0), (40.0, 110.0)):
            some = begin[(begin >= near) & (begin < far)]
            marks = _patches(stage, offset - 0.07, offset + 0.07, some, some + length)
            stage.canvas.fill_all(marks, light.seen(paint, max(0.0, (near + far) / 2)), road)
    if street.zebra is not None:
        left, start = np.arange(-kerb + 0.3, kerb - 0.6, 1.0), street.zebra
        bars = _patches(stage, left, left + 0.5, start, start + street.ZEBRA)
        stage.canvas.fill_all(bars, light.seen(paint, start), road)
