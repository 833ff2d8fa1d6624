# SPDX-License-Identifier: Apache-2.0
"""Base networks by name: the package's own, two from an extra package, or anyone's factory.

``unet`` is the paper's U-Net. ``pspnet-resnet50`` and ``deeplabv3plus-xception65`` are its other
two, from segmentation-models-pytorch, set up as in their papers (output stride 8) and therefore of
the paper's cost (Table 3). ``MODULE:FACTORY`` names a callable that takes the number of classes and
returns a module from images (N, 3, h, w) to scores (N, classes, h', w') of any output stride.

Naming a factory runs code of that module. So a name that comes from a file rather than from the
user is looked up among the known ones alone, see `check_trusted`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

from torch import nn

from adaseg_fast.nn import UNet

DEFAULT = "unet"
_STRIDE = 8  # of the deepest features of the two others
_WIDTH = 256  # the paper's


def network_width(name: str, width: int | None) -> int | None:
    """The width of a network: of ``unet`` 256 if none is given, of the others none.

    Raises:
        ValueError: a width is given for another network than ``unet``.
    """
    if name == DEFAULT:
        return _WIDTH if width is None else width
    if width is not None:
        raise ValueError(f"the network {name!r} has no width to choose, got {width}")
    return None


def build_network(name: str, num_classes: int, width: int | None = None) -> nn.Module:
    """An untrained base network.

    Args:
        name: one of `KNOWN`, or ``MODULE:FACTORY``.
        num_classes: number of scores a pixel.
        width: see `network_width`.

    Raises:
        ValueError: there is no such network, it takes no width, the package it comes from is not
            installed, or what the factory returns is no module.
    """
    chosen = network_width(name, width)
    if chosen is not None:
        return UNet(num_classes, width=chosen)
    network = _BUILDERS.get(name, _factory)(name, num_classes)
    if not isinstance(network, nn.Module):
        raise ValueError(f"{name} has to return a torch.nn.Module, got {type(network).__name__}")
    return network


def check_size(name: str, size: tuple[int, int]) -> None:
    """Refuse a working size that the network cannot take.

    Raises:
        ValueError: ``name`` is a network of strides and ``size`` no multiple of them.
    """
    step = size_step(name)
    if any(side % step for side in size):
        raise ValueError(
            f"the network {name!r} wants a size of multiples of {step}, got {size[0]}x{size[1]}"
        )


def size_step(name: str) -> int:
    """What the sides of a network's working size have to be multiples of."""
    return _STRIDE if name in _BUILDERS else 1


def check_trusted(name: str, trusted: Collection[str]) -> None:
    """Refuse a ``MODULE:FACTORY`` that comes from a file unless the user has named it too.

    Raises:
        ValueError: ``name`` is neither one of `KNOWN` nor in ``trusted``.
    """
    if name not in KNOWN and name not in trusted:
        raise ValueError(
            f"its network {name!r} is none of {', '.join(KNOWN)}; if you trust that code, "
            f"give --network {name} too, and it will be imported"
        )


def _pspnet(name: str, num_classes: int) -> nn.Module:
    models = _models(name)
    network = models.PSPNet(
        "resnet50", encoder_depth=5, encoder_weights=None, upsampling=_STRIDE, classes=num_classes
    )
    network.encoder.make_dilated(_STRIDE)
    network.encoder._output_stride = _STRIDE  # or it asks for multiples of 32
    # That package fuses the pyramid by a 1x1 convolution; PSPNet itself has 3x3 there.
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
            f"there is no network {name!r}; there are {', '.join(KNOWN)}, and MODULE:FACTORY"
        )
    try:
        factory = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the network {name!r} cannot be imported ({error})") from error
    network: nn.Module = factory(num_classes)
    return network


_BUILDERS: dict[str, Callable[[str, int], nn.Module]] = {
    "pspnet-resnet50": _pspnet,
    "deeplabv3plus-xception65": _deeplab,
}
KNOWN = (DEFAULT, *_BUILDERS)
