# SPDX-License-Identifier: Apache-2.0
"""From a large image to the small one that is segmented, uniformly or adaptively (Fig. 4)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from torch import Tensor, nn

from adaseg_fast import ops
from adaseg_fast.nn.arguments import Size, checked_size
from adaseg_fast.nn.blocks import UniformGrid, in_dtype_of
from adaseg_fast.nn.images import UnitsCheck, check_image
from adaseg_fast.normalization import IMAGE_MEAN, IMAGE_STD, Normalization


class Downsampler(nn.Module):
    """What both downsamplers do: sample at the sampling tensor's points and normalise.

    Attributes:
        size: ``(h, w)`` of the small image: the working size.
        normalization: ``mean``, ``std`` and ``value_range``, which are attributes too.
    """

    def __init__(self, size: Size, normalization: Normalization) -> None:
        super().__init__()
        self.size = checked_size("size", size, least=2)
        self.normalization = normalization
        self._units = UnitsCheck(normalization)

    @property
    def mean(self) -> tuple[float, ...]:
        """What is subtracted from each channel, in units of an image of 0..255."""
        return self.normalization.mean

    @property
    def std(self) -> tuple[float, ...]:
        """What each channel is divided by afterwards, in units of an image of 0..255."""
        return self.normalization.std

    @property
    def value_range(self) -> float:
        """Full intensity in floating-point images, 255.0 or 1.0."""
        return self.normalization.value_range

    def sampling_tensor(self, image: Tensor) -> Tensor:
        """Return the sampling tensor ``(N, 2, h, w)`` for ``image`` ``(N, C, H, W)``."""
        raise NotImplementedError

    def sample(self, image: Tensor, phi: Tensor) -> Tensor:
        """Return ``image`` at the points of ``phi``, ``(N, C, h, w)``, ``(x - mean) / std``."""
        check_image(image, len(self.mean))
        self._units.look(image, phi)
        mean, std = self.normalization.statistics(floating=image.is_floating_point())
        return ops.sample(image, phi, mean=mean, std=std)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Downsample.

        Args:
            image: ``(N, C, H, W)``, any strides; uint8, or floating point from 0 to
                ``value_range``.

        Returns:
            The small image ``(N, C, h, w)``, floating point, ``(x - mean) / std``; and the sampling
            tensor ``(N, 2, h, w)`` that it was taken at, relative (row, column).

        Raises:
            ValueError: ``image`` is not ``(N, C, H, W)`` with C the length of ``mean``, or is on a
                device without kernels.
            TypeError: ``image`` is boolean or complex.
        """
        phi = self.sampling_tensor(image)
        return self.sample(image, phi), phi

    def extra_repr(self) -> str:
        return f"size={self.size}, mean={self.mean}, std={self.std}, value_range={self.value_range}"


