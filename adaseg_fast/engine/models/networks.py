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

import copy
from collections.abc import Callable, Collection
from dataclasses import asdict
from importlib import import_module
from typing import Any

import torch
from torch import nn

from adaseg_fast.engine.models.config import (
    DEFAULT_NETWORK,
    SamplerConfig,
    SegmenterConfig,
    Size,
)
from adaseg_fast.engine.models.probe import check_scores, in_a_line
from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter, DoubleUNet, UNet
from adaseg_fast.nn.downsample import Downsampler, UniformDownsampler

_STRIDE = 8  # output stride of the networks of segmentation-models-pytorch
_WIDTH = 256  # the paper's


def build_sampler(config: SamplerConfig, channels: int = 3) -> DoubleUNet:
    """An untrained auxiliary network.

    Args:
        config: its settings.
        channels: number of channels of an image.

    Returns:
        A network from views ``(N, channels, *view_size)`` to sampling tensors ``(N, 2, *size)``.

    Raises:
        ValueError: A setting is out of its range.

    Example:
        >>> import torch
        >>> network = build_sampler(SamplerConfig(size=(4, 6), view_size=(16, 16), width=8))
        >>> network(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 2, 4, 6])
    """
    return DoubleUNet(
        config.size, input_size=config.view_size, in_channels=channels, width=config.width
    )


def build_downsampler(config: SegmenterConfig, sampler: nn.Module | None = None) -> Downsampler:
    """The downsampler of a model.

    Args:
        config: the settings of the model.
        sampler: the auxiliary network; None for an untrained one, where ``config`` asks for one.

    Returns:
        A uniform downsampler to ``config.size``, or an adaptive one whose sampler is frozen.

    Raises:
        ValueError: A setting is out of its range.
    """
    normalization = asdict(config.normalization)
    if config.sampler is None:
        return UniformDownsampler(config.size, **normalization)
    sampler = sampler or build_sampler(config.sampler, len(config.normalization.mean))
    return AdaptiveDownsampler(sampler, config.sampler.view_size, config.size, **normalization)


def build_segmenter(config: SegmenterConfig, sampler: nn.Module | None = None) -> AdaptiveSegmenter:
    """An untrained base network behind a downsampler.

    Args:
        config: the settings of the model.
        sampler: the auxiliary network; None for an untrained one, where ``config`` asks for one.

    Returns:
        The model.

    Raises:
        ValueError: See `build_network`, `check_size` and `check_network`.

    Example:
        >>> import torch
        >>> config = SegmenterConfig((16, 16), 8, None, ("a", "b"), ((0, 0, 0), (9, 9, 9)), (1,))
        >>> scores, phi = build_segmenter(config).eval()(torch.zeros(1, 3, 40, 40))
        >>> scores.shape, phi.shape
        (torch.Size([1, 2, 16, 16]), torch.Size([1, 2, 16, 16]))
    """
    check_size(config.network, config.size)
    channels = len(config.normalization.mean)
    network = build_network(config.network, len(config.classes), config.width, channels)
    if config.network not in KNOWN:
        check_network(config, network)
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


def build_network(
    name: str, num_classes: int, width: int | None = None, channels: int = 3
) -> nn.Module:
    """An untrained base network.

    Args:
        name: one of `KNOWN`, or ``MODULE:FACTORY``.
        num_classes: number of scores per pixel.
        width: number of features, see `network_width`.
        channels: number of channels of an image. Only ``unet`` has a choice; a factory is not told.

    Returns:
        A module from images ``(N, channels, h, w)`` to scores ``(N, num_classes, h', w')``.

    Raises:
        ValueError: There is no such network; or it takes no width; or the package it comes from is
            not installed; or the factory fails or does not return a module.

    Example:
        >>> import torch
        >>> build_network("unet", 5, width=8)(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 5, 16, 16])
    """
    chosen = network_width(name, width)
    if chosen is not None:
        return UNet(num_classes, in_channels=channels, width=chosen)
    if name in _BUILDERS and channels != 3:
        raise ValueError(f"the network {name!r} takes images of 3 channels, got {channels}")
    network = _BUILDERS.get(name, _factory)(name, num_classes)
    if not isinstance(network, nn.Module):
        raise ValueError(f"{name} must return a torch.nn.Module, got {type(network).__name__}")
    return network


def check_network(config: SegmenterConfig, network: nn.Module) -> None:
    """Refuse a base network whose result does not fit the classes.

    The network is called on the meta device, which computes nothing; on its own device if it cannot
    be called there.

    Args:
        config: the settings of the model.
        network: its base network; it is not changed.

    Raises:
        ValueError: The network fails, or returns something other than scores for the classes, see
            `probe.check_scores`.

    Example:
        >>> config = SegmenterConfig((16, 16), 8, None, ("a", "b"), ((0, 0, 0), (9, 9, 9)), (1,))
        >>> check_network(config, nn.Conv2d(3, 1, 1))
    """
    shape = (1, len(config.normalization.mean), *config.size)
    scores = _called(f"the network {config.network!r}", network, shape)
    check_scores(scores, config.network, len(config.classes))


def _called(name: str, network: nn.Module, shape: tuple[int, ...]) -> Any:
    """What a copy of a network returns for an image of zeros."""
    device = next((parameter.device for parameter in network.parameters()), None)
    with torch.no_grad():
        try:
            return copy.deepcopy(network).eval().to("meta")(torch.zeros(shape, device="meta"))
        except Exception:  # whatever depends on values fails there, each in its own way
            pass
        try:
            return copy.deepcopy(network).eval()(torch.zeros(shape, device=device))
        except Exception as error:
            raise ValueError(
                f"{name} fails on an image of shape {shape} ({in_a_line(error)})"
            ) from error


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
        raise ValueError(f"the network {name!r} cannot be imported ({in_a_line(error)})") from error
    try:
        network: nn.Module = factory(num_classes)
    except Exception as error:
        raise ValueError(f"the network {name!r} cannot be built ({in_a_line(error)})") from error
    return network


_BUILDERS: dict[str, Callable[[str, int], nn.Module]] = {
    "pspnet-resnet50": _pspnet,
    "deeplabv3plus-xception65": _deeplab,
}
KNOWN = (DEFAULT_NETWORK, *_BUILDERS)
