# SPDX-License-Identifier: Apache-2.0
"""The paper's augmentation (sec. 4.1), on uint8 from end to end.

Each transform takes a Frame and returns one whose arrays are C-contiguous. It never writes to its
argument, but may share memory with it where nothing had to change. Labels and instances follow the
geometry; colours touch the image only. Whatever is random comes from the generator given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data.base import Frame

_MIDDLE_GREY = 127.5


def square_crop(
    frame: Frame,
    rng: np.random.Generator | None = None,
    *,
    scale: tuple[float, float] = (1.0, 1.0),
) -> Frame:
    """Cut out a square: the largest at a random place, or the central one without ``rng``.

    Args:
        frame: of any aspect.
        rng: chooses side and place; None for the central largest square.
        scale: bounds of the random share of the largest side, 0 < low <= high <= 1.

    Raises:
        ValueError: ``scale`` is out of bounds, or given without ``rng``.
    """
    _check_scale(scale)
    height, width = frame.labels.shape
    side = min(height, width)
    if rng is not None:
        side = max(1, round(side * rng.uniform(*scale)))
        row = int(rng.integers(height - side + 1))
        column = int(rng.integers(width - side + 1))
    elif scale == (1.0, 1.0):
        row, column = (height - side) // 2, (width - side) // 2
    else:
        raise ValueError(f"scale {scale} asks for a random square, so rng is needed; got None")
    place = np.s_[row : row + side, column : column + side]
    return _move(frame, lambda array: np.ascontiguousarray(array[place]))


def flip(frame: Frame) -> Frame:
    """Swap left and right."""
    return _move(frame, lambda array: cv2.flip(array, 1))


def adjust_colors(
    frame: Frame,
    *,
    contrast: float = 1.0,
    brightness: float = 0.0,
    gains: tuple[float, float, float] | None = None,
) -> Frame:
    """Change contrast, brightness and colour of the image through one lookup table.

    A value ``x`` becomes ``gain * (contrast * (x - 127.5) + 127.5 + 255 * brightness)``, rounded
    to even and clipped to 0..255.

    Args:
        frame: its image changes, nothing else.
        contrast: factor on the distance from middle grey.
        brightness: added, as a share of the full range.
        gains: a factor for red, green and blue; None for none.
    """
    values = np.arange(256, dtype=np.float64)
    values = contrast * (values - _MIDDLE_GREY) + _MIDDLE_GREY + 255 * brightness
    if gains is not None:
        values = values[None, :, None] * np.asarray(gains)
    table = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return frame._replace(image=np.asarray(cv2.LUT(frame.image, table), np.uint8))


def salt_and_pepper(frame: Frame, rng: np.random.Generator, share: float) -> Frame:
    """Make ``share`` of the image's pixels black or white, half of them each.

    Pixel numbers are drawn with repetition, so about ``share**2 / 2`` fewer are hit.
    """
    image = frame.image.copy()
    pixels = image.reshape(-1, 3)
    chosen = rng.integers(len(pixels), size=round(share * len(pixels)))
    half = len(chosen) // 2
    pixels[chosen[:half]] = 0
    pixels[chosen[half:]] = 255
    return frame._replace(image=image)


@dataclass(frozen=True)
class Augmentation:
    """The random changes of a training frame; to be called with the frame and a generator.

    The paper names the kinds, not the amounts; the defaults here are mild. For few training frames
    a ``scale`` such as (0.5, 1.0) and some ``color`` help more than the rest.

    Attributes:
        scale: bounds of the share of the largest square's side that is cut out, see `square_crop`.
        flip: probability of swapping left and right.
        contrast: the factor lies within 1 - contrast and 1 + contrast.
        brightness: the shift lies within -brightness and +brightness, as a share of the full range.
        color: each channel's own factor lies within 1 - color and 1 + color.
        noise: largest share of salt-and-pepper pixels.

    Raises:
        ValueError: ``scale`` is not within 0 < low <= high <= 1, another field not within [0, 1].
    """

    scale: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.5
    contrast: float = 0.2
    brightness: float = 0.1
    color: float = 0.0
    noise: float = 0.01

    def __post_init__(self) -> None:
        _check_scale(self.scale)
        for name in ("flip", "contrast", "brightness", "color", "noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie within 0 and 1, got {getattr(self, name)}")

    def __call__(
        self,
        frame: Frame,
        rng: np.random.Generator,
        geometry: np.random.Generator | None = None,
    ) -> Frame:
        """A changed (side, side) frame; the argument stays as it is.

        Args:
            frame: of any aspect.
            rng: chooses all that is random.
            geometry: chooses the square and whether it is flipped, instead of ``rng``.
        """
        return self.recolor(self.place(frame, geometry or rng), rng)

    def place(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """The part that moves pixels: the square, swapped left and right or not."""
        frame = square_crop(frame, rng, scale=self.scale)
        return flip(frame) if rng.random() < self.flip else frame

    def recolor(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """The part that changes colours: contrast, brightness, channels, noise."""
        red, green, blue = rng.uniform(1 - self.color, 1 + self.color, 3)
        frame = adjust_colors(
            frame,
            contrast=rng.uniform(1 - self.contrast, 1 + self.contrast),
            brightness=rng.uniform(-self.brightness, self.brightness),
            gains=(red, green, blue) if self.color else None,
        )
        return salt_and_pepper(frame, rng, rng.uniform(0, self.noise))


def _move(frame: Frame, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Frame:
    """The frame with one change of geometry applied to all its arrays."""
    instances = None if frame.instances is None else change(frame.instances)
    return frame._replace(
        image=change(frame.image), labels=change(frame.labels), instances=instances
    )


def _check_scale(scale: tuple[float, float]) -> None:
    low, high = scale
    if not 0 < low <= high <= 1:
        raise ValueError(f"scale must be (low, high) with 0 < low <= high <= 1, got {scale}")
