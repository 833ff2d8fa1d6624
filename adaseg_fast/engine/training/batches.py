# SPDX-License-Identifier: Apache-2.0
"""Training batches that depend on the seed, the epoch and the step alone.

Therefore a resumed run equals an uninterrupted one, with any number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from adaseg_fast.data import SegmentationDataset
from adaseg_fast.data.coverage import LabelCensus
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.models.frames import Item, frame_tensors
from adaseg_fast.engine.training.boundary_cache import BoundaryCache
from adaseg_fast.engine.training.options import TrainingOptions
from adaseg_fast.engine.training.placement import Placement
from adaseg_fast.engine.training.transport import Failure, Packed, failure, pack, received, unpack
from adaseg_fast.storage import StorageError

Reduction = Callable[[Item], Item]


class Batches:
    """Shuffled, augmented batches of a split, each a list of (image, labels).

    A final batch with a single frame is dropped, because batch normalisation needs two values. A
    final batch with fewer frames than processes is dropped.

    ``census`` counts the labels of this process's frames in the first epoch that is taken from its
    start.

    Args:
        frames: the split.
        augmentation: applied to every frame, with a generator of its own.
        batch_size: frames per batch.
        seed: seed of everything random.
        workers: processes that read and augment frames; 0 does it in this process.
        cache: gives boundary points ``(2, h, w)`` in place of labels, and chooses the squares that
            are cut out.
        reduce: applied to every item where it is read, so that the little that training needs is
            all that crosses the border of a process; None keeps whole squares. With several
            workers it must be picklable.
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
        reduce: Reduction | None = None,
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
        self.cache, self.reduce = cache, reduce
        self.census = LabelCensus(frames.info.ignore_index)

    @classmethod
    def of(
        cls,
        frames: SegmentationDataset,
        options: TrainingOptions,
        cache: BoundaryCache | None = None,
        reduce: Reduction | None = None,
    ) -> Batches:
        """The batches that the options of a training ask for."""
        return cls(
            frames,
            options.augmentation,
            batch_size=options.batch_size,
            seed=options.seed,
            workers=options.workers,
            cache=cache,
            reduce=reduce,
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
            "cache": None if self.cache is None else self.cache.settings.content(),
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
        counts = first_step == 0 and not self.census.pixels
        source = _Source(self, epoch, counts)
        if not self.workers:
            for numbers in chosen:
                items, found = source.read(numbers)
                self.census.counts += found
                yield items
            return
        # The frames of a step are read as one, so that they travel as one.
        loader: DataLoader[Any] = DataLoader(
            source,
            sampler=chosen,
            batch_size=None,
            num_workers=self.workers,
            collate_fn=_as_it_is,
        )
        for packed in received(_started(loader)):
            self.census.counts += packed.counts
            yield unpack(packed)


def _as_it_is(packed: Any) -> Any:
    return packed


def _started(loader: DataLoader[Any]) -> Iterator[Any]:
    """The batches of a loader, whose processes start when the first is asked for."""
    yield from loader


class _Source(Dataset[Any]):
    """The batches of one epoch, each frame changed by its own random numbers."""

    def __init__(self, batches: Batches, epoch: int, counts: bool) -> None:
        self.batches, self.epoch, self.counts = batches, epoch, counts

    def __getitem__(self, numbers: list[int]) -> Packed | Failure:
        """Read a batch in a process of its own."""
        try:
            return pack(*self.read(numbers))
        except (StorageError, OSError, ValueError) as error:
            return failure(error)

    def read(self, numbers: list[int]) -> tuple[list[Item], NDArray[np.int64]]:
        """The items with these numbers, and how often each label occurs in their frames."""
        census = LabelCensus(self.batches.census.ignore_index)
        items = [self._item(number, census) for number in numbers]
        return items, census.counts

    def _item(self, index: int, census: LabelCensus) -> Item:
        batches, frame = self.batches, self.batches.frames[index]
        if self.counts:
            census.update(frame.labels)
        rng = np.random.default_rng([batches.seed, self.epoch, index])
        if batches.cache is None:
            item = frame_tensors(batches.augmentation(frame, rng))
        else:
            square = batches.cache.settings.geometry(index, self.epoch)
            image, _ = frame_tensors(batches.augmentation(frame, rng, square))
            item = image, batches.cache.nearest(index, self.epoch)
        return item if batches.reduce is None else batches.reduce(item)
