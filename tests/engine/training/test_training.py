# SPDX-License-Identifier: Apache-2.0
"""Training: it learns, it is repeatable, and an interrupted run goes on as if nothing had been."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from adaseg_fast import ops
from adaseg_fast.data import Frame, open_dataset
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.models.files import load_sampler, load_segmenter
from adaseg_fast.engine.models.frames import Item, frame_tensors
from adaseg_fast.engine.models.networks import build_segmenter
from adaseg_fast.engine.training import loop
from adaseg_fast.engine.training.batches import Batches
from adaseg_fast.engine.training.checkpoint import CheckpointError
from adaseg_fast.engine.training.options import Schedule
from adaseg_fast.engine.training.sampler import (
    energy_loss,
    nearest_points,
    proposal_loss,
    train_sampler,
)
from adaseg_fast.engine.training.segmenter import (
    class_weights,
    downsample,
    sample_labels,
    train_segmenter,
)
from support.engine_cases import SAMPLER, segmenter_config, training

SCENES = SyntheticScenes(5, size=(64, 64))
PLAIN = Augmentation(flip=0, contrast=0, brightness=0, noise=0)


def _train(output: Path, epochs: int = 3, **options: Any) -> dict[str, float]:
    told = {name: options.pop(name) for name in ("loss", "all_boundaries") if name in options}
    schedule = Schedule(epochs, 1e-3, checkpoint_steps=1)
    return train_sampler(SCENES, SAMPLER, training(output, schedule, **options), **told)


def _weights(file: Path) -> dict[str, Tensor]:
    return load_sampler(file)[0].state_dict()


def _equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_sampler_learns(tmp_path: Path) -> None:
    options = training(tmp_path, Schedule(40, 3e-3), augmentation=PLAIN, batch_size=5)
    result = train_sampler(SCENES, SAMPLER, options, validation=SCENES)
    assert result["validation"] < 0.6 * result["uniform"]
    history = json.loads((tmp_path / "history.json").read_text())
    assert [record["epoch"] for record in history] == list(range(1, 41))
    assert history[-1]["learning_rate"] == pytest.approx(3e-3 * 0.05)


def test_segmenter_learns(tmp_path: Path, sampler_file: Path) -> None:
    sampler, config = load_sampler(sampler_file)
    train_segmenter(
        SCENES,
        replace(segmenter_config(config), width=32),
        training(tmp_path, Schedule(30, 1e-2), augmentation=PLAIN, batch_size=5),
        sampler=sampler,
        balance=True,
    )
    history = json.loads((tmp_path / "history.json").read_text())
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    trained, _ = load_segmenter(tmp_path / "model.safetensors")
    kept = dict(trained.downsampler.sampler.state_dict())
    assert _equal(kept, _weights(sampler_file)), "the sampler must stay as it was"


def test_same_seed_same_weights(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        _train(tmp_path / name, seed=seed)
    a, b, c = (_weights(tmp_path / name / "sampler.safetensors") for name in "abc")
    assert _equal(a, b)
    assert not _equal(a, c)


def test_workers_change_nothing(tmp_path: Path) -> None:
    _train(tmp_path / "none", epochs=1)
    _train(tmp_path / "two", epochs=1, workers=2)
    first, second = (_weights(tmp_path / n / "sampler.safetensors") for n in ("none", "two"))
    assert _equal(first, second)


@pytest.mark.parametrize("stop_at", [1, 2, 4, 5])
def test_resume_is_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    _train(tmp_path / "whole")
    steps = 0
    real = loop._step

    def interrupted(*args: Any) -> float:
        nonlocal steps
        if steps == stop_at:
            raise KeyboardInterrupt
        steps += 1
        return real(*args)

    monkeypatch.setattr(loop, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path / "parts")
    monkeypatch.setattr(loop, "_step", real)
    _train(tmp_path / "parts", resume=True)
    whole, parts = (tmp_path / name for name in ("whole", "parts"))
    assert _equal(_weights(whole / "sampler.safetensors"), _weights(parts / "sampler.safetensors"))
    losses = [
        [record["loss"] for record in json.loads((path / "history.json").read_text())]
        for path in (whole, parts)
    ]
    assert losses[0] == losses[1]


def test_resume_of_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    _train(tmp_path)
    before = _weights(tmp_path / "sampler.safetensors")
    _train(tmp_path, resume=True)
    assert _equal(before, _weights(tmp_path / "sampler.safetensors"))


def test_resume_errors_name_the_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: there is no checkpoint"):
        _train(tmp_path, resume=True)
    _train(tmp_path)
    with pytest.raises(CheckpointError, match=r"other settings: seed \(0 there, 7 now\)"):
        _train(tmp_path, seed=7, resume=True)
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: not a whole checkpoint"):
        _train(tmp_path, resume=True)


def test_checkpoint_of_another_shape_is_named(tmp_path: Path) -> None:
    _train(tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    name = next(name for name in state["module"] if name.endswith("weight"))
    state["module"][name] = torch.zeros(3, 3)
    torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: its weights do not fit"):
        _train(tmp_path, resume=True)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"settings": Evil()}, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: not a whole checkpoint"):
        _train(tmp_path, resume=True)
    assert not (tmp_path / "ran").exists()


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        train_sampler(SCENES, SAMPLER, training(tmp_path, Schedule(3, 1e30)))


def test_batches_cover_every_frame_once_an_epoch() -> None:
    class Numbered:
        info = SCENES.info

        def __len__(self) -> int:
            return 7

        def __getitem__(self, index: int) -> Frame:
            image = np.full((8, 8, 3), index, np.uint8)
            return Frame(image, np.full((8, 8), index, np.uint8), str(index))

    batches = Batches(Numbered(), PLAIN, batch_size=3, seed=1)

    def numbers(epoch: int, first_step: int = 0) -> list[list[int]]:
        return [[int(x[1][0, 0]) for x in batch] for batch in batches.epoch(epoch, first_step)]

    assert [len(batch) for batch in numbers(0)] == [3, 3]  # a lone seventh frame is dropped
    assert len({n for batch in numbers(0) for n in batch}) == 6
    assert numbers(0) == numbers(0)
    assert numbers(0) != numbers(1)
    assert numbers(2, first_step=1) == numbers(2)[1:]


def test_labels_are_sampled_where_the_image_is() -> None:
    frame = SCENES[0]
    image, labels = frame_tensors(frame)
    coded = labels[None].expand(3, -1, -1)  # an image that shows its own labels
    model = build_segmenter(segmenter_config(SAMPLER)).eval()
    torch.nn.init.normal_(model.downsampler.sampler.offset.weight, std=0.05)
    small, phi = downsample(model, [(coded, labels)])
    sampled = sample_labels([(coded, labels)], phi, (16, 16))
    std, mean = model.downsampler.std[0], model.downsampler.mean[0]
    assert torch.equal((small[:, 0] * std + mean).round().long(), sampled)
    assert image.shape == (3, 64, 64)
    # Every fourth point of a tensor resized to a quarter is the tensor's own.
    coarse = sample_labels([(coded, labels)], phi, (6, 6))
    assert torch.equal(coarse, sampled[:, ::3, ::3])


def _nearest(classes: tuple[int, ...] | None = SCENES.info.targets) -> Tensor:
    batch: list[Item] = [frame_tensors(SCENES[index]) for index in range(2)]
    return nearest_points(batch, SAMPLER.size, classes, 255)


def test_both_losses_have_their_minimum_at_the_proposals() -> None:
    """The energy's own minimum by steps down its gradient, from a start that leaves [0, 1]."""
    nearest = _nearest()
    proposals = ops.solve_sampling(nearest, SAMPLER.lam)
    phi = torch.randn(proposals.shape).mul(2).requires_grad_()
    optimizer = torch.optim.Adam([phi], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        energy_loss(phi, nearest, SAMPLER.lam).backward()
        optimizer.step()
    found = ops.project_to_cover(phi.detach())
    assert torch.allclose(found, proposals, atol=2e-3)
    expected = ops.sampling_energy(proposals, nearest, SAMPLER.lam).mean() / (2 * 4 * 4)
    assert energy_loss(proposals, nearest, SAMPLER.lam) == pytest.approx(float(expected))
    assert proposal_loss(proposals, nearest, SAMPLER.lam) == 0
    for step in (1e-2, -1e-2):
        moved = proposals.clone()
        moved[:, :, 1:-1, 1:-1] += step
        for loss in (energy_loss, proposal_loss):
            best = loss(proposals, nearest, SAMPLER.lam)
            assert loss(moved, nearest, SAMPLER.lam) > best


def test_boundaries_of_all_classes_or_of_the_targets() -> None:
    target, first, second = SCENES.info.targets[0], 0, 1
    labels = torch.full((9, 9), target, dtype=torch.uint8)
    labels[:, 4:], labels[:, 7:] = first, second  # a target class beside two others
    batch = [(torch.zeros(3, 9, 9, dtype=torch.uint8), labels)]
    columns = (slice(None), 1, slice(None), -1)
    assert (nearest_points(batch, (3, 3), SCENES.info.targets, 255)[columns] == 4 / 8).all()
    assert (nearest_points(batch, (3, 3), None, 255)[columns] == 7 / 8).all()


def test_energy_loss_learns_too(tmp_path: Path) -> None:
    options = training(tmp_path, Schedule(40, 3e-3), augmentation=PLAIN, batch_size=5)
    result = train_sampler(SCENES, SAMPLER, options, loss="energy", validation=SCENES)
    assert result["validation"] < 0.7 * result["uniform"]


def test_unknown_loss(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="loss must be one of proposal, energy, got 'l1'"):
        _train(tmp_path, loss="l1")


def test_resume_with_another_loss_or_other_boundaries(tmp_path: Path) -> None:
    _train(tmp_path)
    with pytest.raises(CheckpointError, match=r"loss \(proposal there, energy now\)"):
        _train(tmp_path, loss="energy", resume=True)
    with pytest.raises(CheckpointError, match=r"classes \(.* there, None now\)"):
        _train(tmp_path, all_boundaries=True, resume=True)


def test_class_weights_favour_rare_classes() -> None:
    weights = class_weights(SCENES, quiet=True)
    shares = np.bincount(
        np.concatenate([SCENES[index].labels.ravel() for index in range(len(SCENES))]),
        minlength=SCENES.info.num_classes,
    )
    assert weights.mean() == pytest.approx(1)
    assert weights[shares.argmax()] == weights.min()


def test_uniform_and_sampler_exclude_each_other(tmp_path: Path, sampler_file: Path) -> None:
    sampler, config = load_sampler(sampler_file)
    for chosen, network in ((None, sampler), (config, None)):
        with pytest.raises(ValueError, match="an adaptive model needs a sampler"):
            train_segmenter(SCENES, segmenter_config(chosen), training(tmp_path), sampler=network)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 1e-3), "epochs must be at least 1"),
        ((1, 0.0), "learning rate must be positive"),
        ((1, 1e-3, 2.0), "final share"),
        ((1, 1e-3, 0.1, -1), "checkpoint steps"),
    ],
)
def test_schedule_errors(values: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule(*values)


def test_too_few_frames(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="batch size must be at least 1"):
        Batches(SCENES, Augmentation(), batch_size=0, seed=0)
    with pytest.raises(ValueError, match="no such name"):
        open_dataset("nowhere:x", "train")
