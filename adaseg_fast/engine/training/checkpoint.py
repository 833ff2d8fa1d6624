# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: the weights, the optimiser and the position of an interrupted training.

A checkpoint is written to a temporary name and renamed, so an interruption at any moment leaves
the last one whole.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from adaseg_fast.storage import StorageError, write_atomically

# Names of settings in checkpoints of version 0.1.0, and today's.
_RENAMED = {"aux_size": "view_size", "final_rate": "final_share"}
# Settings that checkpoints of version 0.1.0 do not have, and what they stand for.
_DIGESTS = {"data": "the training frames", "sampler_weights": "the weights of the sampler"}
_LONGEST_REASON = 300  # characters


class CheckpointError(StorageError):
    """A checkpoint is damaged or belongs to another run; the message names it."""


@dataclass
class Position:
    """How far a run has come.

    Attributes:
        epoch: number of whole epochs.
        step: number of steps of the next epoch that are done.
        loss_sum: sum of the losses of those steps.
        history: one record per whole epoch.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    history: tuple[dict[str, float], ...] = ()


class Parts(NamedTuple):
    """The objects whose states a checkpoint keeps."""

    module: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler


class Checkpoint:
    """The checkpoint file of a run.

    Weights can be finite and useless all the same: then the next loss is not finite. Therefore the
    earlier checkpoint is kept in memory until `prove` says that the next loss was finite, and
    `withdraw` puts it back otherwise.

    Args:
        path: the file.
        parts: whose states it keeps.
        settings: plain values on which an interrupted and a resumed run must agree. Only
            ``epochs`` may be larger than before.
    """

    def __init__(self, path: Path, parts: Parts, settings: dict[str, Any]) -> None:
        self.path, self.parts, self.settings = path, parts, settings
        self._state = "none"  # of the file: "none", "resumed", "saved" or "proven" by a finite loss
        self._earlier: bytes | None = None

    def save(self, position: Position) -> None:
        """Write the states of the parts.

        Args:
            position: how far the run has come.

        Raises:
            OSError: The file cannot be written; the earlier checkpoint stays as it was.
        """
        state = {
            "module": self.parts.module.state_dict(),
            "optimizer": self.parts.optimizer.state_dict(),
            "scaler": self.parts.scaler.state_dict(),
            "settings": self.settings,
            "place": {
                "epoch": position.epoch,
                "step": position.step,
                "loss_sum": position.loss_sum,
                "history": list(position.history),
            },
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        earlier = self.path.read_bytes() if self._state == "proven" else None
        write_atomically(self.path, buffer.getvalue())
        self._state, self._earlier = "saved", earlier

    def prove(self) -> None:
        """Note that the loss after the last checkpoint was finite, so its weights are good."""
        if self._state != "none":
            self._state, self._earlier = "proven", None

    def withdraw(self) -> str:
        """Undo the last checkpoint if the first loss after it was not finite.

        Returns:
            What is left of the run, in words.

        Raises:
            OSError: The file cannot be written.
        """
        if self._state == "none":
            return "there is no checkpoint of this run"
        if self._state == "resumed":
            return "the weights of the checkpoint are no good"
        if self._state == "proven":
            return "the last checkpoint is still good"
        if self._earlier is None:
            self.path.unlink(missing_ok=True)
            self._state = "none"
            return "the weights of the only checkpoint were no good, so it is removed"
        write_atomically(self.path, self._earlier)
        self._state, self._earlier = "proven", None
        return "the weights of the last checkpoint were no good, so the one before replaces it"

    def load(self, steps: int | None = None) -> Position:
        """Give the parts their states back.

        Args:
            steps: number of steps per epoch; None does not check the position against it.

        Returns:
            How far the run has come.

        Raises:
            CheckpointError: The file is missing or damaged, or belongs to another run.
        """
        path, parts = self.path, self.parts
        if not path.is_file():
            raise CheckpointError(f"{path}: there is no checkpoint to resume from")
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            position = _position(state["place"])
            kept = _renamed(state["settings"])
            if isinstance(kept.get("cache"), dict):
                kept["cache"].pop("source", None)  # the frames themselves are compared
        except Exception as error:
            raise CheckpointError(f"{path}: not a whole checkpoint ({_reason(error)})") from error
        self._check_settings(kept)
        if steps is not None and position.step >= steps:
            raise CheckpointError(
                f"{path}: not a whole checkpoint (step {position.step} of {steps} in an epoch)"
            )
        try:
            parts.module.load_state_dict(state["module"])
            parts.optimizer.load_state_dict(state["optimizer"])
            _check_state(parts)
            if parts.scaler.is_enabled():
                parts.scaler.load_state_dict(state["scaler"])
        except Exception as error:  # the file may hold anything
            reason = _reason(error)
            raise CheckpointError(f"{path}: its weights do not fit this model: {reason}") from error
        self._state = "resumed"
        return position

    def _check_settings(self, kept: dict[str, Any]) -> None:
        different = []
        for name, value in self.settings.items():
            there = kept.get(name)
            if there == value or (name in _DIGESTS and name not in kept):
                continue
            if name == "epochs" and type(there) is int and there < value:
                continue
            if name in _DIGESTS:
                different.append(f"{_DIGESTS[name]} are others")
            else:
                different.append(f"{name} ({there} there, {value} now)")
        if different:
            raise CheckpointError(
                f"{self.path}: belongs to a run with other settings: {', '.join(different)}"
            )


def finite_parameters(module: nn.Module) -> bool:
    """Whether no parameter of a module is NaN or infinite.

    Example:
        >>> finite_parameters(nn.Linear(2, 2))
        True
    """
    return all(bool(parameter.isfinite().all()) for parameter in module.parameters())


def _position(place: Any) -> Position:
    """The position that a checkpoint holds; ValueError if there can be no such position."""
    position = Position(**place)
    position.history = tuple(position.history)
    numbers = (position.epoch, position.step)
    if any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError(f"epoch and step must be whole numbers, got {numbers}")
    if not isfinite(position.loss_sum):
        raise ValueError(f"the sum of losses must be finite, got {position.loss_sum}")
    if len(position.history) != position.epoch:
        raise ValueError(f"{len(position.history)} records of {position.epoch} epochs")
    if not all(isfinite(record["loss"]) for record in position.history):
        raise ValueError("a loss of an earlier epoch is not finite")
    return position


def _check_state(parts: Parts) -> None:
    """Refuse weights that are not finite, and a state of the optimiser of other shapes."""
    if not finite_parameters(parts.module):
        raise ValueError("there are weights that are NaN or infinite")
    for parameter, state in parts.optimizer.state.items():
        for name, value in state.items():
            if value.shape not in (parameter.shape, torch.Size([])):
                raise ValueError(
                    f"{name} of the optimiser has shape {tuple(value.shape)}, "
                    f"but its parameter has {tuple(parameter.shape)}"
                )


def _reason(error: Exception) -> str:
    """What an exception says, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + " ..."


def _renamed(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings under today's names."""
    return {
        _RENAMED.get(name, name): _renamed(value) if isinstance(value, dict) else value
        for name, value in settings.items()
    }
