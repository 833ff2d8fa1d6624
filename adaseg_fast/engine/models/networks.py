# SPDX-License-Identifier: Apache-2.0
"""Untrained networks from their settings.

A base network has a name. ``unet`` is the paper's U-Net. ``pspnet-resnet50`` and
``deeplabv3plus-xception65`` are the paper's other two networks. They come from the package
segmentation-models-pytorch and are set up as in their own papers (output stride 8), so they cost
what Table 3 says. ``MODULE:FACTORY`` names a callable that takes the number of classes and returns
a module from images ``(N, 3, h, w)`` to scores ``(N, classes, h', w')`` of any output stride.

To import a factory runs code of its module. Therefore a name that comes from a file, and not from
the user, must be known or trusted, see `check_trusted`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

from torch import nn

from adaseg_fast.engine.models.config import (
    DEFAULT_NETWORK,
    SamplerConfig,
    SegmenterConfig,
    Size,
)
from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter, DoubleUNet, UNet
from adaseg_fast.nn.downsample import Downsampler, UniformDownsampler

_STRIDE = 8  # output stride of the networks of segmentation-models-pytorch
_WIDTH = 256  # the paper's


def build_sampler(config: SamplerConfig) -> DoubleUNet:
    """An untrained auxiliary network.

    Args:
        config: its settings.

    Returns:
        A network from views ``(N, 3, *view_size)`` to sampling tensors ``(N, 2, *size)``.

    Raises:
        ValueError: A setting is out of its range.

    Example:
        >>> import torch
        >>> network = build_sampler(SamplerConfig(size=(4, 6), view_size=(16, 16), width=8))
        >>> network(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 2, 4, 6])
    """
    return DoubleUNet(config.size, input_size=config.view_size, width=config.width)


def build_downsampler(config: SegmenterConfig, sampler: nn.Module | None = None) -> Downsampler:
    """The downsampler of a model.

    Args:
        config: the settings of the model.
        sampler: the auxiliary network; None for an untrained one, where ``config`` asks for one.

    Returns:
        A uniform or an adaptive downsampler to ``config.size``.

    Raises:
        ValueError: A setting is out of its range.
    """
    if config.sampler is None:
        return UniformDownsampler(config.size)
    sampler = sampler or build_sampler(config.sampler)
    return AdaptiveDownsampler(sampler, config.sampler.view_size, config.size)


def build_segmenter(config: SegmenterConfig, sampler: nn.Module | None = None) -> AdaptiveSegmenter:
    """An untrained base network behind a downsampler.

    Args:
        config: the settings of the model.
        sampler: the auxiliary network; None for an untrained one, where ``config`` asks for one.

    Returns:
        The model.

    Raises:
        ValueError: See `build_network` and `check_size`.

    Example:
        >>> import torch
        >>> config = SegmenterConfig((16, 16), 8, None, ("a", "b"), ((0, 0, 0), (9, 9, 9)), (1,))
        >>> scores, phi = build_segmenter(config).eval()(torch.zeros(1, 3, 40, 40))
        >>> scores.shape, phi.shape
        (torch.Size([1, 2, 16, 16]), torch.Size([1, 2, 16, 16]))
    """
    check_size(config.network, config.size)
    network = build_network(config.network, len(config.classes), config.width)
    return AdaptiveSegmenter(network, build_downsampler(config, sampler))


def network_width(name: str, width: int | None) -> int | None:
    """The number of features of a base network.

    Args:
        name: of the base network.
        width: the number asked for; None for the network's own.

    Returns:
        ``width``, or 256 where ``unet`` is given none; None for all other networks.

    Raises:
        ValueError: A width is given for another network than ``unet``.

    Example:
        >>> network_width("unet", None), network_width("unet", 64)
        (256, 64)
    """
    if name == DEFAULT_NETWORK:
        return _WIDTH if width is None else width
    if width is not None:
        raise ValueError(f"only the network 'unet' takes a width; {name!r} was given {width}")
    return None


def build_network(name: str, num_classes: int, width: int | None = None) -> nn.Module:
    """An untrained base network.

    Args:
        name: one of `KNOWN`, or ``MODULE:FACTORY``.
        num_classes: number of scores per pixel.
        width: number of features, see `network_width`.

    Returns:
        A module from images ``(N, 3, h, w)`` to scores ``(N, num_classes, h', w')``.

    Raises:
        ValueError: There is no such network; or it takes no width; or the package it comes from is
            not installed; or the factory does not return a module.

    Example:
        >>> import torch
        >>> build_network("unet", 5, width=8)(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 5, 16, 16])
    """
    chosen = network_width(name, width)
    if chosen is not None:
        return UNet(num_classes, width=chosen)
    network = _BUILDERS.get(name, _factory)(name, num_classes)
    if not isinstance(network, nn.Module):
        raise ValueError(f"{name} must return a torch.nn.Module, got {type(network).__name__}")
    return network


def check_size(name: str, size: Size) -> None:
    """Refuse a working size that a network cannot take.

    Args:
        name: of the base network.
        size: ``(h, w)``, the working size.

    Raises:
        ValueError: A side of ``size`` is not a multiple of `size_step`.

    Example:
        >>> check_size("pspnet-resnet50", (64, 100))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        ValueError: the sides of the working size must be multiples of 8 ...
    """
    step = size_step(name)
    if any(side % step for side in size):
        raise ValueError(
            f"the sides of the working size must be multiples of {step} for the network {name!r}, "
            f"got {size[0]}x{size[1]}"
        )


def size_step(name: str) -> int:
    """The number of which the sides of a network's working size must be multiples.

    Args:
        name: of the base network.

    Returns:
        The number; 1 where every size will do.

    Example:
        >>> size_step("unet"), size_step("pspnet-resnet50")
        (1, 8)
    """
    return _STRIDE if name in _BUILDERS else 1


def check_trusted(name: str, trusted: Collection[str]) -> None:
    """Refuse a ``MODULE:FACTORY`` from a file unless the user has named it too.

    Args:
        name: the network that a file names.
        trusted: the networks that the user has named.

    Raises:
        ValueError: ``name`` is neither one of `KNOWN` nor in ``trusted``.

    Example:
        >>> check_trusted("mine:network", ["mine:network"])
    """
    if name not in KNOWN and name not in trusted:
        raise ValueError(
            f"its network {name!r} is none of {', '.join(KNOWN)}; if you trust that code, "
            f"give --network {name} too (network={name!r} in Python), and it will be imported"
        )


def _pspnet(name: str, num_classes: int) -> nn.Module:
    models = _models(name)
    network = models.PSPNet(
        "resnet50", encoder_depth=5, encoder_weights=None, upsampling=_STRIDE, classes=num_classes
    )
    network.encoder.make_dilated(_STRIDE)
    network.encoder._output_stride = _STRIDE  # otherwise it asks for sizes in multiples of 32
    # That package fuses the pyramid by a 1x1 convolution where PSPNet itself has 3x3.
    narrow = network.decoder.conv[0]
    network.decoder.conv[0] = nn.Conv2d(
        narrow.in_channels, narrow.out_channels, 3, padding=1, bias=narrow.bias is not None
    )
    built: nn.Module = network
    return built


def _deeplab(name: str, num_classes: int) -> nn.Module:
    built: nn.Module = _models(name).DeepLabV3Plus(
        "tu-xception65", encoder_weights=None, encoder_output_stride=_STRIDE, classes=num_classes
    )
    return built


def _models(name: str) -> Any:
    try:
        return import_module("segmentation_models_pytorch")
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision of another torch
        raise ValueError(
            f"the network {name!r} comes from segmentation-models-pytorch, which cannot be "
            f'imported ({error}); pip install "adaseg-fast[models]"'
        ) from error


def _factory(name: str, num_classes: int) -> nn.Module:
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise ValueError(
            f"there is no network {name!r}; give one of {', '.join(KNOWN)}, or MODULE:FACTORY"
        )
    try:
        factory = getattr(import_module(module), attribute)
    except Exception as error:  # the module's own code runs
        raise ValueError(f"the network {name!r} cannot be imported ({_said(error)})") from error
    try:
        network: nn.Module = factory(num_classes)
    except Exception as error:
        raise ValueError(f"the network {name!r} cannot be built ({_said(error)})") from error
    return network


def _said(error: Exception) -> str:
    """The kind of an exception and what it says, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


_BUILDERS: dict[str, Callable[[str, int], nn.Module]] = {
    "pspnet-resnet50": _pspnet,
    "deeplabv3plus-xception65": _deeplab,
}
KNOWN = (DEFAULT_NETWORK, *_BUILDERS)
