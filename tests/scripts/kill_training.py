# SPDX-License-Identifier: Apache-2.0
"""Train a sampler, killed at random moments until it is done: kill_training.py FOLDER EPOCHS.

Prints the number of kills, the most steps lost by one of them, and the steps done at the end. The
final weights must be those of a training without a kill, bit for bit.
"""

from __future__ import annotations

import os
import random
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from killing import killed

from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine.models.files import load_sampler
from adaseg_fast.engine.training import loop
from adaseg_fast.engine.training.options import Schedule
from adaseg_fast.engine.training.sampler import train_sampler
from support.engine_cases import SAMPLER, training

FRAMES, BATCH = 6, 2
STEPS = FRAMES // BATCH  # of an epoch

honest_step = loop._step


def train(folder: Path, epochs: int, resume: bool = False) -> None:
    schedule = Schedule(epochs, 1e-3, checkpoint_steps=1)
    options = training(folder, schedule, batch_size=BATCH, resume=resume)
    train_sampler(SyntheticScenes(FRAMES, size=(64, 64)), SAMPLER, options)


def steps_in_checkpoint(folder: Path) -> int:
    """The number of steps done, 0 without a checkpoint."""
    if not (folder / "checkpoint.pt").exists():
        return 0
    place = torch.load(folder / "checkpoint.pt", weights_only=True)["place"]
    return int(place["epoch"] * STEPS + place["step"])


def train_undisturbed(folder: Path, epochs: int) -> float:
    """Train without a kill; the seconds of the fastest step."""
    moments: list[float] = []

    def timed(*arguments: Any) -> Any:
        moments.append(time.perf_counter())
        return honest_step(*arguments)

    loop._step = timed
    train(folder, epochs)
    return min(after - before for before, after in pairwise(moments))


def train_with_kills(folder: Path, epochs: int, one_step: float) -> tuple[int, int]:
    """Train until it ends by itself; the number of kills, and the most steps one of them lost."""

    def work(pipe: int) -> None:
        def counted(*arguments: Any) -> Any:
            value = honest_step(*arguments)
            os.write(pipe, b".")
            return value

        loop._step = counted
        train(folder, epochs, resume=(folder / "checkpoint.pt").exists())

    kills, lost, ended = 0, 0, False
    while not ended:
        before = steps_in_checkpoint(folder)
        told, was_killed = killed(work, random.randrange(4), random.random() * one_step)
        after = steps_in_checkpoint(folder)
        assert after >= before
        ended = not was_killed
        kills += was_killed
        lost = max(lost, before + told - after)
    return kills, lost


def main() -> None:
    output, epochs = Path(sys.argv[1]), int(sys.argv[2])
    whole = output.with_name("whole")
    random.seed(0)
    torch.set_num_threads(1)
    one_step = train_undisturbed(whole, epochs)
    kills, lost = train_with_kills(output, epochs, one_step)
    files = (folder / "sampler.safetensors" for folder in (output, whole))
    one, other = (load_sampler(file)[0].state_dict() for file in files)
    assert all(torch.equal(one[name], other[name]) for name in one)
    print(kills, lost, steps_in_checkpoint(output))


if __name__ == "__main__":
    main()
