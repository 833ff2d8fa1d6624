# SPDX-License-Identifier: Apache-2.0
"""The training loop: Adam with an exponentially decaying learning rate, checkpoints, resume."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from math import isfinite
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from adaseg_fast.data.coverage import LabelCensus
from adaseg_fast.engine.models.frames import Item
from adaseg_fast.engine.training.batches import Batches
from adaseg_fast.engine.training.checkpoint import (
    Checkpoint,
    Parts,
    Position,
    finite_parameters,
)
from adaseg_fast.engine.training.identity import digest_of_frames
from adaseg_fast.engine.training.options import TrainingOptions
from adaseg_fast.engine.training.placement import Placement
from adaseg_fast.engine.training.scalars import Scalars
from adaseg_fast.storage import write_json

# Maps a batch share to (sum of losses, weight), see `train`.
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
        loss_of: maps a batch share to (sum of losses, weight); the step minimises total losses /
            max(total weight, 1), where the totals are over the shares of all processes.
        options: schedule, output folder, placement and so on.
        settings: plain values of the model on which a resumed run must agree, beside those of the
            schedule and the batches.

    Returns:
        One record per epoch: loss, learning rate, seconds. They are also in ``history.json``.

    Raises:
        CheckpointError: The run cannot be resumed.
        FloatingPointError: The loss or a weight became NaN or infinite.
        OSError: A file cannot be written, or a process that reads frames died.
        ValueError: The frames make no batch, or a weight is NaN or infinite at the start.

    Example::

        options = TrainingOptions(Path("out"), Schedule(10, 1e-3), batch_size=8)
        train(network, Batches.of(frames, options), loss_of, options, settings={})
    """
    schedule, placement, steps = options.schedule, options.placement, len(batches)
    if steps == 0:
        raise ValueError(
            f"{len(batches.frames)} frames make no batch: at least two frames are needed"
        )
    if not finite_parameters(module):
        raise ValueError("the network has weights that are NaN or infinite before the first step")
    settings = {**settings, **asdict(schedule), **batches.settings, "amp": placement.amp}
    del settings["checkpoint_steps"]  # changes no result
    settings["data"] = digest_of_frames(batches.frames)
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad])
    parts = Parts(module, optimizer, placement.scaler())
    checkpoint = Checkpoint(options.output / "checkpoint.pt", parts, settings)
    position = checkpoint.load(steps) if options.resume else Position()
    options.output.mkdir(parents=True, exist_ok=True)
    done = position.epoch * steps + position.step
    warned = False
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
            if not warned and batches.census.pixels:
                warned = True
                _warn_of_labels(batches, placement)
    return list(position.history)


def _warn_of_labels(batches: Batches, placement: Placement) -> None:
    """Warn of classes that occur in no frame of the first epoch, of all processes together."""
    census = batches.census
    counts = placement.total(torch.from_numpy(census.counts)).cpu().numpy()
    whole = LabelCensus(census.ignore_index)
    whole.counts += counts
    text = whole.warning(batches.frames.info, "training")
    if text is not None and placement.first:
        warnings.warn(text, UserWarning, stacklevel=3)


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
        self._save(following)
        if placement.first:
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
            loss = _step(self.checkpoint.parts, self._loss(batch), learning_rate, placement)
            self._check_loss(loss)
            self.log.add(done, loss=loss, learning_rate=learning_rate)
            position.loss_sum += loss
            position.step += 1
            self.bar.update()
            if every and position.step % every == 0 and position.step < steps:
                self._save(position)

    def _loss(self, batch: list[Item]) -> tuple[Tensor, Tensor]:
        try:
            return self.loss_of(batch)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise ValueError(
                "batch normalisation needs more than one value per channel: give a larger "
                f"--batch-size or working size ({error})"
            ) from error

    def _check_loss(self, loss: float) -> None:
        """Stop at a loss that is not finite; otherwise the weights it was computed with are good.

        The weights of the last checkpoint are those if it was written just before this step.
        """
        if isfinite(loss):
            self.checkpoint.prove()
            return
        left = self.checkpoint.withdraw() if self.options.placement.first else ""
        raise FloatingPointError(f"the loss became {loss}: lower the learning rate; {left}")

    def _save(self, position: Position) -> None:
        """Write a checkpoint in the first process, if the weights are finite."""
        if not finite_parameters(self.checkpoint.parts.module):
            left = self.checkpoint.withdraw() if self.options.placement.first else ""
            raise FloatingPointError(
                f"weights became NaN or infinite: lower the learning rate; {left}"
            )
        if self.options.placement.first:
            self.checkpoint.save(position)


def _step(
    parts: Parts, loss: tuple[Tensor, Tensor], learning_rate: float, placement: Placement
) -> float:
    """Take one step down the gradient of the whole batch's loss, and return that loss."""
    total, weight = loss
    share = total / placement.total(weight).clamp(min=1)  # a batch of weight 0 gives 0, not NaN
    for group in parts.optimizer.param_groups:
        group["lr"] = learning_rate
    parts.optimizer.zero_grad()
    # Gradients are averaged over processes, but the shares must be summed.
    parts.scaler.scale(share * placement.count).backward()  # type: ignore[no-untyped-call]
    parts.scaler.step(parts.optimizer)
    parts.scaler.update()
    return float(placement.total(share))
