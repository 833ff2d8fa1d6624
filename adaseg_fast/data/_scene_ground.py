# SPDX-License-Identifier: Apache-2.0
"""Sky, ground and what is painted on the road."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data import _scene_textures as textures
from adaseg_fast.data._scene_canvas import Color, Kind, Points, blend, tint
from adaseg_fast.data._scene_street import FAR, NEAR, Side, Stage, pick, points3

_BANDS = NEAR * (FAR / NEAR) ** np.linspace(0, 1, 25)  # z, so that bends look round
_SKIES: tuple[tuple[Color, Color], ...] = (  # zenith, horizon
    ((88, 142, 214), (196, 214, 232)),
    ((120, 160, 205), (222, 222, 218)),
    ((168, 176, 186), (206, 208, 210)),
    ((190, 194, 198), (226, 226, 224)),
    ((104, 128, 172), (238, 206, 176)),
)


def paint_sky(stage: Stage, rng: np.random.Generator) -> None:
    """A gradient towards the horizon under clouds, over the whole image."""
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
    small = np.clip(sky, 0, 255).astype(np.uint8)
    cv2.resize(small, (width, height), dst=stage.canvas.image, interpolation=cv2.INTER_CUBIC)


@dataclass(frozen=True)
class Ground:
    """Segment numbers of the ground; all of them, and no other's, lie in ``first .. last``."""

    first: int
    last: int


def paint_ground(stage: Stage, rng: np.random.Generator) -> Ground:
    """Gardens, pavements, kerbs, road and its marks."""
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
    """Lay the grain of the ground and the ``shadows`` (k, 2) of (x, z) on what is visible."""
    camera, light = stage.camera, stage.light
    darkness: NDArray[np.uint8] = np.full(camera.size, 255, np.uint8)
    level = (round(255 * (1.0 - 0.55 * light.strength)),)
    for outline in shadows:
        corners = camera.project(points3(outline[:, 0], 0.0, outline[:, 1]))
        cv2.fillPoly(darkness, [np.rint(corners * 16).astype(np.int32)], level, cv2.LINE_8, 4)
    blur = max(3, int(min(camera.size) * 0.006) | 1)
    darkness = np.asarray(cv2.blur(darkness, (blur, blur)), np.uint8)

    reach = 60.0  # farther grain would be finer than a pixel
    x = np.array([-35.0, 35.0, 35.0, -35.0])
    z = np.array([NEAR, NEAR, reach, reach])
    start = rng.uniform(0, 8, 2)
    texels = (np.stack([x + 35.0, z], -1) + start) * textures.GROUND_TEXELS
    corners = camera.project(points3(x, 0.0, z))
    numbers = (ground.first, ground.last)
    stage.canvas.texture(numbers, corners, texels, textures.asphalt(), darkness)


def _side_strip(
    stage: Stage, side: Side, near: float, far: float, color: Color, segment: int
) -> None:
    """Strip of one side between two distances from the centre line."""
    if far > near:
        ends = sorted((side.sign * near, side.sign * far))
        _strip(stage, ends[0], ends[1], color, segment)


def _strip(stage: Stage, left: float, right: float, color: Color, segment: int) -> None:
    """Strip of ground along the street between two offsets, from the far end to the camera."""
    street = stage.street
    edges = [
        stage.camera.project(points3(street.x(offset, _BANDS), 0.0, _BANDS))
        for offset in (left, right)
    ]
    for k in range(len(_BANDS) - 2, -1, -1):
        quad = np.array([edges[0][k], edges[0][k + 1], edges[1][k + 1], edges[1][k]])
        stage.canvas.fill(quad, stage.light.seen(color, _BANDS[k : k + 2].mean()), segment)


def _patch(stage: Stage, offsets: tuple[float, float], z: tuple[float, float]) -> Points:
    """Corners (4, 2) in pixels of a piece of road between two offsets and two distances."""
    across = np.array([offsets[0], offsets[1], offsets[1], offsets[0]])
    along = np.maximum([z[0], z[0], z[1], z[1]], NEAR)
    return stage.camera.project(points3(stage.street.x(across, along), 0.0, along))


def _crossing_road(
    stage: Stage,
    span: tuple[float, float],
    asphalt: Color,
    road: int,
    paving: Color,
    pavement: int,
) -> None:
    """The other road of a junction, with its own pavements."""
    for reach, color, segment in ((3.0, paving, pavement), (0.0, asphalt, road)):
        for sign in (-1, 1):
            kerb = sign * stage.street.sides[1].kerb * 0.98
            quad = _patch(stage, (kerb, sign * 120.0), (span[0] - reach, span[1] + reach))
            stage.canvas.fill(quad, stage.light.seen(color, sum(span) / 2), segment)


def _road_marks(stage: Stage, rng: np.random.Generator, asphalt: Color, road: int) -> None:
    """Patches, manholes, lane lines, edge lines and the crossing; all of them are road."""
    street, light = stage.street, stage.light
    kerb = street.sides[1].kerb
    for _ in range(int(rng.integers(2, 8))):
        z, offset = float(np.exp(rng.uniform(1.2, 4.0))), float(rng.uniform(-kerb, kerb * 0.6))
        wide, deep, tone = rng.uniform(0.5, kerb * 0.4), rng.uniform(0.8, 8), rng.uniform(0.8, 1.12)
        quad = _patch(stage, (offset, offset + wide), (z, z + deep))
        stage.canvas.fill(quad, light.seen(asphalt, z, tone), road)
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    for _ in range(int(rng.integers(0, 5))):
        z, offset = float(np.exp(rng.uniform(1.5, 3.6))), float(rng.uniform(-kerb, kerb) * 0.8)
        ring = points3(street.x(offset + 0.35 * np.cos(turn), z), 0.0, z + 0.35 * np.sin(turn))
        stage.canvas.fill(stage.camera.project(ring), light.seen(asphalt, z, 0.62), road)

    paint = blend(asphalt, (240, 240, 232), float(rng.uniform(0.35, 0.95)))
    half = kerb - street.parking
    lanes = round(half / street.lane)
    dash, gap = pick(rng, ((3.0, 3.0), (3.0, 6.0), (6.0, 3.0)))
    start = float(rng.uniform(0, dash + gap))
    for lane in range(1 - lanes, lanes):
        for z in np.arange(start - dash, 110.0, dash + gap):
            if z + dash > NEAR and street.clear(z) and street.clear(z + dash):
                offset = lane * street.lane
                quad = _patch(stage, (offset - 0.07, offset + 0.07), (z, z + dash))
                stage.canvas.fill(quad, light.seen(paint, max(z, 0.0)), road)
    if street.parking and rng.random() < 0.7:
        for offset in (-half, half):
            for near, far in zip(_BANDS[:-1], _BANDS[1:], strict=True):
                if street.clear(near, 1.0) and street.clear(far, 1.0):
                    quad = _patch(stage, (offset - 0.06, offset + 0.06), (near, far))
                    stage.canvas.fill(quad, light.seen(paint, near), road)
    if street.zebra is not None:
        bars = [
            _patch(stage, (offset, offset + 0.5), (street.zebra, street.zebra + street.ZEBRA))
            for offset in np.arange(-kerb + 0.3, kerb - 0.6, 1.0)
        ]
        stage.canvas.fill_all(bars, light.seen(paint, street.zebra), road)
