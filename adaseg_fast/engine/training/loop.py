# SPDX-License-Identifier: Apache-2.0
"""The training loop: Adam with exponential decay, checkpoints, resume.

A checkpoint holds the weights, the optimiser and the place in the run. It is written to a
temporary name and renamed, so an interruption at any moment leaves the last one whole.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from adaseg_fast.engine.training.batches import Batches, Item
from adaseg_fast.engine.training.placement import Compute
from adaseg_fast.engine.training.scalars import Scalars
from adaseg_fast.storage import write_atomically, write_json


class CheckpointError(Exception):
    """A checkpoint is damaged or belongs to another run; the message names it."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        epochs: passes over the training frames.
        learning_rate: of Adam, at the start.
        final_rate: share of ``learning_rate`` reached at the end, exponentially.
        checkpoint_steps: steps between checkpoints within an epoch; 0 for one at each epoch's end.
    """

    epochs: int
    learning_rate: float
    final_rate: float = 0.05
    checkpoint_steps: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs has to be at least 1, got {self.epochs}")
        if not self.learning_rate > 0 or not 0 < self.final_rate <= 1:
            raise ValueError(
                "the learning rate has to be positive and its final share within (0, 1], got "
                f"{self.learning_rate} and {self.final_rate}"
            )
        if self.checkpoint_steps < 0:
            raise ValueError(f"checkpoint steps must not be negative, got {self.checkpoint_steps}")

    def rate(self, progress: float) -> float:
        """The learning rate once ``progress`` in [0, 1] of all steps are done."""
        return float(self.learning_rate * self.final_rate**progress)


@dataclass
class _Place:
    """Where a run is: the next step to take, and what has been logged."""

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    history: tuple[dict[str, float], ...] = ()


class _Parts(NamedTuple):
    """What a checkpoint keeps the state of."""

    module: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler


def train(
    module: nn.Module,
    batches: Batches,
    loss_of: Callable[[list[Item]], tuple[Tensor, Tensor]],
    schedule: Schedule,
    *,
    output: Path,
    settings: dict[str, Any],
    compute: Compute | None = None,
    resume: bool = False,
    tensorboard: bool = False,
    quiet: bool = False,
) -> list[dict[str, float]]:
    """Train the parameters of ``module`` that require a gradient.

    Args:
        module: on the device of ``compute``; its whole state is kept in ``output/checkpoint.pt``.
        batches: the data.
        loss_of: from (this process's part of) a batch to a sum of losses and to what the sum over
            all processes is to be divided by, if it is above 1.
        schedule: epochs and learning rate.
        output: folder of the checkpoint and of ``history.json``.
        settings: plain values of the model that a resumed run has to agree on, beside those of
            the schedule and the batches.
        compute: precision and processes; the first process writes.
        resume: go on from the checkpoint in ``output``; CheckpointError where there is none.
        tensorboard: also write loss and learning rate of each step to ``output/tensorboard``.
        quiet: no progress bar.
    Returns:
        One record an epoch: loss, learning rate, seconds.
    """
    checkpoint = output / "checkpoint.pt"
    compute = compute or Compute()
    device = compute.device
    settings = {**settings, **asdict(schedule), **batches.settings, "amp": compute.amp}
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad])
    parts = _Parts(module, optimizer, compute.scaler())
    place = _load(checkpoint, parts, settings) if resume else _Place()
    output.mkdir(parents=True, exist_ok=True)
    steps = len(batches)
    if steps == 0:
        raise ValueError(
            f"{len(batches.frames)} frames make no batch: at least two frames are needed"
        )
    logged = output if tensorboard and compute.first else None
    with (
        Scalars(logged, place.epoch * steps + place.step) as scalars,
        tqdm(
            total=schedule.epochs * steps,
            initial=place.epoch * steps + place.step,
            disable=quiet or not compute.first,
            unit="step",
        ) as bar,
    ):
        while place.epoch < schedule.epochs:
            begin = time.perf_counter()
            for batch in batches.epoch(place.epoch, place.step):
                done = place.epoch * steps + place.step
                rate = schedule.rate(done / (schedule.epochs * steps))
                batch = [(image.to(device), truth.to(device)) for image, truth in batch]
                loss = _step(parts, loss_of(batch), rate, compute)
                scalars.add(done, loss=loss, learning_rate=rate)
                place.loss_sum += loss
                place.step += 1
                bar.update()
                every = schedule.checkpoint_steps
                if every and place.step % every == 0 and place.step < steps and compute.first:
                    _save(checkpoint, parts, settings, place)
            record = {
                "epoch": place.epoch + 1,
                "loss": place.loss_sum / steps,
                "learning_rate": schedule.rate((place.epoch + 1) / schedule.epochs),
                "seconds": round(time.perf_counter() - begin, 2),
            }
            bar.set_postfix(epoch=record["epoch"], loss=f"{record['loss']:.4g}")
            place = _Place(place.epoch + 1, history=(*place.history, record))
            if compute.first:
                _save(checkpoint, parts, settings, place)
                write_json(output / "history.json", list(place.history))
    return list(place.history)


def _step(parts: _Parts, loss: tuple[Tensor, Tensor], rate: float, compute: Compute) -> float:
    """One step down the gradient of the whole batch's loss, which is returned."""
    total, norm = loss
    share = total / compute.total(norm).clamp(min=1)  # a batch without any norm gives 0, not NaN
    for group in parts.optimizer.param_groups:
        group["lr"] = rate
    parts.optimizer.zero_grad()
    # Gradients are averaged over processes, but the shares are to be added up.
    parts.scaler.scale(share * compute.count).backward()  # type: ignore[no-untyped-call]
    parts.scaler.step(parts.optimizer)
    parts.scaler.update()
    value = float(compute.total(share))
    if value != value or value in (float("inf"), float("-inf")):
        raise FloatingPointError(
            f"the loss became {value}: lower the learning rate; the last checkpoint is still good"
        )
    return value


def _save(
    path: Path,
    parts: _Parts,
    settings: dict[str, Any],
    place: _Place,
) -> None:
    buffer = io.BytesIO()
    state = {
        "module": parts.module.state_dict(),
        "optimizer": parts.optimizer.state_dict(),
        "scaler": parts.scaler.state_dict(),
        "settings": settings,
        "place": {
            "epoch": place.epoch,
            "step": place.step,
            "loss_sum": place.loss_sum,
            "history": list(place.history),
        },
    }
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())


def _load(path: Path, parts: _Parts, settings: dict[str, Any]) -> _Place:
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no checkpoint to resume from")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        kept, place = state["settings"], state["place"]
    except Exception as error:
        raise CheckpointError(f"{path}: not a whole checkpoint ({error})") from error
    different = [name for name in settings if kept.get(name) != settings[name]]
    if different:
        listed = ", ".join(f"{n} ({kept.get(n)} there, {settings[n]} now)" for n in different)
        raise CheckpointError(f"{path}: belongs to a run with other settings: {listed}")
    try:
        parts.module.load_state_dict(state["module"])
        parts.optimizer.load_state_dict(state["optimizer"])
        if parts.scaler.is_enabled():
            parts.scaler.load_state_dict(state["scaler"])
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path}: its weights do not fit this model: {error}") from error
    return _Place(place["epoch"], place["step"], place["loss_sum"], tuple(place["history"]))
