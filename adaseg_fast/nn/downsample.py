# SPDX-License-Identifier: Apache-2.0
"""From a large image to the small one that is segmented, uniformly or adaptively (Fig. 4)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from torch import Tensor, nn

from adaseg_fast import ops
from adaseg_fast.nn.blocks import UniformGrid

# ImageNet's statistics in the units of an image of 0..255.
IMAGE_MEAN = (123.675, 116.28, 103.53)
IMAGE_STD = (58.395, 57.12, 57.375)


class Downsampler(nn.Module):
    """What both downsamplers do: sample at the sampling tensor's points and normalise.

    Attributes:
        size: ``(h, w)`` of the small image: the working size.
        mean: What is subtracted from each channel.
        std: What each channel is divided by afterwards.
    """

    def __init__(self, size: tuple[int, int], mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.size = _checked_size("size", size)
        self.mean = tuple(float(x) for x in mean)
        self.std = tuple(float(x) for x in std)
        if not self.mean or len(self.mean) != len(self.std):
            raise ValueError(
                "mean and std must have one value for each channel of the image, "
                f"got mean={self.mean} and std={self.std}"
            )
        if not all(x > 0 for x in self.std):
            raise ValueError(f"std must be positive, got {self.std}")

    def sampling_tensor(self, image: Tensor) -> Tensor:
        """Return the sampling tensor ``(N, 2, h, w)`` for ``image`` ``(N, C, H, W)``."""
        raise NotImplementedError

    def sample(self, image: Tensor, phi: Tensor) -> Tensor:
        """Return ``image`` at the points of ``phi``, ``(N, C, h, w)``, ``(x - mean) / std``."""
        return ops.sample(image, phi, mean=self.mean, std=self.std)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Downsample.

        Args:
            image: ``(N, C, H, W)``, uint8 or floating point, any strides.

        Returns:
            The small image ``(N, C, h, w)``, floating point, ``(x - mean) / std``; and the sampling
            tensor ``(N, 2, h, w)`` that it was taken at, relative (row, column).

        Raises:
            ValueError: ``image`` is not ``(N, C, H, W)`` with C the length of ``mean``.
        """
        phi = self.sampling_tensor(image)
        return self.sample(image, phi), phi

    def _check(self, image: Tensor) -> None:
        if image.ndim != 4 or image.shape[1] != len(self.mean):
            raise ValueError(
                f"image must have shape (N, C, H, W) with C = {len(self.mean)} channels, "
                f"got shape {tuple(image.shape)}"
            )

    def extra_repr(self) -> str:
        return f"size={self.size}, mean={self.mean}, std={self.std}"


class UniformDownsampler(Downsampler):
    """Nearest-pixel sampling on the uniform grid: the baseline.

    Args:
        size: ``(h, w)`` of the small image, at least 2 each.
        mean: Subtracted from each channel, in units of the image (0 to 255 by default).
        std: Each channel is divided by it afterwards, in units of the image.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> import torch
        >>> small, phi = UniformDownsampler((8, 12))(torch.zeros(1, 3, 60, 90))
        >>> small.shape, phi.shape
        (torch.Size([1, 3, 8, 12]), torch.Size([1, 2, 8, 12]))
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        mean: Sequence[float] = IMAGE_MEAN,
        std: Sequence[float] = IMAGE_STD,
    ) -> None:
        super().__init__(size, mean, std)
        self.uniform = UniformGrid(self.size)

    def sampling_tensor(self, image: Tensor) -> Tensor:
        """Return the uniform sampling tensor ``(N, 2, h, w)`` for ``image`` ``(N, C, H, W)``."""
        self._check(image)
        phi: Tensor = self.uniform(image.shape[0])
        return phi


Function = TypeVar("Function", bound=Callable[..., Any])


def _accept_renamed(old: str, new: str) -> Callable[[Function], Function]:
    """Let a function take its keyword ``new`` under the name ``old`` too, with a warning."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if old in kwargs:
                if new in kwargs:
                    raise TypeError(f"{new} was given twice, also under its former name {old}")
                _warn_renamed(old, new)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate


