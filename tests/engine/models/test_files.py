# SPDX-License-Identifier: Apache-2.0
"""Model files: what is written comes back, and a bad file is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from adaseg_fast.engine.models.config import SamplerConfig, SegmenterConfig
from adaseg_fast.engine.models.files import (
    ModelError,
    load_sampler,
    load_segmenter,
    save_model,
)
from adaseg_fast.engine.models.networks import build_sampler, build_segmenter


def _config(width: int = 8, sampler: SamplerConfig | None = None) -> SegmenterConfig:
    return SegmenterConfig(
        (16, 24), width, sampler, ("a", "b"), ((1, 2, 3), (4, 5, 6)), (1,), 255, "test"
    )


SAMPLER = SamplerConfig((4, 5), (16, 24), 8, 0.5)


@pytest.mark.parametrize("sampler", [None, SAMPLER], ids=["uniform", "adaptive"])
def test_segmenter_comes_back(tmp_path: Path, sampler: SamplerConfig | None) -> None:
    config = _config(sampler=sampler)
    model = build_segmenter(config).eval()
    save_model(tmp_path / "model.safetensors", model, config)
    loaded, settings = load_segmenter(tmp_path / "model.safetensors")
    assert settings == config
    assert not loaded.training
    image = torch.randint(0, 256, (1, 3, 40, 50), dtype=torch.uint8)
    assert torch.equal(loaded.predict(image), model.predict(image))
    assert (settings.info.classes, settings.info.targets) == (("a", "b"), (1,))


def test_sampler_comes_back_in_half_precision(tmp_path: Path) -> None:
    network = build_sampler(SAMPLER)
    torch.nn.init.normal_(network.offset.weight, std=0.01)
    save_model(tmp_path / "sampler.safetensors", network, SAMPLER, dtype=torch.float16)
    loaded, settings = load_sampler(tmp_path / "sampler.safetensors")
    assert settings == SAMPLER
    for name, value in loaded.state_dict().items():
        wanted = network.state_dict()[name]
        assert value.dtype == wanted.dtype
        assert torch.equal(value, wanted.half().float() if value.is_floating_point() else wanted)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.safetensors: there is no such model file"):
        load_segmenter(tmp_path / "gone.safetensors")


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 64], ids=["empty", "text", "bytes"])
def test_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.safetensors: not a whole safetensors file"):
        load_segmenter(path)


def test_truncated_file_is_named(tmp_path: Path, models: dict[str, Path]) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(models["uniform"].read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"cut\.safetensors: not a whole safetensors file"):
        load_segmenter(path)


def test_foreign_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match=r"other\.safetensors: not a model of adaseg_fast"):
        load_segmenter(path)


def test_kinds_are_told_apart(sampler_file: Path, models: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="holds a sampler, but a segmenter is wanted"):
        load_segmenter(sampler_file)
    with pytest.raises(ModelError, match="holds a segmenter, but a sampler is wanted"):
        load_sampler(models["uniform"])


def _rewrite(source: Path, target: Path, change: dict[str, object]) -> None:
    """The same weights under changed settings."""
    from safetensors import safe_open

    with safe_open(source, "pt") as file:
        settings = json.loads(file.metadata()["adaseg_fast"])
    settings["config"] |= change
    save_file(load_file(source), target, {"adaseg_fast": json.dumps(settings)})


def test_weights_of_another_shape_are_named(tmp_path: Path, models: dict[str, Path]) -> None:
    path = tmp_path / "wide.safetensors"
    _rewrite(models["uniform"], path, {"width": 16})
    with pytest.raises(ModelError, match=r"wide\.safetensors: segmenter\..* has shape"):
        load_segmenter(path)


def test_weights_of_another_architecture_are_named(tmp_path: Path, models: dict[str, Path]) -> None:
    path = tmp_path / "other.safetensors"
    _rewrite(models["adaptive"], path, {"sampler": None})
    with pytest.raises(ModelError, match=r"other\.safetensors: its weights and settings disagree"):
        load_segmenter(path)


@pytest.mark.parametrize(
    "change", [{"width": "x"}, {"size": [1]}, {"classes": 3}, {"colors": [[1]]}, {"width": 3}]
)
def test_settings_that_make_no_sense_are_named(
    tmp_path: Path, models: dict[str, Path], change: dict[str, object]
) -> None:
    path = tmp_path / "odd.safetensors"
    _rewrite(models["uniform"], path, change)
    with pytest.raises(ModelError, match=r"odd\.safetensors: its settings do not describe"):
        load_segmenter(path)


def test_samplers_settings_that_make_no_sense_are_named(tmp_path: Path, sampler_file: Path) -> None:
    path = tmp_path / "odd.safetensors"
    for change in ({"width": 3}, {"size": [1]}, {"lam": "x"}, {"view_size": 5}):
        _rewrite(sampler_file, path, change)
        with pytest.raises(ModelError, match=r"odd\.safetensors: .* do not describe a sampler"):
            load_sampler(path)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{", r"odd\.safetensors: its settings are not JSON"),
        ('{"format": 1, "kind": "sampler", "config": 3}', "its settings are not a JSON object"),
        ('{"format": 99, "kind": "sampler", "config": {}}', "not a model of adaseg_fast, format 1"),
    ],
)
def test_settings_of_another_form_are_named(
    tmp_path: Path, sampler_file: Path, written: str, message: str
) -> None:
    path = tmp_path / "odd.safetensors"
    save_file(load_file(sampler_file), path, {"adaseg_fast": written})
    with pytest.raises(ModelError, match=message):
        load_sampler(path)
