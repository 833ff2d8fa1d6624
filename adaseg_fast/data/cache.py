# SPDX-License-Identifier: Apache-2.0
"""Frames kept in memory once they have been read or drawn."""

from __future__ import annotations

from collections.abc import Sequence

from adaseg_fast.data.base import DatasetInfo, Frame, SegmentationDataset, frame_ids


class CachedFrames:
    """A split whose images and labels stay in memory, which takes 4 bytes per pixel.

    Instances are dropped unless ``instances`` is set (4 bytes more per pixel). Each worker process
    keeps frames of its own. Every frame handed out is a copy, which the caller may change.

    Args:
        frames: the split.
        instances: keep instances too.

    Example:
        >>> from adaseg_fast.data import open_dataset
        >>> kept = CachedFrames(open_dataset("synthetic:2x64", "val"))
        >>> kept[1].name, kept[1].instances
        ('synthetic_val_000001', None)
    """

    def __init__(self, frames: SegmentationDataset, *, instances: bool = False) -> None:
        self._frames, self._instances = frames, instances
        self._kept: dict[int, Frame] = {}
        self.info: DatasetInfo = frames.info

    def __len__(self) -> int:
        return len(self._frames)

    def frame_ids(self) -> Sequence[str]:
        """Return a text per frame that tells it from all others, see `Identified`."""
        return frame_ids(self._frames)

    def __getitem__(self, index: int) -> Frame:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no frame {index}, only {len(self)} frames")
        index %= len(self)
        if index not in self._kept:
            frame = self._frames[index]
            self._kept[index] = frame if self._instances else frame._replace(instances=None)
        frame = self._kept[index]
        return frame._replace(
            image=frame.image.copy(),
            labels=frame.labels.copy(),
            instances=None if frame.instances is None else frame.instances.copy(),
        )
