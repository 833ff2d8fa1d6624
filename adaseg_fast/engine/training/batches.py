# SPDX-License-Identifier: Apache-2.0
"""Training batches that depend on the seed, the epoch and the step alone.

Therefore a resumed run equals an uninterrupted one, with any number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset

from adaseg_fast.data import SegmentationDataset
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.models.frames import Item, frame_tensors
from adaseg_fast.engine.training.boundary_cache import BoundaryCache
from adaseg_fast.engine.training.options import TrainingOptions
from adaseg_fast.engine.training.placement import Placement


class Batches:
    """Shuffled, augmented batches of a split, each a list of (image, labels).

    A final batch with a single frame is dropped, because batch normalisation needs two values. A
    final batch with fewer frames than processes is dropped.

    Args:
        frames: the split.
        augmentation: applied to every frame, with a generator of its own.
        batch_size: frames per batch.
        seed: seed of everything random.
        workers: processes that read and augment frames; 0 does it in this process.
        cache: gives boundary points ``(2, h, w)`` in place of labels, and chooses the squares that
            are cut out.
        placement: with several processes each gets its share of every batch.

    Raises:
        ValueError: ``batch_size`` is below 1, or below the number of processes.
    """

    def __init__(
        self,
        frames: SegmentationDataset,
        augmentation: Augmentation,
        *,
        batch_size: int,
        seed: int,
        workers: int = 0,
        cache: BoundaryCache | None = None,
        placement: Placement | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch size must be at least 1, got {batch_size}")
        self.placement = placement or Placement()
        if batch_size < self.placement.count:
            raise ValueError(
                f"a batch of {batch_size} is too small for {self.placement.count} processes"
            )
        self.frames, self.augmentation = frames, augmentation
        self.batch_size, self.seed, self.workers = batch_size, seed, workers
        self.cache = cache

    @classmethod
    def of(
        cls,
        frames: SegmentationDataset,
        options: TrainingOptions,
        cache: BoundaryCache | None = None,
    ) -> Batches:
        """The batches that the options of a training ask for."""
        return cls(
            frames,
            options.augmentation,
            batch_size=options.batch_size,
            seed=options.seed,
            workers=options.workers,
            cache=cache,
            placement=options.placement,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Plain values on which the content of the batches depends."""
        return {
            **asdict(self.augmentation),
            "batch_size": self.batch_size,
            "seed": self.seed,
            "frames": len(self.frames),
            "steps": len(self),
            "cache": None if self.cache is None else self.cache.settings.plain(),
        }

    def __len__(self) -> int:
        """Number of batches per epoch."""
        full, rest = divmod(len(self.frames), self.batch_size)
        least = max(self.placement.count, 2 if full else 1)
        return full + (rest >= least)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[list[Item]]:
        """The batches of one epoch, from ``first_step`` on."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.frames))
        share = slice(self.placement.rank, None, self.placement.count)
        chosen = [
            order[step * self.batch_size : (step + 1) * self.batch_size][share].tolist()
            for step in range(first_step, len(self))
        ]
        loader: DataLoader[Item] = DataLoader(
            _Augmented(self, epoch),
            batch_sampler=chosen,
            num_workers=self.workers,
            collate_fn=list,
        )
        yield from loader


class _Augmented(Dataset[Item]):
    """The frames of one epoch, each changed by its own random numbers."""

    def __init__(self, batches: Batches, epoch: int) -> None:
        self.batches, self.epoch = batches, epoch

    def __getitem__(self, index: int) -> Item:
        batches, frame = self.batches, self.batches.frames[index]
        rng = np.random.default_rng([batches.seed, self.epoch, index])
        if batches.cache is None:
            return frame_tensors(batches.augmentation(frame, rng))
        square = batches.cache.settings.geometry(index, self.epoch)
        image, _ = frame_tensors(batches.augmentation(frame, rng, square))
        return image, batches.cache.nearest(index, self.epoch)
