# SPDX-License-Identifier: Apache-2.0
"""Textures of the synthetic scenes. Each process makes them once.

All are uint8 with 128 as the neutral value (a factor of 1). They are always the same bits, since
each comes from a generator with a seed of its own.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Tile = NDArray[np.uint8]

GROUND_TEXELS = 24.0  # per metre, in `asphalt`
WALL_TEXELS = 32.0  # per metre, in `wall`
WALLS = ("plaster", "brick", "panel", "boards")
CROWNS = 8


def _noise(seed: int, size: int, roughness: float) -> NDArray[np.float64]:
    """Return periodic noise, (size, size), mean 0, deviation 1, amplitudes f**-roughness."""
    white = np.random.default_rng(seed).standard_normal((size, size))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(white) * frequency**-roughness, s=(size, size))
    return np.asarray(field / field.std())


def _tile(factor: NDArray[np.float64]) -> Tile:
    return np.clip(np.rint(128.0 * factor), 0, 255).astype(np.uint8)


@cache
def asphalt() -> Tile:
    """Return ground, (2048, 2048): grain, stains and a few thin cracks."""
    cracks = np.abs(_noise(13, 512, 1.6)) < 0.006
    factor = 1.0 + 0.05 * _noise(11, 512, 0.2) + 0.06 * _noise(12, 512, 1.3) - 0.25 * cracks
    return np.tile(_tile(factor), (4, 4))


@cache
def wall(name: str) -> Tile:
    """Return the face of a wall, (1024, 1024); ``name`` is one of `WALLS`."""
    y, x = np.mgrid[0:1024, 0:1024]
    factor = np.tile(1.0 + 0.02 * _noise(21, 512, 0.1) + 0.06 * _noise(22, 512, 1.4), (2, 2))
    if name == "brick":
        factor += _blocks(x, y, (16, 8), joint=1, contrast=0.11, seed=23)
    elif name == "panel":
        factor += _blocks(x, y, (72, 48), joint=2, contrast=0.05, seed=24)
    elif name == "boards":
        factor += 0.12 * ((y % 8) / 8 - 0.5) - 0.25 * (y % 8 == 0)
    return _tile(factor)


def _blocks(
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    size: tuple[int, int],
    *,
    joint: int,
    contrast: float,
    seed: int,
) -> NDArray[np.float64]:
    """Return blocks of (width, height) texels with dark joints; every other course is shifted."""
    width, height = size
    course = y // height
    along = x + (course % 2) * (width // 2)
    tone = np.random.default_rng(seed).standard_normal((1024, 1024))
    joints = (y % height < joint) | (along % width < joint)
    return np.where(joints, -0.22, contrast * tone[course, along // width])


@cache
def clouds() -> Tile:
    """Return the density of clouds, (512, 512), periodic; 0 is clear air."""
    return np.clip(110 * (_noise(31, 512, 1.7) - 0.2), 0, 255).astype(np.uint8)


@cache
def grain() -> Tile:
    """Return sensor noise, (1280, 1280, 3), deviation 32 about 128."""
    noise = np.random.default_rng(41).standard_normal((1280, 1280, 3), np.float32)
    return np.clip(np.rint(128 + 32 * noise), 0, 255).astype(np.uint8)


@cache
def crown(number: int) -> tuple[Tile, Tile]:
    """Return foliage of a tree or bush: cover (opaque above 127) and shade, each (320, 320)."""
    size = 320
    y, x = np.mgrid[0:size, 0:size] / (size / 2) - 1.0
    rng = np.random.default_rng([51, number])
    lumps, leaves = _noise(60 + number, size, 1.6), _noise(80 + number, size, 0.7)
    depth = np.full((size, size), -np.inf)
    light = np.zeros((size, size))
    for _ in range(int(rng.integers(5, 10))):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.5)
        radius = rng.uniform(0.3, 0.48)
        dx, dy = x - distance * np.cos(angle), y - distance * np.sin(angle)
        ball = 1.0 - (dx**2 + dy**2) / radius**2
        nearer = ball > depth
        light[nearer] = (-dy / radius)[nearer]
        depth = np.maximum(depth, ball)
    solid = depth + 0.30 * lumps + 0.28 * leaves + 0.1
    solid[np.maximum(np.abs(x), np.abs(y)) > 0.98] = -1.0  # the border cuts no leaf
    shade = 1.0 + 0.28 * light + 0.22 * leaves + 0.10 * lumps - 0.15 * (y > 0.3)
    cover = cv2.GaussianBlur(np.where(solid > 0, 255, 0).astype(np.uint8), (3, 3), 0.8)
    return np.asarray(cover, np.uint8), _tile(np.clip(shade, 0.25, 1.9))
