# SPDX-License-Identifier: Apache-2.0
"""Checks of the images that models are given: layout, device, and units of their values."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from adaseg_fast import ops
from adaseg_fast.normalization import Normalization

KERNEL_DEVICES = ("cpu", "cuda")

# Warnings look at this many images of each model. One image may be black, and on CUDA a look waits
# for the device.
LOOKS = 8


def check_image(image: Tensor, channels: int) -> None:
    """Check the shape, dtype and device of an image.

    Args:
        image: Any tensor.
        channels: The number of channels that is wanted.

    Raises:
        ValueError: The shape is wrong, or no kernels exist for the device.
        TypeError: The image is boolean or complex.
    """
    if image.ndim != 4 or image.shape[1] != channels:
        raise ValueError(
            f"image must have shape (N, C, H, W) with C = {channels} channels, "
            f"got shape {tuple(image.shape)}{_hint(image, channels)}"
        )
    if image.dtype == torch.bool or image.is_complex():
        raise TypeError(f"image must be uint8 or floating point, got {image.dtype}")
    check_device(image.device)


def check_device(device: torch.device) -> None:
    """Refuse a device for which there are no kernels.

    The meta device passes: tensors on it have shapes, and so have the results, but no values.

    Args:
        device: Of a tensor.

    Raises:
        ValueError: There are no kernels.

    Example:
        >>> check_device(torch.device("mps"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        ValueError: there are no kernels for the device mps; ...
    """
    if device.type not in (*KERNEL_DEVICES, "meta"):
        raise ValueError(
            f"there are no kernels for the device {device}; move the model and the image to one of "
            f'{", ".join(KERNEL_DEVICES)}: model.to("cpu") and image.to("cpu")'
        )


def check_has_values(image: Tensor) -> None:
    """Refuse an image on the meta device, where a prediction would have no values either.

    Args:
        image: Any tensor.

    Raises:
        ValueError: It is on the meta device.
    """
    if image.is_meta and not torch.compiler.is_compiling():
        raise ValueError(
            "image is on the device meta, where tensors have no values, so nothing can be "
            'predicted; make the image on the device of the model, such as image.to("cpu") for '
            "one that has values"
        )


class UnitsCheck:
    """Warns once if the values of images do not fit the units that a model assumes.

    It looks at the sampled pixels of the first images that are not uint8, see `LOOKS`. It looks at
    nothing while torch compiles or exports.

    Args:
        normalization: What the model assumes.
    """

    def __init__(self, normalization: Normalization) -> None:
        self._normalization = normalization
        self._looks = LOOKS

    def look(self, image: Tensor, phi: Tensor) -> None:
        """Warn if the pixels at ``phi`` do not fit.

        Args:
            image: ``(N, C, H, W)``.
            phi: ``(N, 2, h, w)``.
        """
        if torch.compiler.is_compiling() or image.dtype == torch.uint8 or not self._looks:
            return
        if image.is_meta or not image.numel() or not phi.numel():
            return
        self._looks -= 1
        low, high = map(float, ops.sample(image.detach(), phi.detach()).aminmax())
        message = self._misfit(low, high, image.is_floating_point())
        if message:
            self._looks = 0
            warnings.warn(f"image has values from {low:.4g} to {high:.4g}, {message}", stacklevel=2)

    def _misfit(self, low: float, high: float, floating: bool) -> str | None:
        """What does not fit and what to do, in words; None if all fits."""
        full = self._normalization.value_range if floating else 255.0
        # Such statistics are those of images in other units, which their user chose.
        largest = max(map(abs, (*self._normalization.mean, *self._normalization.std)))
        own = not 1 < largest <= 255
        if full == 255 and not own and low >= 0 and 0 < high <= 1:
            return (
                "but values from 0 to 255 are assumed; if 1 is full intensity, make the "
                "downsampler with value_range=1.0 and give floating-point images, or give uint8"
            )
        if not own and low < 0 and max(-low, high) <= 10:
            return (
                "as an image has that was normalised already; the downsampler normalises by mean "
                "and std itself, so give it the image as it was, or use mean 0 and std 1"
            )
        if not own and high > 2 * full:
            advice = "value_range=255.0" if high <= 255 else "an image of 0 to 255"
            return f"but values from 0 to {full:g} are assumed; use {advice}"
        return None


def _hint(image: Tensor, channels: int) -> str:
    """What to do about the shape."""
    if image.ndim == 4 and image.shape[-1] == channels:
        return ", which is (N, H, W, C): give image.permute(0, 3, 1, 2)"
    if image.ndim == 3 and image.shape[-1] == channels and image.shape[0] != channels:
        return ", which is (H, W, C): give image.permute(2, 0, 1)[None]"
    if image.ndim == 3 and image.shape[0] == channels:
        return ", which has no batch dimension: give image[None]"
    return ""
