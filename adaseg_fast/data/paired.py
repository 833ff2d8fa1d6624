# SPDX-License-Identifier: Apache-2.0
"""Frames that are pairs of files, which is what nearly every data set on disk is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data.base import DatasetInfo, Frame
from adaseg_fast.data.files import check_same_size
from adaseg_fast.data.images import read_labelled_image

Truth = tuple[NDArray[np.uint8], NDArray[np.int32] | None]


@dataclass(frozen=True)
class Pair:
    """The files of one frame.

    Attributes:
        image: the picture.
        labels: the file that its labels are read from.
        name: name of the frame, unique within the split.
    """

    image: Path
    labels: Path
    name: str


class PairedFrames(ABC):
    """A split whose frames are pairs of files. A reader says how the labels are read.

    Args:
        info: classes of the data set.
        pairs: files of the frames, in order.
        instances: also read which object each pixel belongs to, if the data set says so.
    """

    def __init__(
        self, info: DatasetInfo, pairs: Sequence[Pair], *, instances: bool = False
    ) -> None:
        self.info = info
        self._pairs = pairs
        self._instances = instances

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Frame:
        """Read frame ``index``; its arrays belong to the caller.

        Raises:
            DataError: a file cannot be read, the sizes differ, or a label is unknown.
            IndexError: the split has fewer frames.
        """
        pair = self._pairs[index]
        image = read_labelled_image(pair.image)
        height, width, _ = image.shape
        labels, instances = self._read_truth(pair, (height, width))
        check_same_size(image, labels, pair.image, pair.labels)
        return Frame(image, labels, pair.name, instances)

    def frame_ids(self) -> list[str]:
        """Return a text per frame: its name, and where its image lies.

        Links among the folders are resolved, so the text does not depend on how they are named.
        """
        folders = {pair.image.parent: pair.image.parent.resolve() for pair in self._pairs}
        return [
            f"{pair.name} ({folders[pair.image.parent] / pair.image.name})" for pair in self._pairs
        ]

    @abstractmethod
    def _read_truth(self, pair: Pair, size: tuple[int, int]) -> Truth:
        """Read labels, and instances if `_instances` asks for them.

        Args:
            pair: the files of the frame.
            size: (H, W) of its image.

        Returns:
            (H, W) uint8 class numbers, and (H, W) int32 object numbers or None.
        """
