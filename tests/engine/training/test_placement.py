# SPDX-License-Identifier: Apache-2.0
"""Several processes give what one gives; half precision; scalars."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from adaseg_fast.cli import main
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.devices import device_of
from adaseg_fast.engine.models.frames import Item
from adaseg_fast.engine.training import loop
from adaseg_fast.engine.training.batches import Batches
from adaseg_fast.engine.training.checkpoint import CheckpointError
from adaseg_fast.engine.training.loop import train
from adaseg_fast.engine.training.options import Schedule
from adaseg_fast.engine.training.placement import Placement, joined
from adaseg_fast.engine.training.sampler import train_sampler
from support.engine_cases import SAMPLER, training

SCENES = SyntheticScenes(5, size=(64, 64))
COMMON = (
    "--data", "synthetic:7x64", "--quiet", "--seed", "3", "--epochs", "2", "--batch-size", "4",
    "--width", "16",
)  # fmt: skip
SAMPLER_COMMAND = ("train", "sampler", *COMMON, "--view-size", "16", "--tensor-size", "4")
SEGMENTER_COMMAND = ("train", "segmenter", *COMMON, "--uniform", "--balance", "--size", "16")


def torchrun(*command: str) -> subprocess.CompletedProcess[str]:
    """The command in two processes, as torchrun starts them."""
    start = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    return subprocess.run(
        [sys.executable, "-m", *start, "-m", "adaseg_fast.cli", *command],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def losses(folder: Path) -> list[float]:
    return [record["loss"] for record in json.loads((folder / "history.json").read_text())]


@pytest.mark.skipif(sys.platform == "win32", reason="needs gloo's libuv")
@pytest.mark.parametrize("command", [SAMPLER_COMMAND, SEGMENTER_COMMAND], ids=lambda c: c[1])
def test_two_processes_are_one_with_the_whole_batch(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert main([*command, "--output", str(one)]) == 0
    done = torchrun(*command, "--output", str(two))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("loss") == 1, "only the first process says anything"
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    file = "sampler.safetensors" if command[1] == "sampler" else "model.safetensors"
    first, second = load_file(one / file), load_file(two / file)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.allclose(value, second[name], rtol=1e-3, atol=1e-4), name
    # What two began one can end, and what they left is whole.
    assert main([*command, "--output", str(two), "--resume"]) == 0


def test_torchrun_is_for_training_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["evaluate", "--data", "synthetic:1x64", "--ceiling", "16", "--output", "o"]) == 1
    assert "torchrun is only for 'train'" in capsys.readouterr().err


def test_processes_share_every_batch() -> None:
    def numbers(placement: Placement, epoch: int) -> list[list[int]]:
        batches = Batches(SCENES, Augmentation(), batch_size=3, seed=0, placement=placement)
        names = {SCENES[index].name: index for index in range(len(SCENES))}
        batches.augmentation = lambda frame, rng: frame  # type: ignore[assignment]
        found = []
        for batch in batches.epoch(epoch):
            images = [image.permute(1, 2, 0).numpy() for image, _ in batch]
            found.append(
                [n for image in images for n in names.values()
                 if (SCENES[n].image == image).all()]
            )  # fmt: skip
        return found

    whole = numbers(Placement(), 1)
    parts = [numbers(Placement(rank=rank, count=2), 1) for rank in (0, 1)]
    assert [len(batch) for batch in whole] == [3, 2]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert first == batch[0::2] and second == batch[1::2]


def test_batches_that_are_too_small_for_the_processes() -> None:
    how: dict[str, Any] = {"seed": 0, "placement": Placement(count=4)}
    assert len(Batches(SCENES, Augmentation(), batch_size=4, **how)) == 1  # one frame is left over
    with pytest.raises(ValueError, match="a batch of 3 is too small for 4 processes"):
        Batches(SCENES, Augmentation(), batch_size=3, **how)


def test_one_process_needs_no_group() -> None:
    with joined() as placement:
        assert placement == Placement() and placement.first
        assert placement.total(torch.tensor(2.0)) == 2


def test_half_precision_runs_the_network_alone() -> None:
    network = nn.Conv2d(3, 2, 1)
    seen: list[torch.dtype] = []
    network.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    for amp, inside in ((True, torch.bfloat16), (False, torch.float32)):
        placement = Placement(amp=amp)
        result = placement.forward_of(network)(torch.randn(1, 3, 4, 4))
        assert seen[-1] is inside and result.dtype is torch.float32
        result.sum().backward()
        assert network.weight.grad is not None and network.weight.grad.dtype is torch.float32
        assert not placement.scaler().is_enabled()


def test_half_precision_learns_alike(tmp_path: Path) -> None:
    how: dict[str, Any] = {"batch_size": 5, "augmentation": Augmentation(noise=0)}
    schedule = Schedule(15, 3e-3)
    found = {}
    for amp in (False, True):
        output = tmp_path / str(amp)
        options = training(output, schedule, placement=Placement(amp=amp), **how)
        train_sampler(SCENES, SAMPLER, options)
        found[amp] = losses(output)
    assert found[True] != found[False]
    assert found[True] == pytest.approx(found[False], rel=0.1)
    with pytest.raises(CheckpointError, match=r"amp \(True there, False now\)"):
        train_sampler(SCENES, SAMPLER, training(tmp_path / "True", schedule, resume=True, **how))


def test_float16_scales_gradients_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Placement, "_half", lambda self: torch.float16)
    schedule, placement = Schedule(3, 1e-3), Placement(amp=True)
    train_sampler(SCENES, SAMPLER, training(tmp_path / "whole", schedule, placement=placement))
    state = torch.load(tmp_path / "whole" / "checkpoint.pt", weights_only=True)
    assert state["scaler"]["scale"] > 1
    real, steps = loop._step, 0

    def interrupted(*args: Any) -> float:
        nonlocal steps
        steps += 1
        if steps == 4:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(loop, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_sampler(SCENES, SAMPLER, training(tmp_path / "parts", schedule, placement=placement))
    monkeypatch.setattr(loop, "_step", real)
    resumed = training(tmp_path / "parts", schedule, placement=placement, resume=True)
    train_sampler(SCENES, SAMPLER, resumed)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")


def test_losses_are_divided_by_what_they_count(tmp_path: Path) -> None:
    network = nn.Linear(1, 1, bias=False)

    def loss_of(batch: list[Item]) -> tuple[torch.Tensor, torch.Tensor]:
        return network.weight.sum() * 0 + 6.0 * len(batch), torch.tensor(2 * len(batch))

    batches = Batches(SCENES, Augmentation(), batch_size=2, seed=0)
    history = train(network, batches, loss_of, training(tmp_path), {})
    assert history[0]["loss"] == pytest.approx(3.0)


class FakeWriter:
    """What TensorBoard's writer is given."""

    made: list[FakeWriter]

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purge_step, self.closed = folder, purge_step, False
        self.values: list[tuple[str, float, int]] = []
        self.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.values.append((name, value, step))

    def close(self) -> None:
        self.closed = True


