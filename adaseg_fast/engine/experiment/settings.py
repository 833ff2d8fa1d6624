# SPDX-License-Identifier: Apache-2.0
"""``experiment.json``: the settings of a folder, and the versions that worked on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from msgspec.structs import replace

from adaseg_fast.engine.environment import Environment, environment
from adaseg_fast.engine.experiment.config import (
    ConfigError,
    ExperimentConfig,
    with_current_names,
)
from adaseg_fast.engine.training.boundary_cache import same_source
from adaseg_fast.engine.typed_values import typed
from adaseg_fast.storage import read_json, write_json

# An experiment may be extended by others of these. The number of workers may change too.
_EXTENSIBLE = ("sizes", "seeds", "baseline_sizes")


class SettingsRecord(TypedDict):
    """All of ``experiment.json``; ``settings`` holds a table for each section."""

    settings: dict[str, Any]
    environments: list[Environment]


def note_settings(file: Path, config: ExperimentConfig) -> None:
    """Write the settings and versions of a run, after a check against those of earlier runs.

    Args:
        file: ``experiment.json``; there is none yet in a new folder.
        config: the settings of this run.

    Raises:
        ConfigError: the file is not of this form, or the earlier settings were others.
        StorageError: the file cannot be read.
    """
    wanted = replace(config, data=replace(config.data, workers=0)).plain()
    versions = [environment()]
    if file.is_file():
        try:
            earlier = typed(read_json(file), SettingsRecord)
        except ValueError as error:
            raise ConfigError(
                f"{file}: does not hold the settings of an experiment: {error}"
            ) from error
        different = _differences(with_current_names(earlier["settings"])[0], wanted)
        if different:
            raise ConfigError(f"{file}: belongs to other settings: {', '.join(different)}")
        before = earlier["environments"]
        versions = [*before, *(each for each in versions if each not in before)]
    write_json(file, {"settings": wanted, "environments": versions})


def _same_data(section: str, key: str, there: object, now: object) -> bool:
    """Whether two values of ``data.train`` or ``data.evaluation`` name the same folder."""
    named = section == "data" and key in ("train", "evaluation")
    return named and same_source(f"{there}, {key}", f"{now}, {key}")


def _differences(there: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """The keys whose values forbid to continue, with both values."""
    found = []
    for section in sorted(wanted.keys() - set(_EXTENSIBLE)):
        before = there.get(section)
        before = before if isinstance(before, dict) else {}
        found += [
            f"{section}.{key} ({before.get(key)} there, {value} now)"
            for key, value in sorted(wanted[section].items())
            if before.get(key) != value and not _same_data(section, key, before.get(key), value)
        ]
    return found
