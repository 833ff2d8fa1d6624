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
            left over is dropped (batch normalisation needs two values).
        seed: of everything random.
        workers: processes that read and augment; 0 does it in this one.
    """

    def __init__(
        self,
        frames: SegmentationDataset,
        augmentation: Augmentation,
        *,
        batch_size: int,
        seed: int,
        workers: int = 0,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch size has to be at least 1, got {batch_size}")
        self.frames, self.augmentation = frames, augmentation
        self.batch_size, self.seed, self.workers = batch_size, seed, workers

    @property
    def settings(self) -> dict[str, Any]:
        """Plain values that the content of the batches depends on."""
        return {
            **asdict(self.augmentation),
            "batch_size": self.batch_size,
            "seed": self.seed,
            "frames": len(self.frames),
        }

    def __len__(self) -> int:
        """Batches an epoch."""
        full, rest = divmod(len(self.frames), self.batch_size)
        return full + (rest > 1 or (rest == 1 and full == 0))

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[list[Item]]:
        """The batches of one epoch, from ``first_step`` on."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.frames))
        chosen = [
            [int(index) for index in order[step * self.batch_size : (step + 1) * self.batch_size]]
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
        rng = np.random.default_rng([self.batches.seed, self.epoch, index])
        return frame_tensors(self.batches.augmentation(self.batches.frames[index], rng))


def aux_views(downsampler: AdaptiveDownsampler, batch: list[Item]) -> Tensor:
    """What the auxiliary network sees of each image, (N, 3, H', W'); images may differ in size."""
    return torch.cat([downsampler.aux_view(image[None]) for image, _ in batch])
