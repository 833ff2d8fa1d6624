# SPDX-License-Identifier: Apache-2.0
"""Crafted model files: each is refused by name, quickly and without much memory."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import adaseg_fast
from adaseg_fast.engine.models.config import SamplerConfig, SegmenterConfig
from adaseg_fast.engine.models.files import ModelError, load_sampler, save_model
from adaseg_fast.engine.models.networks import build_sampler, build_segmenter

Settings = dict[str, Any]
Weights = dict[str, Tensor]

SAMPLER = SamplerConfig((4, 5), (16, 24), 8, 0.5)
CONFIG = SegmenterConfig((16, 24), 8, SAMPLER, ("a", "b"), ((1, 2, 3), (4, 5, 6)), (1,), 255, "x")


def parts() -> tuple[Settings, Weights]:
    """The settings and weights of a good file."""
    from dataclasses import asdict

    model = build_segmenter(CONFIG)
    settings = {"format": 1, "kind": "segmenter", "config": asdict(CONFIG)}
    return json.loads(json.dumps(settings)), {
        name: value.clone() for name, value in model.state_dict().items()
    }


def write(path: Path, settings: Settings | str, weights: Weights) -> Path:
    text = settings if isinstance(settings, str) else json.dumps(settings)
    save_file(weights, path, {"adaseg_fast": text})
    return path


def test_the_file_that_is_changed_below_is_good(tmp_path: Path) -> None:
    assert adaseg_fast.load(write(tmp_path / "good.safetensors", *parts())).config == CONFIG


SETTINGS: dict[str, tuple[Settings, str]] = {
    "width beyond all": ({"width": 10**9}, "width must be from 1 to 8192"),
    "width true": ({"width": True}, "width must be"),
    "size of 400 million points": ({"size": [20000, 20000]}, "size must be from 1 to 4096"),
    "size of fractions": ({"size": [16.5, 24]}, "size.* must be an integer"),
    "size negative": ({"size": [-16, 24]}, "size must be from 1"),
    "size too small": ({"size": [1, 24]}, "size must be two integers, at least 2"),
    "view": ({"sampler": {**vars(SAMPLER), "view_size": [5000, 5000]}}, "view_size must be from"),
    "tensor": ({"sampler": {**vars(SAMPLER), "size": [4, 2000]}}, "size must be from 1 to 1024"),
    "sampler's width": ({"sampler": {**vars(SAMPLER), "width": 80000}}, "width must be from 1"),
    "lambda": ({"sampler": {**vars(SAMPLER), "lam": -1}}, "lam must be finite and not negative"),
    "sampler a list": ({"sampler": []}, "must be a table"),
    "colours of 999": ({"colors": [[1, 2, 999], [4, 5, 6]]}, "three whole numbers from 0 to 255"),
    "colours of fractions": ({"colors": [[1, 2, 2.5], [4, 5, 6]]}, "must be an integer"),
    "a colour too few": ({"colors": [[1, 2, 3]]}, "one colour per class"),
    "targets beyond the classes": ({"targets": [2]}, "targets must be class numbers"),
    "targets of texts": ({"targets": ["1"]}, "targets.* must be an integer"),
    "classes a text": ({"classes": "ab"}, "classes must be a list"),
    "classes of numbers": ({"classes": [1, 2]}, "classes.* must be a text"),
    "no class": ({"classes": [], "colors": [], "targets": []}, "at least one class"),
    "two of a name": ({"classes": ["a", "A"]}, "two classes have the same name"),
    "a name that clears the screen": ({"classes": ["a", "\x1b[2J"]}, "the name of class 1"),
    "ignore_index": ({"ignore_index": 2**40}, r"ignore_index must be below 2\^31"),
    "mean of one channel": ({"normalization": {"mean": [1], "std": [1, 1, 1]}}, "one value for"),
    "std of 0": ({"normalization": {"std": [1, 0, 1]}}, "std must be positive"),
    "value_range": ({"normalization": {"value_range": 3}}, "value_range must be 255.0 or 1.0"),
    "network a number": ({"network": 3}, "network must be a text"),
}


@pytest.mark.parametrize(("change", "message"), SETTINGS.values(), ids=SETTINGS)
def test_settings(tmp_path: Path, change: Settings, message: str) -> None:
    settings, weights = parts()
    settings["config"] |= change
    path = write(tmp_path / "odd.safetensors", settings, weights)
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match=rf"odd\.safetensors: its settings .*{message}"):
            adaseg_fast.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("missing", ["size", "width", "sampler", "classes", "colors", "targets"])
def test_settings_that_are_missing(tmp_path: Path, missing: str) -> None:
    settings, weights = parts()
    del settings["config"][missing]
    with pytest.raises(ModelError, match=rf"odd\.safetensors: .*'{missing}' is missing"):
        adaseg_fast.load(write(tmp_path / "odd.safetensors", settings, weights))


TEXTS = {
    "deep": "[" * 100_000,
    "deep and closed": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "NaN": '{"format": 1, "kind": "segmenter", "config": {"lam": NaN}}',
    "infinity": '{"format": 1, "kind": "segmenter", "config": {"size": [Infinity, 3]}}',
    "a number of 10000 digits": '{"format": 1, "config": ' + "9" * 10_000 + "}",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_json_that_is_none(tmp_path: Path, text: str) -> None:
    if text is TEXTS["deep and closed"] and sys.version_info >= (3, 12):
        text = text * 10
    with pytest.raises(ModelError, match=r"odd\.safetensors: (its settings are not JSON|not a)"):
        adaseg_fast.load(write(tmp_path / "odd.safetensors", text, parts()[1]))


def test_a_number_beyond_all(tmp_path: Path) -> None:
    settings, weights = parts()
    text = json.dumps(settings).replace('"lam": 0.5', '"lam": 1e999')
    with pytest.raises(ModelError, match="lam must be finite"):
        adaseg_fast.load(write(tmp_path / "odd.safetensors", text, weights))


CLASSIFY, VARIANCE = "segmenter.classify.weight", "segmenter.encoder.0.1.running_var"
WEIGHTS: dict[str, tuple[str, Callable[[Tensor], Tensor], str]] = {
    "NaN": (CLASSIFY, lambda x: x * float("nan"), "holds NaN or infinity"),
    "infinity": (CLASSIFY, lambda x: x / 0, "holds NaN or infinity"),
    "infinite in float32": (CLASSIFY, lambda x: x.double() * 0 + 1e300, "holds NaN or infinity"),
    "complex": (CLASSIFY, lambda x: x.to(torch.complex64), "is torch.complex64, but .*float32"),
    "boolean": (CLASSIFY, lambda x: x > 0, "is torch.bool, but .*float32"),
    "integer": (CLASSIFY, lambda x: x.long(), "is torch.int64, but .*float32"),
    "variance": (VARIANCE, lambda x: -x, "holds a negative variance"),
    "NaN statistics": (VARIANCE, lambda x: x * float("nan"), "holds NaN or infinity"),
    "count": (
        "segmenter.encoder.0.1.num_batches_tracked",
        lambda x: x.float(),
        "is torch.float32, but .*int64",
    ),
}


@pytest.mark.parametrize(("name", "change", "message"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights(
    tmp_path: Path, name: str, change: Callable[[Tensor], Tensor], message: str
) -> None:
    settings, weights = parts()
    weights[name] = change(weights[name])
    with pytest.raises(ModelError, match=rf"odd\.safetensors: {name} {message}"):
        adaseg_fast.load(write(tmp_path / "odd.safetensors", settings, weights))


def test_weights_that_no_file_can_hold_are_not_saved(tmp_path: Path) -> None:
    """What `load` refuses is not written, such as weights too large for half precision."""
    model = build_segmenter(CONFIG)
    with torch.no_grad():
        model.segmenter.classify.weight.fill_(1e5)
    path = tmp_path / "large.safetensors"
    with pytest.raises(ValueError, match=r"cannot be saved: .* infinity in torch\.float16"):
        save_model(path, model, CONFIG, dtype=torch.float16)
    assert not path.exists()
    save_model(path, model, CONFIG)


@pytest.mark.parametrize(("width", "kind"), [(6000, "segmenter"), (8192, "sampler")])
def test_a_small_file_that_asks_for_a_large_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, kind: str
) -> None:
    """Such a network takes gigabytes: it is made on the meta device alone."""
    settings, weights = parts()
    if kind == "sampler":
        settings["kind"], settings["config"] = kind, dict(settings["config"]["sampler"])
        weights = build_sampler(SAMPLER).state_dict()
    settings["config"]["width"] = width
    path = write(tmp_path / "small.safetensors", settings, weights)
    assert path.stat().st_size < 2**20
    made: list[torch.device] = []
    for layer in (torch.nn.Conv2d, torch.nn.ConvTranspose2d):
        plain = layer.__init__

        def init(self: Any, *args: Any, plain: Any = plain, **kwargs: Any) -> None:
            plain(self, *args, **kwargs)
            made.append(self.weight.device)

        monkeypatch.setattr(layer, "__init__", init)
    load = load_sampler if kind == "sampler" else adaseg_fast.load
    with pytest.raises(ModelError, match=r"small\.safetensors: .* has shape .* settings ask for"):
        load(path)
    assert made and {device.type for device in made} == {"meta"}
