# SPDX-License-Identifier: Apache-2.0
"""The settings from which a model is rebuilt: a model file stores them beside its weights.

This module needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from adaseg_fast.data.base import DatasetInfo

Size = tuple[int, int]

DEFAULT_NETWORK = "unet"


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
            KeyError: An entry is missing.
            TypeError: An entry has the wrong type.
            ValueError: An entry has no possible value.

        Example:
            >>> SamplerConfig.from_plain({"size": [4, 4], "aux_size": [8, 8], "width": 8, "lam": 1})
            SamplerConfig(size=(4, 4), view_size=(8, 8), width=8, lam=1.0)
        """
        view = values["view_size"] if "view_size" in values else values["aux_size"]
        return cls(_size(values["size"]), _size(view), values["width"], float(values["lam"]))


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

    @classmethod
    def of(
        cls,
        info: DatasetInfo,
        size: Size,
        *,
        network: str = DEFAULT_NETWORK,
        width: int | None = None,
        sampler: SamplerConfig | None = None,
    ) -> SegmenterConfig:
        """The settings of a model for the classes of a data set.

        Args:
            info: the classes.
            size: ``(h, w)``, the working size.
            network: the base network, a name that `networks.build_network` knows.
            width: number of features of the base network, where it has a choice.
            sampler: the auxiliary network; None for uniform downsampling.

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
        )

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> SegmenterConfig:
        """The settings that the JSON of a model file holds.

        Args:
            values: one entry per attribute.

        Returns:
            The settings.

        Raises:
            KeyError: An entry is missing.
            TypeError: An entry has the wrong type.
            ValueError: An entry has no possible value.
        """
        sampler = values["sampler"]
        return cls(
            size=_size(values["size"]),
            width=values["width"],
            sampler=None if sampler is None else SamplerConfig.from_plain(sampler),
            classes=tuple(str(name) for name in values["classes"]),
            colors=tuple((int(r), int(g), int(b)) for r, g, b in values["colors"]),
            targets=tuple(int(number) for number in values["targets"]),
            ignore_index=int(values["ignore_index"]),
            dataset=str(values["dataset"]),
            network=str(values.get("network", DEFAULT_NETWORK)),  # older files have no such entry
        )

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


def _size(pair: Any) -> Size:
    rows, cols = pair
    return int(rows), int(cols)
