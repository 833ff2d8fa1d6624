# SPDX-License-Identifier: Apache-2.0
"""The paper's augmentation (sec. 4.1), on uint8 throughout.

Each transform takes a Frame and returns a Frame whose arrays are C-contiguous. It never writes to
its argument, but the result may share memory with it if nothing changes. Labels and instances
follow the geometry; changes of colour affect the image only. All random numbers come from the
generator that is passed.
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
    """Cut out a square: the largest one at a random place, or the central one without ``rng``.

    Args:
        frame: (H, W) of any aspect.
        rng: chooses side and place; None for the largest square in the centre.
        scale: bounds of the square's side as a random share of min(H, W), 0 < low <= high <= 1.

    Returns:
        A square frame.

    Raises:
        ValueError: ``scale`` is out of bounds, or is given without ``rng``.

    Example:
        >>> labels = np.arange(8, dtype=np.uint8).reshape(2, 4)
        >>> frame = Frame(np.zeros((2, 4, 3), np.uint8), labels, "a")
        >>> square_crop(frame).labels.tolist()
        [[1, 2], [5, 6]]
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
        raise ValueError(
            f"scale {scale} asks for a random square, so rng must be a generator; got None"
        )
    place = np.s_[row : row + side, column : column + side]
    return _move(frame, lambda array: np.ascontiguousarray(array[place]))


def flip(frame: Frame) -> Frame:
    """Swap left and right.

    Args:
        frame: (H, W) of any aspect.

    Returns:
        The mirrored frame.

    Example:
        >>> frame = Frame(np.zeros((1, 3, 3), np.uint8), np.array([[1, 2, 3]], np.uint8), "a")
        >>> flip(frame).labels.tolist()
        [[3, 2, 1]]
    """
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
    (ties to even) and clipped to 0..255.

    Args:
        frame: only its image changes.
        contrast: factor of the distance from middle grey.
        brightness: is added, as a share of the full range.
        gains: factors of red, green and blue; None leaves the colours alone.

    Returns:
        The frame with its new image.

    Example:
        >>> frame = Frame(np.full((1, 1, 3), 100, np.uint8), np.zeros((1, 1), np.uint8), "a")
        >>> adjust_colors(frame, brightness=0.2).image.tolist()
        [[[151, 151, 151]]]
    """
    values = np.arange(256, dtype=np.float64)
    values = contrast * (values - _MIDDLE_GREY) + _MIDDLE_GREY + 255 * brightness
    if gains is not None:
        values = values[None, :, None] * np.asarray(gains)
    table = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return frame._replace(image=np.asarray(cv2.LUT(frame.image, table), np.uint8))


def salt_and_pepper(frame: Frame, rng: np.random.Generator, share: float) -> Frame:
    """Make a ``share`` of the image's pixels black or white, one half each.

    Pixels are drawn with repetition, so the share that changes is about ``share**2 / 2`` smaller.

    Args:
        frame: only its image changes.
        rng: chooses the pixels.
        share: share of the pixels, 0..1.

    Returns:
        The frame with its new image.

    Example:
        >>> frame = Frame(np.full((2, 2, 3), 100, np.uint8), np.zeros((2, 2), np.uint8), "a")
        >>> noisy = salt_and_pepper(frame, np.random.default_rng(0), 0.5).image
        >>> bool((noisy == 0).any()), bool((noisy == 255).any())
        (True, True)
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
    """The random changes of a training frame; call it with a frame and a generator.

    The paper names the kinds of changes, not the amounts; the defaults here are mild. With few
    training frames a ``scale`` such as (0.5, 1.0) and some ``color`` help more than the rest.

    Attributes:
        scale: bounds of the square's side as a share of the largest one, see `square_crop`.
        flip: probability of swapping left and right.
        contrast: the factor lies between 1 - contrast and 1 + contrast.
        brightness: the shift lies between -brightness and +brightness, as a share of the full
            range.
        color: the factor of each channel lies between 1 - color and 1 + color.
        noise: largest share of salt-and-pepper pixels.

    Raises:
        ValueError: ``scale`` is not within 0 < low <= high <= 1, or another field is not within
            [0, 1].

    Example:
        >>> frame = Frame(np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8), "a")
        >>> Augmentation(noise=0.0)(frame, np.random.default_rng(0)).image.shape
        (4, 4, 3)
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
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")

    def __call__(
        self,
        frame: Frame,
        rng: np.random.Generator,
        geometry: np.random.Generator | None = None,
    ) -> Frame:
        """Change a frame at random; the argument stays as it is.

        Args:
            frame: (H, W) of any aspect.
            rng: chooses all that is random.
            geometry: chooses the square and whether it is flipped, in place of ``rng``.

        Returns:
            A frame of (side, side) pixels.
        """
        return self.recolor(self.place(frame, geometry or rng), rng)

    def place(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """Apply the part that moves pixels: cut out a square, then perhaps swap left and right."""
        frame = square_crop(frame, rng, scale=self.scale)
        return flip(frame) if rng.random() < self.flip else frame

    def recolor(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """Apply the part that changes colours: contrast, brightness, channels, noise."""
        red, green, blue = rng.uniform(1 - self.color, 1 + self.color, 3)
        frame = adjust_colors(
            frame,
            contrast=rng.uniform(1 - self.contrast, 1 + self.contrast),
            brightness=rng.uniform(-self.brightness, self.brightness),
            gains=(red, green, blue) if self.color else None,
        )
        return salt_and_pepper(frame, rng, rng.uniform(0, self.noise))


def _move(frame: Frame, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Frame:
    """Apply one change of geometry to all arrays of a frame."""
    instances = None if frame.instances is None else change(frame.instances)
    return frame._replace(
        image=change(frame.image), labels=change(frame.labels), instances=instances
    )


def _check_scale(scale: tuple[float, float]) -> None:
    low, high = scale
    if not 0 < low <= high <= 1:
        raise ValueError(f"scale must be (low, high) with 0 < low <= high <= 1, got {scale}")
