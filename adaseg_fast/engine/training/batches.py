# SPDX-License-Identifier: Apache-2.0
"""Training batches whose content depends on the seed, epoch and step alone.

That makes a resumed run the same as an uninterrupted one, with any number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from adaseg_fast.data import Frame, SegmentationDataset
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.training.boundary_cache import BoundaryCache
from adaseg_fast.engine.training.placement import Compute
from adaseg_fast.nn import AdaptiveDownsampler

Item = tuple[Tensor, Tensor]


def frame_tensors(frame: Frame) -> Item:
    """Image (3, H, W), a view of the frame's interleaved pixels, and labels (H, W); uint8."""
    return torch.from_numpy(frame.image).permute(2, 0, 1), torch.from_numpy(frame.labels)


class Batches:
    """Shuffled, augmented batches of a split, each a list of (image, labels).

    Args:
        frames: the split.
        augmentation: applied to every frame, with its own generator.
        batch_size: frames a batch; the last batch of an epoch may be smaller, but a single frame
            left over is dropped (batch normalisation needs two values), and so are fewer frames
            than there are processes.
        seed: of everything random.
        workers: processes that read and augment; 0 does it in this one.
        cache: boundary points to hand over instead of labels, (2, h, w); its squares are cut out.
        compute: with several processes each gets its share of every batch.

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
        compute: Compute | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch size has to be at least 1, got {batch_size}")
        self.compute = compute or Compute()
        if batch_size < self.compute.count:
            raise ValueError(
                f"a batch of {batch_size} is too small for {self.compute.count} processes"
            )
        self.frames, self.augmentation = frames, augmentation
        self.batch_size, self.seed, self.workers = batch_size, seed, workers
        self.cache = cache

    @property
    def settings(self) -> dict[str, Any]:
        """Plain values that the content of the batches depends on."""
        return {
            **asdict(self.augmentation),
            "batch_size": self.batch_size,
            "seed": self.seed,
            "frames": len(self.frames),
            "steps": len(self),
            "cache": None if self.cache is None else self.cache.settings.plain(),
        }

    def __len__(self) -> int:
        """Batches an epoch."""
        full, rest = divmod(len(self.frames), self.batch_size)
        least = max(self.compute.count, 2 if full else 1)
        return full + (rest >= least)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[list[Item]]:
        """The batches of one epoch, from ``first_step`` on."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.frames))
        share = slice(self.compute.rank, None, self.compute.count)
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


def views_of(downsampler: AdaptiveDownsampler, batch: list[Item]) -> Tensor:
    """What the auxiliary network sees of each image, (N, 3, H', W'); images may differ in size."""
    return torch.cat([downsampler.view(image[None]) for image, _ in batch])
