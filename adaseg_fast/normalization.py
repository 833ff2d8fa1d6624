# SPDX-License-Identifier: Apache-2.0
"""How pixels are normalised before a network sees them. This module needs no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# ImageNet's statistics in the units of an image of 0..255.
IMAGE_MEAN = (123.675, 116.28, 103.53)
IMAGE_STD = (58.395, 57.12, 57.375)

VALUE_RANGES = (255.0, 1.0)


@dataclass(frozen=True)
class Normalization:
    """The statistics of images, and what full intensity is in floating-point images.

    Attributes:
        mean: what is subtracted from each channel, in the units of an image of 0..255.
        std: what each channel is divided by afterwards, in the same units.
        value_range: full intensity in a floating-point image: 255.0, or 1.0 for images of 0..1.
            Integer images are in units of 0..255 whatever it is.

    Raises:
        ValueError: ``mean`` and ``std`` differ in length, are empty or not finite, ``std`` is not
            positive, or ``value_range`` is neither 255 nor 1.

    Example:
        >>> Normalization((127.5,), (51.0,), 1.0).statistics(floating=True)
        ([0.5], [0.2])
    """

    mean: tuple[float, ...] = IMAGE_MEAN
    std: tuple[float, ...] = IMAGE_STD
    value_range: float = 255.0

    def __post_init__(self) -> None:
        if not self.mean or len(self.mean) != len(self.std):
            raise ValueError(
                "mean and std must have one value for each channel of the image, "
                f"got mean={self.mean} and std={self.std}"
            )
        if not all(map(math.isfinite, self.mean)):
            raise ValueError(f"mean must be finite, got {self.mean}")
        if not all(math.isfinite(x) and x > 0 for x in self.std):
            raise ValueError(f"std must be positive, got {self.std}")
        if self.value_range not in VALUE_RANGES:
            raise ValueError(f"value_range must be 255.0 or 1.0, got {self.value_range}")

    @classmethod
    def of(cls, mean: Any, std: Any, value_range: Any) -> Normalization:
        """The statistics that a user gives.

        Args:
            mean: a sequence, array or tensor with one number per channel.
            std: the same.
            value_range: a number.

        Returns:
            The same as plain numbers.

        Raises:
            TypeError: An argument is not made of numbers; the message names it.
            ValueError: See `Normalization`.

        Example:
            >>> Normalization.of([1], [2], 255)
            Normalization(mean=(1.0,), std=(2.0,), value_range=255.0)
        """
        return cls(_numbers("mean", mean), _numbers("std", std), _number(value_range))

    def statistics(self, *, floating: bool) -> tuple[list[float], list[float]]:
        """Mean and standard deviation in the units of an image.

        Args:
            floating: whether the image is floating point.

        Returns:
            The mean and the standard deviation of each channel.
        """
        unit = self.value_range / 255 if floating else 1.0
        return [x * unit for x in self.mean], [x * unit for x in self.std]


DEFAULT_NORMALIZATION = Normalization()


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    """One number per channel, from a sequence, array or tensor."""
    message = f"{name} must be a sequence with one number per channel, got {values!r}"
    plain = values.tolist() if hasattr(values, "tolist") else values
    if not isinstance(plain, Sequence) or isinstance(plain, str | bytes):
        raise TypeError(message)
    try:
        return tuple(float(x) for x in plain)
    except (TypeError, ValueError) as error:
        raise TypeError(message) from error


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"value_range must be a number, got {value!r}") from error
