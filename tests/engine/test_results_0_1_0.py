# SPDX-License-Identifier: Apache-2.0
"""Results and settings that 0.1.0 wrote are read, and an experiment of 0.1.0 continues."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from adaseg_fast.engine.evaluation.charts import draw_charts
from adaseg_fast.engine.evaluation.records import read_evaluation
from adaseg_fast.engine.experiment.config import ConfigError, ExperimentConfig, read_config
from adaseg_fast.engine.experiment.results import read_results
from adaseg_fast.engine.experiment.run import run_experiment
from adaseg_fast.engine.experiment.settings import note_settings
from adaseg_fast.storage import StorageError, write_json

FILES = Path(__file__).parents[1] / "support" / "files_0_1_0"


@pytest.fixture
def config() -> ExperimentConfig:
    with pytest.warns(FutureWarning, match="sampler.rate is now sampler.learning_rate"):
        found = read_config(str(FILES / "experiment.toml"))
    return found


def plain(value: object) -> Any:
    """Lists for tuples, as in JSON."""
    return json.loads(json.dumps(value))


def test_configuration(config: ExperimentConfig) -> None:
    assert config.sampler.view_size == 8 and config.sampler.learning_rate == 1e-3
    assert config.sampler.final_learning_rate == 0.5
    assert config.segmenter.final_learning_rate == 0.05
    assert config.segmenter.batch_size == {16: 2}


def test_settings_of_an_experiment(config: ExperimentConfig, tmp_path: Path) -> None:
    file = tmp_path / "experiment.json"
    shutil.copy(FILES / "experiment.json", file)
    note_settings(file, replace(config, seeds=(0, 1)))
    noted = json.loads(file.read_text())
    assert noted["settings"]["seeds"] == [0, 1]
    assert noted["settings"]["sampler"]["view_size"] == 8
    assert not {"aux_size", "rate", "final_rate"} & noted["settings"]["sampler"].keys()
    earlier = json.loads((FILES / "experiment.json").read_text())["environments"]
    assert noted["environments"][: len(earlier)] == earlier
    for change, message in (
        ({"view_size": 16}, r"sampler.view_size \(8 there, 16 now\)"),
        ({"learning_rate": 1.0}, r"sampler.learning_rate \(0.001 there, 1.0 now\)"),
    ):
        shutil.copy(FILES / "experiment.json", file)
        other = replace(config, sampler=replace(config.sampler, **change))
        with pytest.raises(ConfigError, match=rf"other settings: {message}$"):
            note_settings(file, other)


def test_an_experiment_continues(config: ExperimentConfig, tmp_path: Path) -> None:
    shutil.copy(FILES / "experiment.json", tmp_path)
    evaluation = tmp_path / "evaluations" / "adaptive_16x16" / "seed_0" / "evaluation.json"
    evaluation.parent.mkdir(parents=True)
    shutil.copy(FILES / "evaluation" / "evaluation.json", evaluation)
    said: list[str] = []
    plan = run_experiment(config, tmp_path, quiet=True, say=said.append)
    assert [model.sampling for model in plan] == ["uniform", "adaptive"]
    assert "evaluation, uniform_16x16/seed_0" in said
    assert "evaluation, adaptive_16x16/seed_0" not in said  # it is there


def test_evaluation(tmp_path: Path) -> None:
    file = FILES / "evaluation" / "evaluation.json"
    record = read_evaluation(file)
    assert plain(record) == json.loads(file.read_text())
    assert {path.stem for path in draw_charts(record, tmp_path)} >= {"evaluation", "trimap"}


def test_results() -> None:
    file = FILES / "results.json"
    record = read_results(file)
    assert plain(record) == json.loads(file.read_text())
    assert [group["name"] for group in record["groups"]] == ["ours", "baseline"]


def test_damaged_results_are_named(tmp_path: Path) -> None:
    file, damaged = tmp_path / "results.json", json.loads((FILES / "results.json").read_text())
    damaged["groups"][1]["mean"]["targets"] = "car"
    write_json(file, damaged)
    message = r"results\.json: is not a .*: groups\[1\]\.mean\.targets must be a list, got a text"
    with pytest.raises(StorageError, match=message):
        read_results(file)
