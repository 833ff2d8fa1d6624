# SPDX-License-Identifier: Apache-2.0
"""The settings of an experiment, as a TOML file holds them.

Each section of the file is one of the classes below, each key one of its attributes. The package's
own files, in ``adaseg_fast/experiments``, hold the paper's settings (sec. 4.1).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field, json

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from adaseg_fast.engine.evaluation.options import METRICS, Metric
from adaseg_fast.engine.typed_values import typed

Size = tuple[int, int]
Side = Annotated[int, Meta(ge=2)]
# One value, or one for each working size: a size takes that of the largest size not above it.
BySize = int | Annotated[dict[int, int], Meta(min_length=1)]


# What keys of the sections were called in 0.1.0.
_OLD_NAMES = {
    "sampler": {
        "aux_size": "view_size",
        "rate": "learning_rate",
        "final_rate": "final_learning_rate",
    },
    "segmenter": {"rate": "learning_rate", "final_rate": "final_learning_rate"},
}


class ConfigError(ValueError):
    """A configuration is missing, is not TOML, or has a wrong key; names file and key."""


class DataSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Which frames.

    Attributes:
        train: the data set, written as for ``--data``; ``--data`` of the command replaces it.
        evaluation: the data set to measure, written as for ``--data``; ``train`` if empty.
        split: the part of the data set to train on.
        evaluation_split: the part of the data set to measure.
        targets: classes whose boundaries matter; the data set's own if None.
        seed: of drawn scenes, or of a split chosen at random.
        cache: whether to keep frames in memory.
        workers: number of processes or threads that read frames.
    """

    train: str = ""
    evaluation: str = ""
    split: str = "train"
    evaluation_split: str = "val"
    targets: tuple[str, ...] | None = None
    seed: int | None = None
    cache: bool = False
    workers: int = 0


class AugmentationSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of the random changes of training frames; `Augmentation` says what each means."""

    min_scale: float = 1.0
    contrast: float = 0.2
    brightness: float = 0.1
    color: float = 0.0
    noise: float = 0.01


class SamplerSection(Struct, frozen=True, forbid_unknown_fields=True):
    """The auxiliary network and its training.

    Attributes:
        epochs: passes over the training frames.
        learning_rate: of Adam, at the start.
        batch_size: frames per step; may depend on the size of the view.
        final_learning_rate: the share of ``learning_rate`` that is left at the end.
        tensor_size: rows and columns of the sampling tensor.
        view_size: rows and columns of the view; may depend on the working size.
        width: number of features of the network.
        lam: lambda of eq. (2).
        loss: "proposal" or "energy".
        boundaries: "targets" for those of the target classes, or "all".
        crops: number of random squares per frame whose boundary points are kept on disk; with 0
            none are kept, and boundary points are found again in every epoch.
        amp: whether to run the network in half precision where that is safe.
    """

    epochs: int
    learning_rate: float
    batch_size: BySize
    final_learning_rate: float = 0.05
    tensor_size: int = 8
    view_size: BySize = 32
    width: int = 256
    lam: float = 1.0
    loss: Literal["proposal", "energy"] = "proposal"
    boundaries: Literal["targets", "all"] = "targets"
    crops: int = 8
    amp: bool = False


class SegmenterSection(Struct, frozen=True, forbid_unknown_fields=True):
    """The base networks and their training.

    Attributes:
        epochs: passes over the training frames.
        learning_rate: of Adam, at the start.
        batch_size: frames per step; may depend on the working size.
        final_learning_rate: the share of ``learning_rate`` that is left at the end.
        network: the base network, a name of `build_network`.
        width: number of features of ``unet``; None for every other network.
        balance: whether to weigh rare classes more.
        equal_cost: whether to train a second uniform model, of the working size at which it costs
            as much as the adaptive model with its auxiliary network.
        amp: whether to run the network in half precision where that is safe.
    """

    epochs: int
    learning_rate: float
    batch_size: BySize
    final_learning_rate: float = 0.05
    network: str = "unet"
    width: int | None = None
    balance: bool = False
    equal_cost: bool = True
    amp: bool = False


class EvaluationSection(Struct, frozen=True, forbid_unknown_fields=True):
    """What is measured.

    Attributes:
        metrics: names of `METRICS`.
        crop: "square" for the central largest square of each frame, or "none".
        ceiling: whether to measure also the upper bound of ideal sampling, and to split the gap
            between it and each adaptive model (`shortfall`).
        examples: numbers of the frames to draw.
    """

    metrics: tuple[Metric, ...] = METRICS
    crop: Literal["square", "none"] = "square"
    ceiling: bool = True
    examples: tuple[int, ...] = (0, 1, 2)


class ExperimentConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole experiment.

    Attributes:
        sizes: the working sizes, at least one.
        seeds: everything is trained once for each; at least one.
        data: which frames.
        sampler: the auxiliary networks.
        segmenter: the base networks.
        augmentation: the random changes of training frames.
        evaluation: what is measured.
        baseline_sizes: working sizes of further uniform models, so that one of them is as slow as
            the largest adaptive model.
    """

    sizes: Annotated[tuple[tuple[Side, Side], ...], Meta(min_length=1)]
    seeds: Annotated[tuple[int, ...], Meta(min_length=1)]
    data: DataSection
    sampler: SamplerSection
    segmenter: SegmenterSection
    augmentation: AugmentationSection = field(default_factory=AugmentationSection)
    evaluation: EvaluationSection = field(default_factory=EvaluationSection)
    baseline_sizes: tuple[tuple[Side, Side], ...] = ()

    def plain(self) -> dict[str, Any]:
        """Dicts, lists and plain values, as JSON gives them back."""
        return dict(json.decode(json.encode(self)))


