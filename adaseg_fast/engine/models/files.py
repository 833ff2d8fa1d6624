# SPDX-License-Identifier: Apache-2.0
"""Model files: safetensors weights, and beside them the settings that rebuild the network.

A model file is data. Reading one runs no code, except that of a network ``MODULE:FACTORY`` which
the file names and which the user has named too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from adaseg_fast.data.base import DatasetInfo
from adaseg_fast.engine.models.config import SamplerConfig, SegmenterConfig
from adaseg_fast.engine.models.networks import (
    KNOWN,
    build_downsampler,
    build_network,
    build_sampler,
    build_segmenter,
    check_network,
    check_trusted,
)
from adaseg_fast.nn import AdaptiveSegmenter, DoubleUNet
from adaseg_fast.nn.downsample import Downsampler
from adaseg_fast.storage import StorageError, write_atomically

_ENTRY, _FORMAT = "adaseg_fast", 1

Module = TypeVar("Module", bound=nn.Module)


class ModelError(StorageError):
    """A model file is missing, damaged or of another kind; the message names it."""


class TrainedSegmenter(AdaptiveSegmenter):
    """An `AdaptiveSegmenter` from a file, which knows how it is rebuilt and what its classes are.

    Attributes:
        config: all settings.
        info: classes, colours and target classes; `save_segmenter` writes these.
    """

    config: SegmenterConfig
    info: DatasetInfo


def save_model(
    path: Path,
    module: nn.Module,
    config: SamplerConfig | SegmenterConfig,
    *,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a model file, completely or not at all.

    Args:
        path: the file.
        module: the network that ``config`` describes.
        config: the settings that rebuild it.
        dtype: type in which floating-point weights are stored; None keeps their own.

    Raises:
        ValueError: A weight is NaN or infinite, perhaps only in ``dtype``, or something in the
            module cannot be stored.
        OSError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> config = SamplerConfig(size=(4, 4), view_size=(16, 16), width=8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_model(Path(folder, "sampler.safetensors"), build_sampler(config), config)
        ...     load_sampler(Path(folder, "sampler.safetensors"))[1] == config
        True
    """
    write_atomically(path, model_bytes(module, config, dtype=dtype))


def model_bytes(
    module: nn.Module,
    config: SamplerConfig | SegmenterConfig,
    *,
    dtype: torch.dtype | None = None,
) -> bytes:
    """The content of a model file, see `save_model`.

    Layers that share weights are stored under each of their names.

    Args:
        module: the network that ``config`` describes.
        config: the settings that rebuild it.
        dtype: type in which floating-point weights are stored; None keeps their own.

    Returns:
        The bytes.

    Raises:
        ValueError: A weight is NaN or infinite, or something in the module cannot be stored.

    Example:
        >>> config = SamplerConfig(size=(4, 4), view_size=(16, 16), width=8)
        >>> len(model_bytes(build_sampler(config), config)) > 1000
        True
    """
    weights = {}
    for name, value in module.state_dict().items():
        if not isinstance(value, Tensor):
            raise ValueError(f"{name} cannot be saved: it must be a tensor, got {type(value)}")
        kind = dtype if value.is_floating_point() else None
        # A copy, because the format refuses two names for one piece of memory.
        weights[name] = value.detach().to("cpu", kind, copy=True).contiguous()
    wrong = _impossible(weights)
    if wrong is not None:
        raise ValueError(f"the model cannot be saved: {wrong}")
    # One entry, because several are written in no fixed order, and equal models must give equal
    # bytes.
    kind_of_model = "sampler" if isinstance(config, SamplerConfig) else "segmenter"
    settings = {"format": _FORMAT, "kind": kind_of_model, "config": asdict(config)}
    try:
        return save(weights, {_ENTRY: json.dumps(settings)})
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise ValueError(f"the model cannot be saved: {error}") from error


def load_sampler(path: Path) -> tuple[DoubleUNet, SamplerConfig]:
    """Read the auxiliary network from a file that ``train sampler`` wrote.

    Args:
        path: the file, usually ``sampler.safetensors``.

    Returns:
        The network in evaluation mode, and its settings.

    Raises:
        ModelError: The file is missing, damaged or of another kind, or its weights do not fit its
            settings.

    Example:
        See `save_model`.
    """
    weights, values = _read(path, "sampler")
    try:
        config = SamplerConfig.from_plain(values)
        network = _built(lambda: build_sampler(config), path, weights, plan=True)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: its settings do not describe a sampler: {error}") from error
    return network, config


def load_segmenter(
    path: Path, trusted: Collection[str] = ()
) -> tuple[TrainedSegmenter, SegmenterConfig]:
    """Read a model from a file that ``train segmenter`` wrote.

    Args:
        path: the file, usually ``model.safetensors``.
        trusted: networks ``MODULE:FACTORY`` that may be imported if the file names them.

    Returns:
        The model in evaluation mode, and its settings. The model carries them as ``model.config``,
        and its classes, colours and targets as ``model.info``.

    Raises:
        ModelError: The file is missing, damaged or of another kind; or its weights do not fit its
            settings; or it names a network outside this package that is not in ``trusted``.

    Example:
        >>> import adaseg_fast
        >>> weights = Path(adaseg_fast.__file__).parent / "weights"
        >>> model, config = load_segmenter(weights / "demo_adaptive.safetensors")
        >>> config.label, model.info.num_classes == len(config.classes)
        ('adaptive 64x64', True)
    """
    weights, values = _read(path, "segmenter")
    try:
        config = SegmenterConfig.from_plain(values)
        check_trusted(config.network, trusted)
        # Another's factory may need values, so it is called once and not on the meta device.
        plan = config.network in KNOWN
        built = _built(lambda: build_segmenter(config), path, weights, plan=plan)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: its settings do not describe a segmenter: {error}") from error
    model = TrainedSegmenter(built.segmenter, built.downsampler).eval()
    model.config, model.info = config, config.info
    return model, config


