# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: the weights, the optimiser and the position of an interrupted training.

A checkpoint is written to a temporary name and renamed, so an interruption at any moment leaves
the last one whole.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from adaseg_fast.storage import StorageError, write_atomically

# Names of settings in checkpoints of version 0.1.0, and today's.
_RENAMED = {"aux_size": "view_size", "final_rate": "final_share"}


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

    Args:
        path: the file.
        parts: whose states it keeps.
        settings: plain values on which an interrupted and a resumed run must agree.
    """

    def __init__(self, path: Path, parts: Parts, settings: dict[str, Any]) -> None:
        self.path, self.parts, self.settings = path, parts, settings

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
        write_atomically(self.path, buffer.getvalue())

    def load(self) -> Position:
        """Give the parts their states back.

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
            position = Position(**state["place"])
            position.history = tuple(position.history)
            kept = _renamed(state["settings"])
        except Exception as error:
            raise CheckpointError(f"{path}: not a whole checkpoint ({error})") from error
        self._check_settings(kept)
        try:
            parts.module.load_state_dict(state["module"])
            parts.optimizer.load_state_dict(state["optimizer"])
            if parts.scaler.is_enabled():
                parts.scaler.load_state_dict(state["scaler"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"{path}: its weights do not fit this model: {error}") from error
        return position

    def _check_settings(self, kept: dict[str, Any]) -> None:
        different = [
            f"{name} ({kept.get(name)} there, {value} now)"
            for name, value in self.settings.items()
            if kept.get(name) != value
        ]
        if different:
            raise CheckpointError(
                f"{self.path}: belongs to a run with other settings: {', '.join(different)}"
            )


def _renamed(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings under today's names."""
    return {
        _RENAMED.get(name, name): _renamed(value) if isinstance(value, dict) else value
        for name, value in settings.items()
    }