class UniformDownsampler(Downsampler):
    """Nearest-pixel sampling on the uniform grid: the baseline.

    Args:
        size: ``(h, w)`` of the small image, at least 2 each.
        mean: Subtracted from each channel, in units of an image of 0..255.
        std: Each channel is divided by it afterwards, in the same units.
        value_range: Full intensity in floating-point images: 255.0, or 1.0 for images from 0 to 1,
            for which ``mean`` and ``std`` are divided by 255. Integer images are in units of 0..255
            whatever it is. The first images whose values do not fit cause one warning.

    Raises:
        ValueError: An argument is out of its range.
        TypeError: A size is not made of integers, or ``mean`` or ``std`` not of numbers.

    Example:
        >>> import torch
        >>> small, phi = UniformDownsampler((8, 12))(torch.zeros(1, 3, 60, 90))
        >>> small.shape, phi.shape
        (torch.Size([1, 3, 8, 12]), torch.Size([1, 2, 8, 12]))
    """

    def __init__(
        self,
        size: Size,
        *,
        mean: Sequence[float] = IMAGE_MEAN,
        std: Sequence[float] = IMAGE_STD,
        value_range: float = 255.0,
    ) -> None:
        super().__init__(size, Normalization.of(mean, std, value_range))
        self.uniform = UniformGrid(self.size)

    def sampling_tensor(self, image: Tensor) -> Tensor:
        """Return the uniform sampling tensor ``(N, 2, h, w)`` for ``image`` ``(N, C, H, W)``."""
        check_image(image, len(self.mean))
        phi: Tensor = self.uniform(image)
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
    training mode it stays as predicted.

    The sampler is frozen unless ``trainable=True``: its parameters require no gradient, and it and
    the downsampler stay in evaluation mode when ``model.train()`` is called, so that a base network
    can be trained behind it, also with ``DistributedDataParallel``. To train the sampler, give
    ``trainable=True``, call ``.train()``, and call `freeze` when it is trained.

    No gradient flows back through the small image, since eq. (1) is piecewise constant in the
    positions. A gradient reaches the sampler only through the sampling tensor: from a loss on
    :meth:`coarse_tensor` itself, or from :func:`adaseg_fast.ops.interpolate`.

    Args:
        sampler: Module from ``(N, C, *view_size)``, normalised, to a raw sampling tensor
            ``(N, 2, h', w')``, as :class:`~adaseg_fast.nn.DoubleUNet` is.
        view_size: ``(H', W')`` of the view that the sampler sees, at least 2 each. ``aux_size`` in
            0.1.0; still accepted with a ``DeprecationWarning``, as are the attributes ``aux_size``
            and ``aux_view``.
        size: ``(h, w)`` of the small image, at least 2 each.
        mean: Subtracted from each channel, in units of an image of 0..255.
        std: Each channel is divided by it afterwards, in the same units.
        value_range: Full intensity in floating-point images: 255.0, or 1.0 for images from 0 to 1,
            for which ``mean`` and ``std`` are divided by 255. Integer images are in units of 0..255
            whatever it is. The first images whose values do not fit cause one warning.

    Raises:
        ValueError: An argument is out of its range.
        TypeError: A size is not made of integers, or ``mean`` or ``std`` not of numbers.

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
        view_size: Size,
        size: Size,
        *,
        mean: Sequence[float] = IMAGE_MEAN,
        std: Sequence[float] = IMAGE_STD,
        value_range: float = 255.0,
        trainable: bool = False,
    ) -> None:
        super().__init__(size, Normalization.of(mean, std, value_range))
        self.view_size = checked_size("view_size", view_size, least=2)
        self.sampler = sampler
        self.view_grid = UniformGrid(self.view_size)
        self.trainable = trainable
        if not trainable:
            self.freeze()

    def freeze(self) -> AdaptiveDownsampler:
        """Freeze the sampler for good: evaluation mode, no gradient, whatever is called later.

        Returns:
            This module.
        """
        self.trainable = False
        self.sampler.requires_grad_(False)
        return self.eval()

    def train(self, mode: bool = True) -> AdaptiveDownsampler:
        """Choose between training and evaluation mode; a frozen module stays in evaluation mode."""
        return super().train(mode and self.trainable)

    def view(self, image: Tensor) -> Tensor:
        """Return what the sampler sees of ``image``: ``(N, C, H', W')``, uniform, normalised."""
        check_image(image, len(self.mean))
        return self.sample(image, self.view_grid(image))

    def coarse_tensor(self, image: Tensor) -> Tensor:
        """Return the sampler's own tensor ``(N, 2, h', w')``; in evaluation mode (3) holds."""
        return self.coarse_tensor_of_view(self.view(image))

    def coarse_tensor_of_view(self, view: Tensor) -> Tensor:
        """Return the sampler's own tensor for what ``view`` gave; see `coarse_tensor`."""
        phi: Tensor = self.sampler(in_dtype_of(self.sampler, view))
        return phi if self.training else ops.project_to_cover(phi)

    def sampling_tensor(self, image: Tensor) -> Tensor:
        """Return the sampling tensor ``(N, 2, h, w)`` at the working size for ``image``."""
        return ops.resize_sampling_tensor(self.coarse_tensor(image), self.size)

    @property
    def aux_size(self) -> Size:
        """The former name of ``view_size``."""
        _warn_renamed("aux_size", "view_size")
        return self.view_size

    def aux_view(self, image: Tensor) -> Tensor:
        """The former name of ``view``."""
        _warn_renamed("aux_view", "view")
        return self.view(image)

    def extra_repr(self) -> str:
        return f"view_size={self.view_size}, {super().extra_repr()}, trainable={self.trainable}"