def save_segmenter(path: Path, model: AdaptiveSegmenter) -> None:
    """Write a model that carries its own settings, as `load_segmenter` gives it.

    The classes, colours and targets are those of ``model.info``, which may have been changed. The
    statistics of the images are those of its downsampler.

    Args:
        path: the file.
        model: with the attributes ``config`` and ``info``.

    Raises:
        ValueError: The model has no settings, or they do not describe it, or a weight is NaN or
            infinite.
        OSError: The file cannot be written.

    Example:
        See `adaseg_fast.save`.
    """
    config = getattr(model, "config", None)
    if not isinstance(config, SegmenterConfig):
        raise ValueError(
            "the model does not know the settings that rebuild it: set model.config = "
            "SegmenterConfig.of(info, size, network=..., width=..., sampler=...), see "
            "adaseg_fast.engine.models.config"
        )
    config = config.with_info(getattr(model, "info", None) or config.info)
    if isinstance(model.downsampler, Downsampler):
        config = replace(config, normalization=model.downsampler.normalization)
    _check_description(model, config)
    save_model(path, model, config)


def _check_description(model: AdaptiveSegmenter, config: SegmenterConfig) -> None:
    """Refuse settings from which another model would be rebuilt."""
    network: nn.Module = model.segmenter
    if config.network in KNOWN:  # another's factory may download weights, so it is not called
        channels = len(config.normalization.mean)
        with torch.device("meta"):
            network = build_network(config.network, len(config.classes), config.width, channels)
    else:
        check_network(config, network)
    rebuilt = AdaptiveSegmenter(network, build_downsampler(config))
    found, described = _sampling_of(model.downsampler), _sampling_of(rebuilt.downsampler)
    if found != described:
        raise ValueError(f"model.config describes another downsampler: {described}, not {found}")
    difference = _difference(rebuilt, model.state_dict())
    if difference is not None:
        raise ValueError(
            f"model.config does not fit the weights: {difference}; the result of "
            "prepare_for_inference cannot be saved, save the model it was made from"
        )


def _sampling_of(downsampler: nn.Module) -> str:
    """What a downsampler does, in words."""
    names = ("size", "view_size")
    settings = (f"{n}={getattr(downsampler, n)}" for n in names if hasattr(downsampler, n))
    return f"{type(downsampler).__name__}({', '.join(settings)})"


def _read(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights and the plain settings of a model file of a kind."""
    if not path.is_file():
        raise ModelError(f"{path}: there is no such model file")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a whole safetensors file ({error})") from error
    try:
        settings = json.loads(metadata.get(_ENTRY, "null"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its settings are not JSON ({error})") from error
    if not isinstance(settings, dict) or settings.get("format") != _FORMAT:
        raise ModelError(f"{path}: not a model of adaseg_fast, format {_FORMAT}")
    if settings.get("kind") != kind:
        raise ModelError(f"{path}: holds a {settings.get('kind')}, but a {kind} is wanted")
    if not isinstance(settings.get("config"), dict):
        raise ModelError(f"{path}: its settings are not a JSON object")
    return weights, settings["config"]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _built(
    build: Callable[[], Module], path: Path, weights: dict[str, Tensor], *, plan: bool
) -> Module:
    """The module that ``build`` makes, with the weights of a file, in evaluation mode.

    With ``plan`` it is made on the meta device first, so that a file whose weights do not fit is
    refused before memory is taken for what its settings ask for.
    """
    if plan:
        with torch.device("meta"):
            _check_fit(path, build(), weights)
    module = build()
    _check_fit(path, module, weights)
    kept = module.state_dict()
    # In the type that they will have: float64 weights may be infinite in float32.
    wrong = _impossible({name: value.to(kept[name].dtype) for name, value in weights.items()})
    if wrong is not None:
        raise ModelError(f"{path}: {wrong}")
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:  # of a network from elsewhere, which may do its own checks
        raise ModelError(f"{path}: its weights cannot be loaded ({error})") from error
    return module.eval()


def _check_fit(path: Path, module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    difference = _difference(module, weights)
    if difference is not None:
        raise ModelError(f"{path}: {difference}")


def _impossible(weights: Mapping[str, Tensor]) -> str | None:
    """Which weights no trained network has: with them every score may be NaN."""
    for name, value in weights.items():
        if value.is_floating_point() and not value.isfinite().all():
            return f"{name} holds NaN or infinity in {value.dtype}"
        if name.rpartition(".")[2] == "running_var" and (value < 0).any():
            return f"{name} holds a negative variance"
    return None


def _difference(module: nn.Module, weights: Mapping[str, Tensor]) -> str | None:
    """How weights differ from those that a module has: by name, shape or kind of number."""
    wanted = module.state_dict()
    names = sorted(wanted.keys() ^ weights.keys())
    if names:
        return f"its weights and settings disagree about {', '.join(names[:3])}"
    for name, value in weights.items():
        if value.shape != wanted[name].shape:
            return (
                f"{name} has shape {tuple(value.shape)}, "
                f"but its settings ask for {tuple(wanted[name].shape)}"
            )
        if _kind(value) != _kind(wanted[name]):
            return f"{name} is {value.dtype}, but its settings ask for {wanted[name].dtype}"
    return None


def _kind(tensor: Tensor) -> str:
    """Which numbers a tensor holds, whatever their precision."""
    if tensor.is_floating_point():
        return "floating"
    if tensor.is_complex():
        return "complex"
    return "boolean" if tensor.dtype == torch.bool else "integer"
