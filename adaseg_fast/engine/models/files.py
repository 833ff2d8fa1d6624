# SPDX-License-Identifier: Apache-2.0
"""Models as files: safetensors weights with the settings that rebuild the network beside them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from adaseg_fast.data import DatasetInfo
from adaseg_fast.engine.models.networks import DEFAULT, build_network, check_size, check_trusted
from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter, DoubleUNet
from adaseg_fast.nn.downsample import UniformDownsampler
from adaseg_fast.storage import write_atomically

Size = tuple[int, int]

_ENTRY, _FORMAT = "adaseg_fast", 1


class ModelError(Exception):
    """A model file is missing, damaged or of another kind; the message names it."""


@dataclass(frozen=True)
class SamplerConfig:
    """What a `DoubleUNet` and its view are made of.

    Attributes:
        size: of the sampling tensor.
        view_size: of the view that the network sees.
        width: number of features.
        lam: lambda of eq. (2) that made the targets.
    """

    size: Size = (8, 8)
    view_size: Size = (32, 32)
    width: int = 256
    lam: float = 1.0


@dataclass(frozen=True)
class SegmenterConfig:
    """What an `AdaptiveSegmenter` is made of.

    Attributes:
        size: the working size, to which images are downsampled.
        width: number of features of the base network, where it has one to choose.
        sampler: None for uniform downsampling.
        classes, colors, targets, ignore_index: as in `DatasetInfo`.
        dataset: name of the data set it was trained on.
        network: the base network, a name of `networks.build_network`.
    """

    size: Size
    width: int | None
    sampler: SamplerConfig | None
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    targets: tuple[int, ...]
    ignore_index: int = 255
    dataset: str = field(default="")
    network: str = DEFAULT

    @classmethod
    def of(
        cls,
        info: DatasetInfo,
        size: Size,
        *,
        network: str,
        width: int | None,
        sampler: SamplerConfig | None,
    ) -> SegmenterConfig:
        """A model for the classes of a data set."""
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

    @property
    def info(self) -> DatasetInfo:
        return DatasetInfo(self.dataset, self.classes, self.colors, self.targets, self.ignore_index)

    @property
    def label(self) -> str:
        """A few words for tables: uniform or adaptive, and the working size."""
        kind = "uniform" if self.sampler is None else "adaptive"
        base = "" if self.network == DEFAULT else f", {self.network}"
        return f"{kind} {self.size[0]}x{self.size[1]}{base}"


def build_sampler(config: SamplerConfig) -> DoubleUNet:
    """An untrained auxiliary network."""
    return DoubleUNet(config.size, input_size=config.view_size, width=config.width)


def build_segmenter(config: SegmenterConfig, sampler: nn.Module | None = None) -> AdaptiveSegmenter:
    """An untrained base network behind a downsampler; with ``sampler`` as its auxiliary network.

    Raises:
        ValueError: as in `networks.build_network` and `networks.check_size`.
    """
    check_size(config.network, config.size)
    downsampler: nn.Module
    if config.sampler is None:
        downsampler = UniformDownsampler(config.size)
    else:
        sampler = sampler or build_sampler(config.sampler)
        downsampler = AdaptiveDownsampler(sampler, config.sampler.view_size, config.size)
    network = build_network(config.network, len(config.classes), config.width)
    return AdaptiveSegmenter(network, downsampler)


def save_model(
    path: Path,
    module: nn.Module,
    config: SamplerConfig | SegmenterConfig,
    *,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a model; with ``dtype`` its floating-point weights are stored in that type."""
    kind = "sampler" if isinstance(config, SamplerConfig) else "segmenter"
    weights = {
        name: value.detach().to("cpu", dtype if value.is_floating_point() else None).contiguous()
        for name, value in module.state_dict().items()
    }
    # One entry: several are written in any order, and the same model should be the same bytes.
    settings = {"format": _FORMAT, "kind": kind, "config": asdict(config)}
    write_atomically(path, save(weights, {_ENTRY: json.dumps(settings)}))


def load_sampler(path: Path) -> tuple[DoubleUNet, SamplerConfig]:
    """The auxiliary network of a file written by ``train sampler``, in evaluation mode.

    Raises:
        ModelError: the file is missing, damaged, of another kind, or its weights do not fit.
    """
    weights, config = _read(path, "sampler")
    try:
        settings = _sampler_config(config)
        network = build_sampler(settings)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: its settings do not describe a sampler: {error}") from error
    _fit(path, network, weights)
    return network, settings


def load_segmenter(
    path: Path, trusted: Collection[str] = ()
) -> tuple[AdaptiveSegmenter, SegmenterConfig]:
    """The model of a file written by ``train segmenter``, in evaluation mode.

    Args:
        path: the file. It is data: nothing in it is run.
        trusted: the networks ``MODULE:FACTORY`` that may be imported if the file names them.

    Raises:
        ModelError: the file is missing, damaged, of another kind, or its weights do not fit; or it
            names a network outside this package that is not in ``trusted``.
    """
    weights, config = _read(path, "segmenter")
    try:
        settings = SegmenterConfig(
            size=_size(config["size"]),
            width=config["width"],
            sampler=None if config["sampler"] is None else _sampler_config(config["sampler"]),
            classes=tuple(str(name) for name in config["classes"]),
            colors=tuple((int(r), int(g), int(b)) for r, g, b in config["colors"]),
            targets=tuple(int(number) for number in config["targets"]),
            ignore_index=int(config["ignore_index"]),
            dataset=str(config["dataset"]),
            network=str(config.get("network", DEFAULT)),  # absent in files from before the choice
        )
        check_trusted(settings.network, trusted)
        model = build_segmenter(settings)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: its settings do not describe a segmenter: {error}") from error
    _fit(path, model, weights)
    return model, settings


def _size(pair: Any) -> Size:
    rows, cols = pair
    return int(rows), int(cols)


def _sampler_config(config: Mapping[str, Any]) -> SamplerConfig:
    view = config["view_size"] if "view_size" in config else config["aux_size"]  # until 0.1.0
    return SamplerConfig(_size(config["size"]), _size(view), config["width"], float(config["lam"]))


def _read(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise ModelError(f"{path}: there is no such model file")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a whole safetensors file ({error})") from error
    try:
        settings = json.loads(metadata.get(_ENTRY, "null"))
    except ValueError as error:
        raise ModelError(f"{path}: its settings are not JSON ({error})") from error
    if not isinstance(settings, dict) or settings.get("format") != _FORMAT:
        raise ModelError(f"{path}: not a model of adaseg_fast, format {_FORMAT}")
    if settings.get("kind") != kind:
        raise ModelError(f"{path}: holds a {settings.get('kind')}, but a {kind} is wanted")
    if not isinstance(settings.get("config"), dict):
        raise ModelError(f"{path}: its settings are not a JSON object")
    return weights, settings["config"]


def _fit(path: Path, module: nn.Module, weights: dict[str, Tensor]) -> None:
    wanted = module.state_dict()
    names = sorted(wanted.keys() ^ weights.keys())
    if names:
        raise ModelError(f"{path}: its weights and settings disagree about {', '.join(names[:3])}")
    for name, value in weights.items():
        if value.shape != wanted[name].shape:
            raise ModelError(
                f"{path}: {name} has shape {tuple(value.shape)}, "
                f"but its settings ask for {tuple(wanted[name].shape)}"
            )
    module.load_state_dict(weights)
    module.eval()
