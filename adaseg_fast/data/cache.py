# SPDX-License-Identifier: Apache-2.0
"""Frames kept in memory once they have been read or drawn."""

from __future__ import annotations

from adaseg_fast.data.base import DatasetInfo, Frame, SegmentationDataset


class CachedFrames:
    """A split whose images and labels stay in memory, 4 bytes a pixel; instances are dropped.

    A worker process keeps its own. Frames are copies, the caller's own to change.
    """

    def __init__(self, frames: SegmentationDataset) -> None:
        self._frames = frames
        self._kept: dict[int, Frame] = {}
        self.info: DatasetInfo = frames.info

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Frame:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no frame {index}, only {len(self)}")
        index %= len(self)
        if index not in self._kept:
            self._kept[index] = self._frames[index]._replace(instances=None)
        frame = self._kept[index]
        return frame._replace(image=frame.image.copy(), labels=frame.labels.copy())
