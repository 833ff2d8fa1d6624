# SPDX-License-Identifier: Apache-2.0
"""`adaseg_fast.load` and `adaseg_fast.save`: a model that knows its classes, there and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_type_hints

import pytest
import torch

import adaseg_fast
from adaseg_fast.data.base import DatasetInfo
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.engine.models.files import (
    ModelError,
    TrainedSegmenter,
    load_segmenter,
    save_model,
)
from adaseg_fast.engine.models.networks import build_segmenter
from adaseg_fast.nn import AdaptiveSegmenter, UNet, UniformDownsampler, prepare_for_inference
from adaseg_fast.normalization import Normalization
from support.engine_cases import SAMPLER, segmenter_config

STRIDED = "support.network_factories:strided"


@pytest.mark.parametrize("kind", ["uniform", "adaptive"])
def test_a_model_comes_back_bit_for_bit(tmp_path: Path, models: dict[str, Path], kind: str) -> None:
    model = adaseg_fast.load(models[kind])
    assert not model.training
    assert model.info == model.config.info == segmenter_config(None).info
    adaseg_fast.save(model, tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == models[kind].read_bytes()
    again = adaseg_fast.load(str(tmp_path / "copy.safetensors"))
    image = torch.randint(0, 256, (1, 3, 40, 50), dtype=torch.uint8)
    assert torch.equal(again.predict(image), model.predict(image))


def test_changed_targets_are_saved(tmp_path: Path, models: dict[str, Path]) -> None:
    model = adaseg_fast.load(models["uniform"])
    model.info = replace(model.info, targets=(1, 2), name="mine")
    adaseg_fast.save(model, tmp_path / "changed.safetensors")
    again = adaseg_fast.load(tmp_path / "changed.safetensors")
    assert again.info == model.info and again.config.targets == (1, 2)


def test_a_model_of_ones_own_is_saved_once_it_is_described(
    tmp_path: Path, models: dict[str, Path]
) -> None:
    info = adaseg_fast.load(models["uniform"]).info
    model = AdaptiveSegmenter(UNet(info.num_classes, width=8), UniformDownsampler((16, 24)))
    path = tmp_path / "own.safetensors"
    with pytest.raises(ValueError, match=r"set model\.config = SegmenterConfig\.of\(info"):
        adaseg_fast.save(model, path)
    model.config = SegmenterConfig.of(info, (16, 24), width=8)
    adaseg_fast.save(model, path)
    image = torch.randint(0, 256, (1, 3, 40, 50), dtype=torch.uint8)
    assert torch.equal(adaseg_fast.load(path).predict(image), model.eval().predict(image))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (16, 32)}, r"another downsampler: .*size=\(16, 32\).* not .*size=\(16, 16\)"),
        ({"sampler": SAMPLER}, "another downsampler: AdaptiveDownsampler.* not Uniform"),
        ({"width": 16}, "does not fit the weights: .* has shape"),
    ],
    ids=["size", "sampler", "width"],
)
def test_a_wrong_description_is_refused(
    tmp_path: Path, models: dict[str, Path], change: dict[str, object], message: str
) -> None:
    model = adaseg_fast.load(models["uniform"])
    model.config = replace(model.config, **change)
    with pytest.raises(ValueError, match=message):
        adaseg_fast.save(model, tmp_path / "wrong.safetensors")
    assert not (tmp_path / "wrong.safetensors").exists()


def test_other_classes_are_refused(tmp_path: Path, models: dict[str, Path]) -> None:
    model, path = adaseg_fast.load(models["uniform"]), tmp_path / "wrong.safetensors"
    info = model.info
    model.info = replace(info, classes=info.classes[1:], colors=info.colors[1:], targets=(1,))
    with pytest.raises(ValueError, match="does not fit the weights"):
        adaseg_fast.save(model, path)


def test_a_folded_model_is_refused(tmp_path: Path, models: dict[str, Path]) -> None:
    prepared = prepare_for_inference(adaseg_fast.load(models["adaptive"]))
    with pytest.raises(ValueError, match="result of prepare_for_inference cannot be saved"):
        adaseg_fast.save(prepared, tmp_path / "folded.safetensors")


def test_a_network_from_elsewhere_must_be_trusted(tmp_path: Path) -> None:
    config = replace(segmenter_config(None), network=STRIDED, width=None)
    path = tmp_path / "model.safetensors"
    save_model(path, build_segmenter(config), config)
    with pytest.raises(ModelError, match=r"if you trust that code, .*network='support\."):
        adaseg_fast.load(path)
    for network in (STRIDED, ["other:network", STRIDED]):
        model = adaseg_fast.load(path, network=network)
        assert model.config.network == STRIDED
    adaseg_fast.save(model, tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == path.read_bytes()


def test_a_sampler_is_no_model(sampler_file: Path) -> None:
    with pytest.raises(ModelError, match="holds a sampler, but a segmenter is wanted"):
        adaseg_fast.load(sampler_file)


# --- Statistics of the images ---------------------------------------------------------------------

OWN = Normalization((10.0, 20.0, 30.0), (40.0, 50.0, 60.0), 1.0)


@pytest.mark.parametrize("kind", ["uniform", "adaptive"])
def test_statistics_are_part_of_a_saved_model(
    tmp_path: Path, models: dict[str, Path], kind: str
) -> None:
    old = adaseg_fast.load(models[kind])
    config = replace(old.config, normalization=OWN)
    model = build_segmenter(config).eval()
    model.load_state_dict(old.state_dict())
    model.config = old.config  # the downsampler decides
    adaseg_fast.save(model, tmp_path / "own.safetensors")
    again = adaseg_fast.load(tmp_path / "own.safetensors")
    assert again.config == config and again.downsampler.normalization == OWN
    image = torch.rand((1, 3, 40, 50), generator=torch.Generator().manual_seed(0))
    for one, other in zip(again(image), model(image), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(again(image)[0], old(image * 255)[0])


def test_statistics_of_one_channel(tmp_path: Path, models: dict[str, Path]) -> None:
    info = adaseg_fast.load(models["uniform"]).info
    grey = Normalization((100.0,), (50.0,))
    config = SegmenterConfig.of(info, (16, 24), width=8, sampler=SAMPLER, normalization=grey)
    model = build_segmenter(config).eval()
    save_model(tmp_path / "grey.safetensors", model, config)
    again = adaseg_fast.load(tmp_path / "grey.safetensors")
    image = torch.randint(0, 256, (1, 1, 40, 50), dtype=torch.uint8)
    assert torch.equal(again.predict(image), model.predict(image))


def test_files_of_earlier_versions_have_the_usual_statistics() -> None:
    files = Path(__file__).parents[2] / "support" / "files_0_1_0"
    model = adaseg_fast.load(files / "model.safetensors")
    assert model.config.normalization == model.downsampler.normalization == Normalization()
    assert "normalization" not in model.config.plain(), "as in checkpoints of that version"
    assert replace(model.config, normalization=OWN).plain()["normalization"]["value_range"] == 1


def test_type_checkers_know_what_a_loaded_model_carries() -> None:
    found = get_type_hints(TrainedSegmenter)
    assert (found["config"], found["info"]) == (SegmenterConfig, DatasetInfo)
    assert get_type_hints(load_segmenter)["return"] == tuple[TrainedSegmenter, SegmenterConfig]
    assert adaseg_fast.load.__annotations__["return"] == "TrainedSegmenter"


def test_a_loaded_model_stays_frozen_and_can_be_prepared(models: dict[str, Path]) -> None:
    model = adaseg_fast.load(models["adaptive"])
    assert not model.train().downsampler.training
    prepared = prepare_for_inference(model)
    assert isinstance(prepared, TrainedSegmenter) and prepared.info == model.info
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in prepared.modules())