def at_size(values: BySize, size: Size) -> int:
    """The value of the largest listed size that is not above ``size``, else of the smallest.

    Args:
        values: one number for all sizes, or numbers by the side of a square.
        size: rows and columns; the smaller side counts.

    Returns:
        The value.

    Example:
        >>> at_size({64: 128, 256: 24}, (128, 128)), at_size(32, (128, 128))
        (128, 32)
    """
    if isinstance(values, int):
        return values
    below = [listed for listed in values if listed <= min(size)]
    return values[max(below) if below else min(values)]


def own_experiments() -> tuple[str, ...]:
    """The names of the configurations that come with the package."""
    folder = files("adaseg_fast") / "experiments"
    found = (Path(entry.name) for entry in folder.iterdir())
    return tuple(sorted(path.stem for path in found if path.suffix == ".toml"))


def read_config(name: str) -> ExperimentConfig:
    """The configuration in the file ``name``, or the package's own of that name.

    Raises:
        ConfigError: there is none, it is not TOML, or it does not hold an experiment.
    """
    own = files("adaseg_fast") / "experiments" / f"{name}.toml"
    try:
        data = own.read_bytes() if name in own_experiments() else Path(name).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{name}: cannot be read ({error.strerror}); the package's own experiments are "
            f"{', '.join(own_experiments())}"
        ) from error
    try:
        values = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: is not TOML ({error})") from error
    return parse_config(values, name)


def parse_config(values: Mapping[str, Any], name: str) -> ExperimentConfig:
    """The configuration that the values of a TOML file hold.

    Keys that 0.1.0 called otherwise are still understood, with a `FutureWarning`.

    Args:
        values: the tables of the file.
        name: of the file, for messages.

    Raises:
        ConfigError: a key is missing, unknown, or has a value of a wrong type.
    """
    current, replaced = with_current_names(values)
    if replaced:
        renames = ", ".join(f"{old} is now {new}" for old, new in replaced.items())
        message = f"{name}: keys have new names, and the next version will not accept the old ones"
        warnings.warn(f"{message}: {renames}", FutureWarning, stacklevel=2)
    for key in ("sizes", "baseline_sizes"):
        if isinstance(current.get(key), list):
            current[key] = [[s, s] if isinstance(s, int) else s for s in current[key]]
    try:
        return typed(current, ExperimentConfig)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error


def with_current_names(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of a configuration under today's names, where 0.1.0 had others.

    Returns:
        The values, and today's name (``section.key``) of each old one that was found.
    """
    current, replaced = dict(values), {}
    for section, names in _OLD_NAMES.items():
        table = values.get(section)
        if not isinstance(table, Mapping):
            continue
        table = dict(table)
        for old, new in names.items():
            if old in table and new not in table:
                table[new] = table.pop(old)
                replaced[f"{section}.{old}"] = f"{section}.{new}"
        current[section] = table
    return current, replaced
