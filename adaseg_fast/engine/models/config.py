# SPDX-License-Identifier: Apache-2.0
"""The settings from which a model is rebuilt: a model file stores them beside its weights.

This module needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from adaseg_fast.data.base import DatasetInfo
from adaseg_fast.engine.typed_values import typed
from adaseg_fast.normalization import DEFAULT_NORMALIZATION, Normalization

Size = tuple[int, int]

DEFAULT_NETWORK = "unet"

# The most that a model file may ask for. A file of a few bytes must not claim all memory.
LARGEST_SIDE = 4096  # of the working size
LARGEST_VIEW = 1024  # a side of the view and of the sampling tensor
LARGEST_WIDTH = 8192


@dataclass(frozen=True)
class SamplerConfig:
    """The settings of an auxiliary network, which chooses where to sample.

    Attributes:
        size: ``(h, w)`` of the sampling tensor that the network predicts.
        view_size: ``(h, w)`` of the view, the small uniform image that the network sees.
        width: number of features of the network.
        lam: lambda of eq. (2), which shaped the sampling tensors it was trained to predict.

    Example:
        >>> SamplerConfig(size=(4, 4), width=16).view_size
        (32, 32)
    """

    size: Size = (8, 8)
    view_size: Size = (32, 32)
    width: int = 256
    lam: float = 1.0

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> SamplerConfig:
        """The settings that the JSON of a model file holds.

        Args:
            values: one entry per attribute. Version 0.1.0 wrote ``aux_size`` for ``view_size``.

        Returns:
            The settings.

        Raises:
            ValueError: An entry is missing, or has a wrong type or no possible value.

        Example:
            >>> SamplerConfig.from_plain({"size": [4, 4], "aux_size": [8, 8], "width": 8, "lam": 1})
            SamplerConfig(size=(4, 4), view_size=(8, 8), width=8, lam=1.0)
        """
        if "aux_size" in values:
            values = {"view_size": values["aux_size"], **values}
        config: SamplerConfig = _typed(values, cls)
        _check_sides("size", config.size, LARGEST_VIEW)
        _check_sides("view_size", config.view_size, LARGEST_VIEW)
        _check_width(config.width)
        if not (math.isfinite(config.lam) and config.lam >= 0):
            raise ValueError(f"lam must be finite and not negative, got {config.lam}")
        return config


@dataclass(frozen=True)
class SegmenterConfig:
    """The settings of an `AdaptiveSegmenter`, and the classes that it knows.

    Attributes:
        size: ``(h, w)``, the working size, to which images are downsampled.
        width: number of features of the base network; None for a network that has no choice.
        sampler: the auxiliary network; None for uniform downsampling.
        classes: class names; the position is the class number.
        colors: one (R, G, B) per class, 0..255.
        targets: numbers of the target classes.
        ignore_index: label of pixels without a class.
        dataset: name of the data set on which the model was trained.
        network: the base network, a name that `networks.build_network` knows.
        normalization: statistics of the images and what full intensity is in them.
    """

    size: Size
    width: int | None
    sampler: SamplerConfig | None
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    targets: tuple[int, ...]
    ignore_index: int = 255
    dataset: str = ""
    network: str = DEFAULT_NETWORK
    normalization: Normalization = DEFAULT_NORMALIZATION

    @classmethod
    def of(
        cls,
        info: DatasetInfo,
        size: Size,
        *,
        network: str = DEFAULT_NETWORK,
        width: int | None = None,
        sampler: SamplerConfig | None = None,
        normalization: Normalization = DEFAULT_NORMALIZATION,
    ) -> SegmenterConfig:
        """The settings of a model for the classes of a data set.

        Args:
            info: the classes.
            size: ``(h, w)``, the working size.
            network: the base network, a name that `networks.build_network` knows.
            width: number of features of the base network, where it has a choice.
            sampler: the auxiliary network; None for uniform downsampling.
            normalization: statistics of the images and what full intensity is in them.

        Returns:
            The settings.

        Example:
            >>> info = DatasetInfo("road", ("road", "car"), ((0, 0, 0), (255, 0, 0)), (1,))
            >>> SegmenterConfig.of(info, (64, 96), width=16).label
            'uniform 64x96'
        """
        return cls(
            size=size,
            width=width,
            sampler=sampler,
            classes=info.classes,
            colors=info.colors,
            targets=info.targets,
            ignore_index=info.ignore_index,
            dataset=info.name,
            network=network,
            normalization=normalization,
        )

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> SegmenterConfig:
        """The settings that the JSON of a model file holds.

        Args:
            values: one entry per attribute.

        Returns:
            The settings.

        Raises:
            ValueError: An entry is missing, or has a wrong type or no possible value.
        """
        # Files of 0.1.0 name no normalisation, older ones no network either.
        if "sampler" not in values:
            raise ValueError("'sampler' is missing")
        config: SegmenterConfig = _typed(
            {**values, "sampler": None}, cls, optional=("network", "normalization")
        )
        if values.get("sampler") is not None:
            plain = typed(values["sampler"], dict[str, Any])
            config = replace(config, sampler=SamplerConfig.from_plain(plain))
        _check_sides("size", config.size, LARGEST_SIDE)
        if config.width is not None:
            _check_width(config.width)
        if abs(config.ignore_index) >= 2**31:
            raise ValueError(f"ignore_index must be below 2^31, got {config.ignore_index}")
        _ = config.info  # checks classes, colours and targets
        return config

    def plain(self) -> dict[str, Any]:
        """The settings as plain values, without a normalisation that is the default.

        Checkpoints hold them; those of earlier versions name no normalisation.
        """
        values = asdict(self)
        if self.normalization == DEFAULT_NORMALIZATION:
            del values["normalization"]
        return values

    @property
    def info(self) -> DatasetInfo:
        """The classes as a data set describes them."""
        return DatasetInfo(self.dataset, self.classes, self.colors, self.targets, self.ignore_index)

    def with_info(self, info: DatasetInfo) -> SegmenterConfig:
        """The same model with the classes, colours and targets of ``info``."""
        return replace(
            self,
            classes=info.classes,
            colors=info.colors,
            targets=info.targets,
            ignore_index=info.ignore_index,
            dataset=info.name,
        )

    @property
    def label(self) -> str:
        """A few words for tables: uniform or adaptive, and the working size."""
        kind = "uniform" if self.sampler is None else "adaptive"
        base = "" if self.network == DEFAULT_NETWORK else f", {self.network}"
        return f"{kind} {self.size[0]}x{self.size[1]}{base}"


def _typed(values: Mapping[str, Any], kind: type[Any], optional: Collection[str] = ()) -> Any:
    """The settings of ``kind`` among ``values``; all but ``optional`` ones must be there."""
    known = {field.name: field for field in fields(kind)}
    missing = [name for name in known if name not in values and name not in optional]
    if missing:
        raise ValueError(f"{missing[0]!r} is missing")
    return typed({name: values[name] for name in known if name in values}, kind)


def _check_sides(name: str, size: Size, most: int) -> None:
    if not all(1 <= side <= most for side in size):
        raise ValueError(f"{name} must be from 1 to {most} on each side, got {size[0]}x{size[1]}")


def _check_width(width: int) -> None:
    if not 1 <= width <= LARGEST_WIDTH:
        raise ValueError(f"width must be from 1 to {LARGEST_WIDTH}, got {width}")
