# SPDX-License-Identifier: Apache-2.0
"""Evaluation at the original resolution, and what the labels themselves allow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adaseg_fast import ops
from adaseg_fast.data import open_dataset
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.data.transforms import square_crop
from adaseg_fast.engine.environment import environment
from adaseg_fast.engine.evaluation.ceiling import ceiling, ceiling_of, ideal_tensor
from adaseg_fast.engine.evaluation.evaluate import evaluate
from adaseg_fast.engine.evaluation.options import MeasureOptions
from adaseg_fast.engine.evaluation.shortfall import shortfall
from adaseg_fast.engine.evaluation.table import evaluation_table
from adaseg_fast.engine.models.cost import model_multiply_adds, multiply_adds
from adaseg_fast.engine.models.files import load_segmenter
from adaseg_fast.engine.models.inference import STAGES, predict_in_stages
from adaseg_fast.metrics import ConfusionMatrix
from adaseg_fast.nn import AdaptiveSegmenter, UNet, UniformDownsampler
from adaseg_fast.nn.segmenter import downsampler_of
from support.engine_cases import SAMPLER

SCENES = SyntheticScenes(3, size=(64, 96), split="val")
QUIET, WHOLE = MeasureOptions(quiet=True), MeasureOptions(crop="none", quiet=True)

# Mean IoU of the targets with ideal points, on the CamVid frames of the tests: sizes 32, 64, 128.
CEILINGS = {None: (0.54, 0.68, 0.82), (8, 8): (0.57, 0.72, 0.83), (16, 16): (0.60, 0.74, 0.85)}


@pytest.mark.parametrize("kind", ["uniform", "adaptive"])
@pytest.mark.parametrize("crop", ["square", "none"])
def test_figures_are_those_of_predict(models: dict[str, Path], kind: str, crop: str) -> None:
    model, config = load_segmenter(models[kind])
    result = evaluate(model, config, SCENES, MeasureOptions(crop=crop, quiet=True))
    expected = ConfusionMatrix(SCENES.info.num_classes)
    for index in range(len(SCENES)):
        frame = square_crop(SCENES[index]) if crop == "square" else SCENES[index]
        image = torch.from_numpy(frame.image).permute(2, 0, 1)[None]
        expected.update(model.predict(image)[0], frame.labels)
    assert np.array_equal(result.confusion.counts, expected.counts)
    record = result.record()
    assert record["mean_iou"] == expected.mean_iou()
    assert record["target_mean_iou"] == expected.mean_iou(SCENES.info.targets)
    assert list(result.seconds) == list(STAGES)
    assert all(len(laps) == len(SCENES) for laps in result.seconds.values())
    text = evaluation_table([result])
    for number in range(len(SCENES.info.classes)):
        assert SCENES.info.classes[number] in text


def test_multiply_adds_by_hand() -> None:
    convolution = torch.nn.Conv2d(3, 5, 3, padding=1)
    assert multiply_adds(convolution, (1, 3, 7, 9)) == 3 * 5 * 9 * 7 * 9


def test_adaptive_costs_the_auxiliary_network_more(models: dict[str, Path]) -> None:
    counts = {k: model_multiply_adds(load_segmenter(path)[0]) for k, path in models.items()}
    assert counts["uniform"].keys() == {"base"}
    assert counts["adaptive"]["base"] == counts["uniform"]["base"]
    assert counts["adaptive"]["auxiliary"] > 0


@pytest.mark.parametrize("kind", ["uniform", "adaptive"])
def test_operations_are_counted_apart(models: dict[str, Path], kind: str) -> None:
    model, config = load_segmenter(models[kind])
    result = evaluate(model, config, SCENES, WHOLE)
    classes, (height, width), (h, w) = len(config.classes), (64, 96), config.size
    normalised = 3 * h * w + (3 * 16 * 16 if kind == "adaptive" else 0)  # and the sampler's view
    assert result.operations == height * width * (4 + 3 * classes) + normalised
    assert result.record()["operation_multiply_adds"] == result.operations
    assert result.operations not in result.multiply_adds.values()


def test_stages_give_the_points_too(models: dict[str, Path]) -> None:
    model, _ = load_segmenter(models["adaptive"])
    image = torch.from_numpy(SCENES[0].image).permute(2, 0, 1)
    result = predict_in_stages(model, image)
    assert result.coarse is not None and result.coarse.shape == (2, *SAMPLER.size)
    assert torch.equal(ops.resize_sampling_tensor(result.coarse[None], (16, 16))[0], result.phi)
    uniform = predict_in_stages(load_segmenter(models["uniform"])[0], image)
    assert uniform.coarse is None
    assert torch.equal(uniform.phi, ops.uniform_sampling_tensor((16, 16))[0])


def test_other_classes_are_refused(models: dict[str, Path]) -> None:
    model, config = load_segmenter(models["uniform"])
    with pytest.raises(ValueError, match="the model knows the classes x, y"):
        evaluate(model, replace(config, classes=("x", "y")), SCENES, QUIET)


def test_foreign_downsampler_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a UniformDownsampler or"):
        downsampler_of(AdaptiveSegmenter(UNet(2, width=4), torch.nn.Identity()))


def test_ceiling_of_full_resolution_is_perfect() -> None:
    result = ceiling(SCENES, (64, 96), WHOLE)
    assert result.confusion.accuracy() == 1.0


def test_ideal_sampling_beats_uniform() -> None:
    scenes = SyntheticScenes(4, size=(256, 256), split="val")
    uniform = ceiling(scenes, (48, 48), QUIET)
    ideal = ceiling(scenes, (48, 48), QUIET, tensor_size=(8, 8))
    assert ideal.target_iou > uniform.target_iou
    assert not ideal.multiply_adds and not ideal.seconds
    assert "ideal 8x8" in evaluation_table([uniform, ideal])


def test_shortfall_by_hand(models: dict[str, Path]) -> None:
    model, config = load_segmenter(models["adaptive"])
    info = SCENES.info
    own, better = (ConfusionMatrix(info.num_classes) for _ in range(2))
    for index in range(len(SCENES)):
        frame = square_crop(SCENES[index])
        image = torch.from_numpy(frame.image).permute(2, 0, 1)[None]
        truth = torch.from_numpy(frame.labels)
        phi = downsampler_of(model).sampling_tensor(image)
        small = ops.sample(truth[None, None].long(), phi)[:, 0]
        scores = torch.nn.functional.one_hot(small, info.num_classes).permute(0, 3, 1, 2).float()
        own.update(ops.interpolate(scores, phi, truth.shape).argmax(1)[0].byte(), frame.labels)
        ideal = ops.resize_sampling_tensor(ideal_tensor(truth, info, SAMPLER.size, 1.0), (16, 16))
        mean, std = downsampler_of(model).mean, downsampler_of(model).std
        result = model.segmenter(ops.sample(image, ideal, mean=mean, std=std))
        better.update(ops.interpolate(result, ideal, truth.shape).argmax(1)[0].byte(), frame.labels)
    at_own, at_ideal = shortfall(model, config, SCENES, QUIET)
    assert at_own.sampling == "adaptive" and at_ideal.sampling == "ideal"
    for found, wanted in ((at_own, own), (at_ideal, better)):
        # One-hot scores tie at some pixels, and rounding decides there.
        different = np.abs(found.confusion.counts - wanted.counts).sum()
        assert different <= 0.01 * wanted.counts.sum()
        assert found.target_iou == pytest.approx(wanted.mean_iou(info.targets), abs=0.01)


def test_ceiling_of_a_uniform_downsampler_is_the_uniform_ceiling() -> None:
    found = ceiling_of(UniformDownsampler((24, 24)), SCENES, QUIET, name="uniform")
    wanted = ceiling(SCENES, (24, 24), QUIET)
    assert np.array_equal(found.confusion.counts, wanted.confusion.counts)


def test_shortfall_of_a_uniform_model_is_refused(models: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="the model samples uniformly"):
        shortfall(*load_segmenter(models["uniform"]), SCENES, QUIET)


def test_environment_names_what_figures_depend_on() -> None:
    assert {"adaseg_fast", "torch", "backend", "threads"} <= environment().keys()


@pytest.mark.parametrize("tensor_size", list(CEILINGS), ids=str)
def test_ceilings_of_camvid(camvid: Path, tensor_size: tuple[int, int] | None) -> None:
    splits = [open_dataset(f"camvid:{camvid}", split) for split in ("train", "val")]
    for side, wanted in zip((32, 64, 128), CEILINGS[tensor_size], strict=True):
        parts = [ceiling(s, (side, side), WHOLE, tensor_size=tensor_size) for s in splits]
        both = parts[0].confusion + parts[1].confusion
        assert both.mean_iou(splits[0].info.targets) == pytest.approx(wanted, abs=0.01)
