# SPDX-License-Identifier: Apache-2.0
"""What a training may be told beside its frames and its model."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.training.placement import Placement


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        epochs: passes over the training frames.
        learning_rate: of Adam, at the start.
        final_share: share of ``learning_rate`` that is left at the end; the decay is exponential.
        checkpoint_steps: steps between checkpoints within an epoch; 0 for one at each epoch's end.

    Raises:
        ValueError: A value is out of its range.

    Example:
        >>> Schedule(epochs=10, learning_rate=1e-3, final_share=0.25).learning_rate_at(0.5)
        0.0005
    """

    epochs: int
    learning_rate: float
    final_share: float = 0.05
    checkpoint_steps: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, got {self.epochs}")
        if not 0 < self.learning_rate < inf:
            raise ValueError(
                f"the learning rate must be positive and finite, got {self.learning_rate}"
            )
        if not 0 < self.final_share <= 1:
            raise ValueError(
                "the final share of the learning rate must lie above 0 and not above 1, "
                f"got {self.final_share}"
            )
        if self.checkpoint_steps < 0:
            raise ValueError(f"checkpoint steps must not be negative, got {self.checkpoint_steps}")

    def learning_rate_at(self, progress: float) -> float:
        """The learning rate after a share ``progress`` in [0, 1] of all steps."""
        return float(self.learning_rate * self.final_share**progress)


def continues(output: Path, file: str, *, resume: bool, overwrite: bool) -> bool:
    """Decide what a training does with what lies in its output folder.

    Args:
        output: the folder.
        file: name of the trained network in it.
        resume: continue an interrupted run.
        overwrite: begin anew, whatever lies there.

    Returns:
        Whether the run continues from a checkpoint.

    Raises:
        FileExistsError: A trained network or an interrupted run would be lost.

    Example:
        >>> continues(Path("no/such/folder"), "model.safetensors", resume=True, overwrite=False)
        False
    """
    checkpoint = output / "checkpoint.pt"
    if resume and checkpoint.is_file():
        return True
    trained = (output / file).exists()
    if (trained or checkpoint.exists()) and not overwrite:
        there = "a trained network" if trained else "an interrupted run"
        way = "there is no checkpoint to resume from" if resume else "--resume continues that run"
        raise FileExistsError(f"{output}: holds {there}; {way}, --overwrite begins anew")
    return False


@dataclass(frozen=True)
class TrainingOptions:
    """The options that both trainings take.

    Attributes:
        output: folder of the trained network, ``checkpoint.pt`` and ``history.json``.
        schedule: epochs and learning rate.
        augmentation: the random changes of each frame.
        batch_size: frames per step, of all processes together.
        seed: seed of everything random.
        workers: processes that read and augment frames; 0 reads them in the training process.
        placement: device, precision and processes.
        resume: continue the interrupted run in ``output``, with an identical result.
        tensorboard: also write loss and learning rate of each step to ``output/tensorboard``.
        quiet: show no progress bar.

    Example:
        >>> TrainingOptions(Path("runs/first"), Schedule(60, 1e-3), batch_size=16).workers
        0
    """

    output: Path
    schedule: Schedule
    augmentation: Augmentation = field(default_factory=Augmentation)
    batch_size: int = 32
    seed: int = 0
    workers: int = 0
    placement: Placement = field(default_factory=Placement)
    resume: bool = False
    tensorboard: bool = False
    quiet: bool = False
