# SPDX-License-Identifier: Apache-2.0
"""Configurations of experiments: the package's own, defaults, old names, and errors."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from adaseg_fast.engine.experiment.config import (
    ConfigError,
    at_size,
    own_experiments,
    parse_config,
    read_config,
)

TRAINING = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 2}
LEAST: dict[str, Any] = {
    "sizes": [16, [24, 32]],
    "seeds": [0],
    "data": {"train": "synthetic:2x64"},
    "sampler": TRAINING,
    "segmenter": TRAINING,
}


def read_text(name: str) -> str:
    return (files("adaseg_fast") / "experiments" / f"{name}.toml").read_text("utf-8")


def test_what_is_not_said_has_a_default() -> None:
    config = parse_config(LEAST, "x")
    assert config.sizes == ((16, 16), (24, 32))
    assert config.sampler.lam == 1.0 and config.sampler.tensor_size == 8  # the paper's
    assert config.segmenter.equal_cost and config.evaluation.crop == "square"


@pytest.mark.parametrize(
    ("name", "rate", "epochs"),
    [("apolloscape", 1e-5, 33), ("supervisely", 1e-4, 1000), ("synthia", 1e-4, 500)],
)
def test_the_papers_settings(name: str, rate: float, epochs: int) -> None:
    config = read_config(name)
    batches = {16: 128, 32: 128, 64: 128, 128: 32, 256: 24, 512: 12}
    for section in (config.sampler, config.segmenter):
        assert (section.learning_rate, section.epochs) == (rate, epochs)
    for side, batch in batches.items():
        assert at_size(config.segmenter.batch_size, (side, side)) == batch
    assert config.segmenter.network == "unet" and config.sampler.loss == "proposal"


@pytest.mark.parametrize("name", own_experiments())
def test_own_configurations_are_whole(name: str) -> None:
    config = read_config(name)
    assert config.plain()["sizes"] == [list(size) for size in config.sizes]
    # For data sets on disk the command names the folder.
    assert bool(config.data.train) == (name == "synthetic")


def test_the_documented_example() -> None:
    page = (Path(__file__).parents[3] / "docs" / "experiments.md").read_text()
    example = page.partition("```toml\n")[2].partition("```")[0]
    config = parse_config(tomllib.loads(example), "docs")
    assert config.sizes[2] == (96, 192) and config.segmenter.batch_size == {64: 64, 128: 16}


def test_values_by_size() -> None:
    values = {32: 128, 64: 64, 128: 8}
    sides = (16, 32, 63, 64, 127, 128, 500)
    assert [at_size(values, (side, side)) for side in sides] == [128, 128, 128, 64, 64, 8, 8]
    assert at_size(values, (70, 200)) == 64
    assert at_size(5, (16, 16)) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": []}, "sizes must be a list of length >= 1"),
        ({"sizes": [1]}, r"sizes\[0\]\[0\] must be an integer >= 2"),
        ({"sizes": [[16, 16, 16]]}, r"sizes\[0\] must be a list of length 2, got 3"),
        ({"sizes": [True]}, r"sizes\[0\]\[0\] must be an integer, got true or false"),
        ({"seeds": 3}, "seeds must be a list, got an integer"),
        ({"seeds": []}, "seeds must be a list of length >= 1"),
        ({"speed": 3}, "'speed' is none of sizes, seeds, data"),
        ({"data": 3}, "data must be a table, got an integer"),
        ({"data": {"place": "x"}}, "data: 'place' is none of train, evaluation, split"),
        ({"data": {"train": 3}}, "data.train must be a text, got an integer"),
        ({"data": {"cache": 1}}, "data.cache must be true or false, got an integer"),
        ({"data": {"targets": "car"}}, "data.targets must be a list or null, got a text"),
        ({"sampler": {"epochs": 1, "learning_rate": 1e-3}}, "sampler: 'batch_size' is missing"),
        ({"sampler": TRAINING | {"batch_size": 1.5}}, "batch_size must be an integer or a table"),
        ({"sampler": TRAINING | {"batch_size": {"big": 1}}}, "a key of sampler.batch_size must be"),
        ({"sampler": TRAINING | {"batch_size": {}}}, "batch_size must be a table of length >= 1"),
        (
            {"sampler": TRAINING | {"boundaries": "none"}},
            "sampler.boundaries must be targets or all, got 'none'",
        ),
        ({"sampler": TRAINING | {"loss": "l1"}}, "sampler.loss must be proposal or energy"),
        ({"sampler": 3}, "sampler must be a table, got an integer"),
        (
            {"segmenter": TRAINING | {"learning_rate": "fast"}},
            "segmenter.learning_rate must be a number, got a text",
        ),
        (
            {"evaluation": {"metrics": ["dice"]}},
            r"evaluation.metrics\[0\] must be iou or trimap or objects or boundary, got 'dice'",
        ),
        ({"evaluation": {"crop": "round"}}, "evaluation.crop must be square or none, got 'round'"),
    ],
)
def test_errors_name_file_and_key(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"mine.toml: .*{message}"):
        parse_config(LEAST | change, "mine.toml")


def test_names_of_0_1_0_are_understood_with_a_warning() -> None:
    old = {"epochs": 1, "rate": 2e-3, "final_rate": 0.5, "batch_size": 2}
    change = {"sampler": old | {"aux_size": {"16": 8}}, "segmenter": old}
    with pytest.warns(FutureWarning) as noted:
        config = parse_config(LEAST | change, "old.toml")
    for section in (config.sampler, config.segmenter):
        assert (section.learning_rate, section.final_learning_rate) == (2e-3, 0.5)
    assert config.sampler.view_size == {16: 8}
    (warning,) = noted
    assert str(warning.message).startswith("old.toml: keys have new names")
    assert str(warning.message).count(" is now ") == 5
    assert "sampler.aux_size is now sampler.view_size" in str(warning.message)
    with pytest.raises(ConfigError, match="sampler: 'rate' is none of"):  # beside its new name
        parse_config(LEAST | {"sampler": TRAINING | {"rate": 1.0}}, "both.toml")


def test_a_byte_order_mark_and_other_letters(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = read_text("synthetic").replace("synthetic:64x256", "folder:Straßen")
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert read_config(str(file)).data.train == "folder:Straßen"


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone.toml: cannot be read .*apolloscape, camvid"):
        read_config(str(tmp_path / "gone.toml"))
    file = tmp_path / "bad.toml"
    file.write_text("sizes = [")
    with pytest.raises(ConfigError, match=r"bad.toml: is not TOML"):
        read_config(str(file))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"bad.toml: is not TOML"):
        read_config(str(file))
