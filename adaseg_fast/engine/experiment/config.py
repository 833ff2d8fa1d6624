# SPDX-License-Identifier: Apache-2.0
"""What an experiment consists of: a TOML file, one of the package's own or anyone's.

Each section of the file is one of the dataclasses below, each key one of its attributes. The files
of the package, ``adaseg_fast/experiments``, hold the paper's settings (sec. 4.1).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, get_type_hints

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from adaseg_fast.engine.evaluation.measures import METRICS

Size = tuple[int, int]
# One value, or one for each working size: a size takes that of the largest size not above it.
BySize = int | dict[int, int]


class ConfigError(ValueError):
    """A configuration is missing, no TOML, or holds what no experiment has; names file and key."""


@dataclass(frozen=True)
class DataSection:
    """Which frames.

    Attributes:
        train: as ``--data`` takes it; ``--data`` of the command replaces it.
        evaluation: the same for the frames that are measured; ``train`` unless said.
        split, evaluation_split: parts of the data set.
        targets: classes whose boundaries matter; the data set's own unless said.
        seed: of drawn scenes, or of a split chosen at random.
        cache: keep frames in memory.
        workers: processes or threads that read frames.
    """

    train: str = ""
    evaluation: str = ""
    split: str = "train"
    evaluation_split: str = "val"
    targets: tuple[str, ...] | None = None
    seed: int | None = None
    cache: bool = False
    workers: int = 0


@dataclass(frozen=True)
class AugmentationSection:
    """Bounds of the random changes, as the options of ``train`` are called."""

    min_scale: float = 1.0
    contrast: float = 0.2
    brightness: float = 0.1
    color: float = 0.0
    noise: float = 0.01


@dataclass(frozen=True)
class SamplerSection:
    """The auxiliary network and its training.

    Attributes:
        tensor_size, view_size, width, lam: as in `SamplerConfig`; ``view_size`` by working size.
        loss: "proposal" or "energy".
        boundaries: "targets" or "all".
        crops: random squares of each frame whose boundary points are kept; 0 keeps none and finds
            them anew each time.
        epochs, rate, final_rate: see `Schedule`.
        batch_size: by the size of the view.
        amp: see `Compute`.
    """

    epochs: int
    rate: float
    batch_size: BySize
    final_rate: float = 0.05
    tensor_size: int = 8
    view_size: BySize = 32
    width: int = 256
    lam: float = 1.0
    loss: str = "proposal"
    boundaries: str = "targets"
    crops: int = 8
    amp: bool = False


@dataclass(frozen=True)
class SegmenterSection:
    """The base networks and their training.

    Attributes:
        network, width: as in `SegmenterConfig`; no width for others than ``unet``.
        balance: weigh rare classes more.
        equal_cost: also train on uniform samples of the size at which that costs as much as the
            adaptive network with its auxiliary one.
        epochs, rate, final_rate: see `Schedule`.
        batch_size: by working size.
        amp: see `Compute`.
    """

    epochs: int
    rate: float
    batch_size: BySize
    final_rate: float = 0.05
    network: str = "unet"
    width: int | None = None
    balance: bool = False
    equal_cost: bool = True
    amp: bool = False


@dataclass(frozen=True)
class EvaluationSection:
    """What is measured.

    Attributes:
        metrics: names of `measures.METRICS`.
        crop: "square" or "none".
        ceiling: also measure what ideal sampling allows, and what adaptive models lose of it.
        examples: frames that are drawn.
    """

    metrics: tuple[str, ...] = METRICS
    crop: str = "square"
    ceiling: bool = True
    examples: tuple[int, ...] = (0, 1, 2)


@dataclass(frozen=True)
class ExperimentConfig:
    """A whole experiment.

    Attributes:
        sizes: the working sizes.
        seeds: everything is trained once for each.
        baseline_sizes: working sizes of further uniform models, so that there is one as slow as the
            largest adaptive one.
    """

    sizes: tuple[Size, ...]
    seeds: tuple[int, ...]
    data: DataSection
    sampler: SamplerSection
    segmenter: SegmenterSection
    augmentation: AugmentationSection = field(default_factory=AugmentationSection)
    evaluation: EvaluationSection = field(default_factory=EvaluationSection)
    baseline_sizes: tuple[Size, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON gives it back."""
        return dict(json.loads(json.dumps(asdict(self))))


def at_size(values: BySize, size: Size) -> int:
    """The value of the largest size listed that is not above ``size``, else of the smallest."""
    if isinstance(values, int):
        return values
    below = [listed for listed in values if listed <= min(size)]
    return values[max(below) if below else min(values)]


