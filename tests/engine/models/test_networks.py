# SPDX-License-Identifier: Apache-2.0
"""Base networks by name: what they cost, and that a file cannot choose what is imported."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import adaseg_fast
from adaseg_fast.cli import main
from adaseg_fast.data.images import read_labels, write_png
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine.evaluation.evaluate import evaluate
from adaseg_fast.engine.evaluation.options import MeasureOptions
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.engine.models.cost import multiply_adds
from adaseg_fast.engine.models.files import ModelError, load_segmenter, save_model
from adaseg_fast.engine.models.networks import build_network, build_segmenter, network_width
from adaseg_fast.engine.training.segmenter import train_segmenter
from adaseg_fast.nn import AdaptiveSegmenter, UNet, UniformDownsampler
from support import network_factories
from support.engine_cases import SAMPLER, segmenter_config, training, write_folder

SCENES = SyntheticScenes(4, size=(64, 96))
STRIDED = "support.network_factories:strided"
GONE = "support.network_factories:gone"
NOTHING = "support.network_factories:nothing"

needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="no transformers"
)


@pytest.fixture(scope="module")
def models_package() -> Iterator[None]:
    """segmentation-models-pytorch, also where torchvision was built for another torch.

    Then two operators that nothing here uses are missing, and importing it wants them declared.
    """
    if importlib.util.find_spec("segmentation_models_pytorch") is None:
        pytest.skip("no segmentation-models-pytorch: pip install adaseg-fast[models]")
    library = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            importlib.import_module("torchvision")
        except RuntimeError:
            for name in [name for name in sys.modules if name.startswith("torchvision")]:
                del sys.modules[name]
            library = torch.library.Library("torchvision", "FRAGMENT")
            for name in ("nms", "qnms"):
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        importlib.import_module("segmentation_models_pytorch")
    yield
    del library  # what it declares is gone with it


@pytest.mark.parametrize(
    ("name", "billions"),
    # Table 3 of the paper: the working size and 10^9 multiply-adds of the baselines. At 64 its
    # PSP-Net costs more a pixel than at other sizes, which a convolutional network does not.
    [
        ("pspnet-resnet50", {128: 11.08, 256: 44.05}),
        ("deeplabv3plus-xception65", {160: 17.23, 224: 33.77}),
    ],
)
def test_cost_is_that_of_table_3(models_package: None, name: str, billions: dict) -> None:
    network = build_network(name, 19)
    for size, wanted in billions.items():
        found = multiply_adds(network, (1, 3, size, size)) / 1e9
        assert found == pytest.approx(wanted, rel=0.04)
    model = AdaptiveSegmenter(network, UniformDownsampler((48, 64))).train()
    scores, _ = model(torch.zeros(2, 3, 100, 120, dtype=torch.uint8))
    assert scores.shape == (2, 19, 48, 64)
    scores.mean().backward()
    labels = model.eval().predict(torch.zeros(1, 3, 100, 120, dtype=torch.uint8))
    assert labels.shape == (1, 100, 120)


def test_unet_is_the_default() -> None:
    network = build_network("unet", 5, 8)
    assert isinstance(network, UNet) and network.width == 8
    assert network_width("unet", None) == 256 and network_width("unet", 12) == 12
    assert network_width(STRIDED, None) is None


def _trained(output: Path, network: str, sampler: bool = False) -> Path:
    config = replace(segmenter_config(SAMPLER if sampler else None), network=network, width=None)
    options = {}
    if sampler:
        options["sampler"] = build_segmenter(config).downsampler.sampler
    train_segmenter(SCENES, config, training(output), **options)
    return output / "model.safetensors"


@pytest.mark.parametrize("sampler", [False, True], ids=["uniform", "adaptive"])
def test_output_stride_in_training_and_prediction(tmp_path: Path, sampler: bool) -> None:
    path = _trained(tmp_path, STRIDED, sampler)
    model, config = load_segmenter(path, [STRIDED])
    assert config.network == STRIDED and config.label.endswith(STRIDED)
    image = torch.from_numpy(SCENES[0].image).permute(2, 0, 1)[None]
    scores, _ = model(image)
    assert scores.shape[-2:] == (4, 4)
    result = evaluate(model, config, SCENES, MeasureOptions(quiet=True))
    assert result.confusion.counts[:, :-1].sum() > 0 and result.multiply_adds["base"] > 0


@needs_transformers
@pytest.mark.filterwarnings("ignore")
def test_segformer_on_the_whole_path(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "data", {"train": 2, "val": 1})
    name, model = "support.network_factories:segformer", tmp_path / "out" / "model.safetensors"

    def run(*arguments: object) -> int:
        return main([str(argument) for argument in arguments])

    assert not run(
        "train", "segmenter", "--data", f"folder:{root}", "--uniform", "--size", "32x48",
        "--network", name, "--epochs", 2, "--batch-size", 2, "--output", model.parent, "--quiet",
    )  # fmt: skip
    common = ("--model", model, "--network", name, "--quiet", "--output")
    assert not run("evaluate", "--data", f"folder:{root}", *common, tmp_path / "evaluation")
    record = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())
    assert record["results"][0]["multiply_adds"]["base"] > 0
    assert not run("predict", root / "images" / "val", *common, tmp_path / "labels")
    (picture,) = (root / "images" / "val").iterdir()
    assert read_labels(tmp_path / "labels" / picture.name).shape == (96, 128)


def test_a_file_cannot_choose_what_is_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _trained(tmp_path, STRIDED)
    network_factories.imports.clear()
    for trusted in ([], ["support.network_factories:other"]):
        with pytest.raises(ModelError, match=rf"its network '{STRIDED}' is none of .* --network"):
            load_segmenter(path, trusted)
    write_png(tmp_path / "a.png", SCENES[0].image)
    command = ["predict", str(tmp_path / "a.png"), "--quiet", "--output", str(tmp_path / "o")]
    assert main([*command, "--model", str(path)]) == 1
    assert "if you trust that code" in capsys.readouterr().err
    assert not network_factories.imports
    assert main([*command, "--model", str(path), "--network", STRIDED]) == 0
    assert network_factories.imports == ["strided"]


def test_a_module_that_a_file_names_is_not_even_imported(tmp_path: Path) -> None:
    config = replace(segmenter_config(None), width=None)
    model = AdaptiveSegmenter(network_factories.strided(11), UniformDownsampler((16, 16)))
    path = tmp_path / "evil.safetensors"
    save_model(path, model, replace(config, network="this:antigravity"))
    sys.modules.pop("this", None)
    with pytest.raises(ModelError, match=r"evil\.safetensors: .* network 'this:antigravity'"):
        load_segmenter(path)
    assert "this" not in sys.modules


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    config = replace(segmenter_config(None), network=STRIDED, width=None)
    path = tmp_path / "model.safetensors"
    save_model(path, AdaptiveSegmenter(nn.Conv2d(3, 2, 1), UniformDownsampler((16, 16))), config)
    with pytest.raises(ModelError, match=r"model\.safetensors: its weights and settings disagree"):
        load_segmenter(path, [STRIDED])


@pytest.mark.parametrize(
    ("name", "width", "message"),
    [
        ("resnet", None, "there is no network 'resnet'; give one of unet, pspnet-resnet50"),
        ("gone_module:x", None, "'gone_module:x' cannot be imported"),
        (
            "support.network_factories:gone",
            None,
            "'support.network_factories:gone' cannot be imported",
        ),
        ("support.network_factories:", None, "there is no network"),
        (
            NOTHING,
            None,
            r"must return a torch\.nn\.Module, got Tensor",
        ),
        (STRIDED, 64, "was given 64"),
    ],
)
def test_networks_that_are_none(name: str, width: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_network(name, 3, width)


def test_size_that_a_network_cannot_take() -> None:
    config = replace(segmenter_config(None), network="pspnet-resnet50", size=(64, 36), width=None)
    with pytest.raises(ValueError, match=r"must be multiples of 8 .* got 64x36"):
        build_segmenter(config)


def test_torchvision_of_another_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("adaseg_fast.engine.models.networks.import_module", broken)
    with pytest.raises(ValueError, match=r"cannot be imported \(operator torchvision::nms"):
        build_network("deeplabv3plus-xception65", 3)


def test_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    with pytest.raises(ValueError, match=r"pip install \"adaseg-fast\[models\]\""):
        build_network("pspnet-resnet50", 3)


# --- Factories whose networks do not fit ----------------------------------------------------------

FACTORIES = {
    "more channels": ("wider", 3, r"must give 3 channels of scores, one per class; it gives 4"),
    "fewer channels": ("single", 3, r"must give 3 channels of scores, one per class; it gives 1"),
    "a tuple of modules": ("pair", 3, r"must return a torch\.nn\.Module, got tuple"),
    "a tuple of scores": ("scores_in_a_tuple", 3, "must return a tensor of scores, got tuple"),
    "fails": ("failing", 3, r"cannot be built \(KeyError: 'no such weights'\)$"),
    "fails on images": ("failing_on_images", 3, r"fails on an image of .* \(RuntimeError: too"),
    "no batch of scores": ("averaged", 3, r"must return scores .* got shape \(1, 3\)"),
}


@pytest.mark.parametrize(("factory", "classes", "message"), FACTORIES.values(), ids=FACTORIES)
def test_factories_that_do_not_fit(
    tmp_path: Path, factory: str, classes: int, message: str
) -> None:
    config = replace(config_of(classes), network=f"support.network_factories:{factory}")
    with pytest.raises(ValueError, match=message):
        build_segmenter(config)
    path = tmp_path / "model.safetensors"
    save_model(path, nn.Conv2d(3, 2, 1), config)
    with pytest.raises(ModelError, match=message) as caught:
        load_segmenter(path, [config.network])
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def config_of(classes: int) -> SegmenterConfig:
    names = tuple("abcdef"[:classes])
    return SegmenterConfig((16, 24), None, None, names, ((0, 0, 0),) * classes, (1,))


@pytest.mark.parametrize("factory", ["single", "single_of_values"])
def test_one_channel_is_right_for_two_classes(tmp_path: Path, factory: str) -> None:
    config = replace(config_of(2), network=f"support.network_factories:{factory}")
    model = build_segmenter(config)
    path = tmp_path / "model.safetensors"
    save_model(path, model, config)
    loaded, _ = load_segmenter(path, [config.network])
    assert loaded(torch.zeros(1, 3, 40, 40, dtype=torch.uint8))[0].shape == (1, 1, 16, 24)


def test_a_model_with_other_channels_is_not_saved(tmp_path: Path) -> None:
    config = replace(config_of(3), network=STRIDED)
    model = AdaptiveSegmenter(network_factories.strided(4), UniformDownsampler((16, 24)))
    model.config = config
    with pytest.raises(ValueError, match=r"must give 3 channels of scores, .* it gives 4"):
        adaseg_fast.save(model, tmp_path / "model.safetensors")