def _warn_renamed(old: str, new: str) -> None:
    """Stack level: the caller of whoever calls this."""
    message = f"{old} is now called {new}; the old name will go away in the next version"
    warnings.warn(message, DeprecationWarning, stacklevel=3)


class AdaptiveDownsampler(Downsampler):
    """Sampling at the points that an auxiliary network chooses (sec. 3.1, Fig. 4).

    The image is sampled uniformly at ``view_size``, ``sampler`` turns that view into a coarse
    sampling tensor, which is resized to ``size`` (Fig. 5) and used to sample the image. In
    evaluation mode the coarse tensor is projected onto the covering constraints (3) first; in
    training mode it stays as predicted. Freeze a trained sampler with ``.eval()``.

    No gradient flows back through the small image, since eq. (1) is piecewise constant in the
    positions. A gradient reaches the sampler only through the sampling tensor: from a loss on
    :meth:`coarse_tensor` itself, or from :func:`adaseg_fast.ops.interpolate`.

    Args:
        sampler: Module from ``(N, C, *view_size)``, normalised, to a raw sampling tensor
            ``(N, 2, h', w')``, as :class:`~adaseg_fast.nn.DoubleUNet` is.
        view_size: ``(H', W')`` of the view that the sampler sees, at least 2 each. Its name was
            ``aux_size`` until version 0.1; that keyword and the old names ``aux_size`` and
            ``aux_view`` of attributes still work, with a ``DeprecationWarning``.
        size: ``(h, w)`` of the small image, at least 2 each.
        mean: Subtracted from each channel, in units of the image (0 to 255 by default).
        std: Each channel is divided by it afterwards, in units of the image.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> import torch
        >>> from adaseg_fast.nn import DoubleUNet
        >>> sampler = DoubleUNet((4, 4), input_size=(8, 8), width=8)
        >>> model = AdaptiveDownsampler(sampler, view_size=(8, 8), size=(16, 16)).eval()
        >>> small, phi = model(torch.zeros(1, 3, 60, 90))
        >>> small.shape, phi.shape
        (torch.Size([1, 3, 16, 16]), torch.Size([1, 2, 16, 16]))
    """

    @_accept_renamed("aux_size", "view_size")
    def __init__(
        self,
        sampler: nn.Module,
        view_size: tuple[int, int],
        size: tuple[int, int],
        *,
        mean: Sequence[float] = IMAGE_MEAN,
        std: Sequence[float] = IMAGE_STD,
    ) -> None:
        super().__init__(size, mean, std)
        self.view_size = _checked_size("view_size", view_size)
        self.sampler = sampler
        self.view_grid = UniformGrid(self.view_size)

    def view(self, image: Tensor) -> Tensor:
        """Return what the sampler sees of ``image``: ``(N, C, H', W')``, uniform, normalised."""
        self._check(image)
        return self.sample(image, self.view_grid(image.shape[0]))

    def coarse_tensor(self, image: Tensor) -> Tensor:
        """Return the sampler's own tensor ``(N, 2, h', w')``; in evaluation mode (3) holds."""
        phi: Tensor = self.sampler(self.view(image))
        return phi if self.training else ops.project_to_cover(phi)

    def sampling_tensor(self, image: Tensor) -> Tensor:
        """Return the sampling tensor ``(N, 2, h, w)`` at the working size for ``image``."""
        return ops.resize_sampling_tensor(self.coarse_tensor(image), self.size)

    @property
    def aux_size(self) -> tuple[int, int]:
        """The former name of ``view_size``."""
        _warn_renamed("aux_size", "view_size")
        return self.view_size

    def aux_view(self, image: Tensor) -> Tensor:
        """The former name of ``view``."""
        _warn_renamed("aux_view", "view")
        return self.view(image)

    def extra_repr(self) -> str:
        return f"view_size={self.view_size}, {super().extra_repr()}"


def _checked_size(name: str, size: tuple[int, int]) -> tuple[int, int]:
    if len(size) != 2 or min(size) < 2:
        raise ValueError(f"{name} must be two numbers, at least 2 each, got {tuple(size)}")
    return size[0], size[1]