def test_scalars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeWriter.made = []
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = FakeWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    options = training(tmp_path, Schedule(2, 1e-3), tensorboard=True)
    train_sampler(SCENES, SAMPLER, options)
    (writer,) = FakeWriter.made
    assert writer.closed and writer.purge_step == 0
    assert writer.folder == str(tmp_path / "tensorboard")
    steps = [step for name, _, step in writer.values if name == "loss"]
    assert steps == [0, 1, 2, 3]
    noted = [value for name, value, _ in writer.values if name == "loss"]
    assert losses(tmp_path) == pytest.approx([sum(noted[:2]) / 2, sum(noted[2:]) / 2])
    train_sampler(SCENES, SAMPLER, replace(options, resume=True))
    assert FakeWriter.made[1].purge_step == 4 and FakeWriter.made[1].values == []


def test_scalars_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert main([*SAMPLER_COMMAND, "--tensorboard", "--output", str(tmp_path)]) == 1
    assert "--tensorboard needs the package tensorboard" in capsys.readouterr().err


def test_fewer_frames_than_processes_make_no_batch(tmp_path: Path) -> None:
    scene, network = SyntheticScenes(1, size=(64, 64)), nn.Linear(1, 1)
    batches = Batches(scene, Augmentation(), batch_size=2, seed=0, placement=Placement(count=2))
    with pytest.raises(ValueError, match="1 frames make no batch: at least two frames are needed"):
        train(network, batches, lambda _: (torch.ones(1), torch.ones(1)), training(tmp_path), {})


def test_a_device_without_kernels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr("adaseg_fast.engine.devices.build_info", lambda: {"cuda": False})
    with pytest.raises(ValueError, match="device 'cuda': adaseg_fast was built without CUDA"):
        device_of("cuda")
