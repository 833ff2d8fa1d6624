# SPDX-License-Identifier: Apache-2.0
"""Networks of one's own: what cannot be trained or saved is found before the first step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from adaseg_fast.data import DatasetInfo, Frame
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.engine.models.files import load_segmenter, save_model
from adaseg_fast.engine.models.networks import build_segmenter
from adaseg_fast.engine.training import loop
from adaseg_fast.engine.training.options import Schedule
from adaseg_fast.engine.training.segmenter import scores_loss, train_segmenter
from support.engine_cases import segmenter_config, training

NETWORKS = "support.network_factories"


class Halves:
    """Bright pixels are of class 1, the left edge is ignored."""

    info = DatasetInfo("halves", ("dark", "bright"), ((0, 0, 0), (9, 9, 9)), (1,))

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Frame:
        labels = np.zeros((32, 32), np.uint8)
        labels[8 * (index % 3) + 4 :] = 1
        image = np.repeat(labels[:, :, None] * np.uint8(200), 3, axis=2)
        labels[:, :2] = 255
        return Frame(image, labels, str(index))


def config(network: str) -> SegmenterConfig:
    return SegmenterConfig.of(Halves.info, (16, 16), network=f"{NETWORKS}:{network}")


def test_shared_layers_are_saved_and_stay_shared(tmp_path: Path) -> None:
    train_segmenter(Halves(), config("shared"), training(tmp_path))
    model, _ = load_segmenter(tmp_path / "model.safetensors", [f"{NETWORKS}:shared"])
    assert model.segmenter[0].weight is model.segmenter[2].weight
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["module"]
    assert torch.equal(model.segmenter[2].weight, state["segmenter.2.weight"])


@pytest.mark.parametrize("balance", [False, True])
def test_one_channel_is_a_logit(tmp_path: Path, balance: bool) -> None:
    options = training(tmp_path, Schedule(40, 0.05), batch_size=4)
    result = train_segmenter(Halves(), config("one_channel"), options, balance=balance)
    assert result["loss"] < 0.2
    model, _ = load_segmenter(tmp_path / "model.safetensors", [f"{NETWORKS}:one_channel"])
    image = torch.from_numpy(Halves()[0].image).permute(2, 0, 1)[None]
    logit = model(image)[0]
    assert logit.shape[1] == 1 and logit[0, 0, 0, 8] < 0 < logit[0, 0, 15, 8]


def test_the_loss_of_a_logit_is_that_of_two_channels() -> None:
    torch.manual_seed(0)
    logit, labels = torch.randn(2, 1, 5, 5), torch.randint(0, 2, (2, 5, 5))
    labels[0, 0] = 255
    for weights in (None, torch.tensor([0.5, 1.5])):
        one = scores_loss(logit, labels, weights, 255)
        two = scores_loss(F.pad(logit, (0, 0, 0, 0, 1, 0)), labels, weights, 255)
        for found, wanted in zip(one, two, strict=True):
            assert float(found) == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("one_too_many", "must give 2 channels of scores, one per class, or 1 .*; it gives 3"),
        ("broken", "holds NaN or infinity"),
        ("raising", r"cannot be built \(KeyError: 'no\\nsuch weights'\)"),
        ("segmenter_of_pairs", "must return a tensor of scores, got tuple"),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str, message: str
) -> None:
    monkeypatch.delattr(loop, "_step")
    with pytest.raises(ValueError, match=message) as noted:
        train_segmenter(Halves(), config(network), training(tmp_path / "out"))
    assert "\n" not in str(noted.value)
    assert not (tmp_path / "out").exists()


def test_one_channel_serves_for_two_classes_alone(tmp_path: Path) -> None:
    many = replace(segmenter_config(None), network=f"{NETWORKS}:one_channel", width=None)
    with pytest.raises(ValueError, match="11 channels of scores, one per class; it gives 1"):
        train_segmenter(Halves(), many, training(tmp_path))


def test_a_model_with_nan_is_not_saved(tmp_path: Path) -> None:
    model = build_segmenter(segmenter_config(None))
    next(model.parameters()).data[0] = float("nan")
    with pytest.raises(ValueError, match=r"the model cannot be saved: .* holds NaN"):
        save_model(tmp_path / "model.safetensors", model, segmenter_config(None))
    assert not list(tmp_path.iterdir())


def test_batch_normalisation_over_one_value(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give a larger --batch-size or working size"):
        train_segmenter(
            Halves(), replace(config("shared"), network="unet", width=8),
            training(tmp_path, batch_size=1),
        )  # fmt: skip