def own_experiments() -> tuple[str, ...]:
    """Names of the configurations that come with the package."""
    folder = files("adaseg_fast") / "experiments"
    found = (Path(entry.name) for entry in folder.iterdir())
    return tuple(sorted(path.stem for path in found if path.suffix == ".toml"))


def read_config(name: str) -> ExperimentConfig:
    """The configuration in the file ``name``, or the package's own of that name.

    Raises:
        ConfigError: there is none, or it is not of the form that this module describes.
    """
    try:
        if name in own_experiments():
            text = (files("adaseg_fast") / "experiments" / f"{name}.toml").read_text()
        else:
            text = Path(name).read_text()
        return parse_config(tomllib.loads(text), name)
    except OSError as error:
        raise ConfigError(
            f"{name}: cannot be read ({error.strerror}); it is no file, and the package's own "
            f"experiments are {', '.join(own_experiments())}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: is no TOML ({error})") from error


def parse_config(values: Mapping[str, Any], name: str) -> ExperimentConfig:
    """The configuration that a TOML file holds; ``name`` is for messages."""
    config: ExperimentConfig = _section(ExperimentConfig, values, name)
    if not config.sizes or not config.seeds:
        raise ConfigError(f"{name}: sizes and seeds have to name at least one each")
    unknown = [metric for metric in config.evaluation.metrics if metric not in METRICS]
    if unknown:
        raise ConfigError(f"{name}: evaluation.metrics: {unknown[0]!r} is none of {METRICS}")
    for key, value, choices in (
        ("sampler.boundaries", config.sampler.boundaries, ("targets", "all")),
        ("evaluation.crop", config.evaluation.crop, ("square", "none")),
    ):
        if value not in choices:
            raise ConfigError(f"{name}: {key} is {value!r}, wanted {' or '.join(choices)}")
    return config


def _section(kind: type, values: Any, place: str) -> Any:
    """A dataclass filled with the values of a table, each converted to the type of its field."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{place}: a table is wanted, got {values!r}")
    hints = get_type_hints(kind)
    unknown = sorted(values.keys() - hints.keys())
    if unknown:
        raise ConfigError(f"{place}: {unknown[0]!r} is none of {', '.join(hints)}")
    given = {
        key: _section(hints[key], value, f"{place}: {key}")
        if hints[key] in _SECTIONS
        else _value(hints[key], value, f"{place}: {key}")
        for key, value in values.items()
    }
    for part in fields(kind):
        if part.name not in given and part.default is part.default_factory is MISSING:
            raise ConfigError(f"{place}: {part.name!r} is missing")
    return kind(**given)


def _value(hint: Any, value: Any, place: str) -> Any:
    wanted, convert = _CONVERSIONS[hint]
    try:
        return convert(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{place}: {wanted} is wanted, got {value!r}") from error


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _real(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError
    return float(value)


def _each(kind: type, value: Any) -> tuple[Any, ...]:
    return tuple(_exactly(kind, item) for item in _exactly(list, value))


def _by_size(value: Any) -> BySize:
    if isinstance(value, dict) and value:
        return {int(size): int(_exactly(int, entry)) for size, entry in value.items()}
    return int(_exactly(int, value))


def _size(value: Any) -> Size:
    rows, cols = (value, value) if type(value) is int else _each(int, value)
    if min(rows, cols) < 2:
        raise ValueError
    return rows, cols


def _sizes(value: Any) -> tuple[Size, ...]:
    return tuple(_size(item) for item in _exactly(list, value))


_CONVERSIONS: dict[Any, tuple[str, Any]] = {
    hint: (wanted, convert)
    for hint, wanted, convert in (
        (str, "a text", lambda value: _exactly(str, value)),
        (bool, "true or false", lambda value: _exactly(bool, value)),
        (int, "a whole number", lambda value: _exactly(int, value)),
        (int | None, "a whole number", lambda value: _exactly(int, value)),
        (float, "a number", _real),
        (BySize, "a whole number, or one for each size as {64 = 128, 128 = 32},", _by_size),
        (tuple[int, ...], "a list of whole numbers", lambda value: _each(int, value)),
        (tuple[str, ...], "a list of texts", lambda value: _each(str, value)),
        (tuple[str, ...] | None, "a list of texts", lambda value: _each(str, value)),
        (tuple[Size, ...], "a list of sizes, 64 or [64, 96],", _sizes),
    )
}
_SECTIONS = (
    DataSection, AugmentationSection, SamplerSection, SegmenterSection, EvaluationSection,
)  # fmt: skip
