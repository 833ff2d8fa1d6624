# SPDX-License-Identifier: Apache-2.0
"""The training loop: Adam with an exponentially decaying learning rate, checkpoints, resume."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from math import isfinite
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from adaseg_fast.engine.models.frames import Item
from adaseg_fast.engine.training.batches import Batches
from adaseg_fast.engine.training.checkpoint import Checkpoint, Parts, Position
from adaseg_fast.engine.training.options import TrainingOptions
from adaseg_fast.engine.training.placement import Placement
from adaseg_fast.engine.training.scalars import Scalars
from adaseg_fast.storage import write_json

# From a batch to the sum of its losses, and to the number by which that sum is to be divided.
LossOf = Callable[[list[Item]], tuple[Tensor, Tensor]]


def train(
    module: nn.Module,
    batches: Batches,
    loss_of: LossOf,
    options: TrainingOptions,
    settings: dict[str, Any],
) -> list[dict[str, float]]:
    """Train the parameters of a module that require a gradient.

    Args:
        module: on the device of ``options.placement``; ``checkpoint.pt`` keeps its whole state.
        batches: the data, made with the same options.
        loss_of: from this process's share of a batch to a sum of losses, and to a norm. The sum
            over all processes is divided by the sum of the norms, if that is above 1.
        options: schedule, output folder, placement and so on.
        settings: plain values of the model on which a resumed run must agree, beside those of the
            schedule and the batches.

    Returns:
        One record per epoch: loss, learning rate, seconds. They are also in ``history.json``.

    Raises:
        CheckpointError: The run cannot be resumed.
        FloatingPointError: The loss became NaN or infinite.
        ValueError: The frames make no batch.

    Example::

        options = TrainingOptions(Path("out"), Schedule(10, 1e-3), batch_size=8)
        train(network, Batches.of(frames, options), loss_of, options, settings={})
    """
    schedule, placement, steps = options.schedule, options.placement, len(batches)
    if steps == 0:
        raise ValueError(
            f"{len(batches.frames)} frames make no batch: at least two frames are needed"
        )
    settings = {**settings, **asdict(schedule), **batches.settings, "amp": placement.amp}
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad])
    parts = Parts(module, optimizer, placement.scaler())
    checkpoint = Checkpoint(options.output / "checkpoint.pt", parts, settings)
    position = checkpoint.load() if options.resume else Position()
    options.output.mkdir(parents=True, exist_ok=True)
    done = position.epoch * steps + position.step
    with (
        Scalars(options.output if options.tensorboard and placement.first else None, done) as log,
        tqdm(
            total=schedule.epochs * steps,
            initial=done,
            disable=options.quiet or not placement.first,
            unit="step",
        ) as bar,
    ):
        run = _Run(batches, loss_of, options, checkpoint, log, bar)
        while position.epoch < schedule.epochs:
            position = run.epoch(position)
    return list(position.history)


class _Run(NamedTuple):
    """What every epoch of a training uses."""

    batches: Batches
    loss_of: LossOf
    options: TrainingOptions
    checkpoint: Checkpoint
    log: Scalars
    bar: Any

    def epoch(self, position: Position) -> Position:
        """Take the steps of the epoch that are left; returns the start of the next epoch."""
        schedule, placement = self.options.schedule, self.options.placement
        begin = time.perf_counter()
        self._steps(position)
        record = {
            "epoch": position.epoch + 1,
            "loss": position.loss_sum / len(self.batches),
            "learning_rate": schedule.learning_rate_at((position.epoch + 1) / schedule.epochs),
            "seconds": round(time.perf_counter() - begin, 2),
        }
        self.bar.set_postfix(epoch=record["epoch"], loss=f"{record['loss']:.4g}")
        following = Position(position.epoch + 1, history=(*position.history, record))
        if placement.first:
            self.checkpoint.save(following)
            write_json(self.options.output / "history.json", list(following.history))
        return following

    def _steps(self, position: Position) -> None:
        schedule, placement = self.options.schedule, self.options.placement
        steps, every = len(self.batches), schedule.checkpoint_steps
        for batch in self.batches.epoch(position.epoch, position.step):
            done = position.epoch * steps + position.step
            learning_rate = schedule.learning_rate_at(done / (schedule.epochs * steps))
            device = placement.device
            batch = [(image.to(device), truth.to(device)) for image, truth in batch]
            loss = _step(self.checkpoint.parts, self.loss_of(batch), learning_rate, placement)
            self.log.add(done, loss=loss, learning_rate=learning_rate)
            position.loss_sum += loss
            position.step += 1
            self.bar.update()
            if every and position.step % every == 0 and position.step < steps and placement.first:
                self.checkpoint.save(position)


def _step(
    parts: Parts, loss: tuple[Tensor, Tensor], learning_rate: float, placement: Placement
) -> float:
    """Take one step down the gradient of the whole batch's loss, and return that loss."""
    total, norm = loss
    share = total / placement.total(norm).clamp(min=1)  # a batch with norm 0 gives 0, not NaN
    for group in parts.optimizer.param_groups:
        group["lr"] = learning_rate
    parts.optimizer.zero_grad()
    # Gradients are averaged over processes, but the shares must be summed.
    parts.scaler.scale(share * placement.count).backward()  # type: ignore[no-untyped-call]
    parts.scaler.step(parts.optimizer)
    parts.scaler.update()
    value = float(placement.total(share))
    if not isfinite(value):
        raise FloatingPointError(
            f"the loss became {value}: lower the learning rate; the last checkpoint is still good"
        )
    return value
