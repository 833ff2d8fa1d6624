# SPDX-License-Identifier: Apache-2.0
"""Frames kept in memory: read once, never spoilt by whoever got them."""

from __future__ import annotations

import numpy as np
import pytest

from adaseg_fast.data import Frame, open_dataset
from adaseg_fast.data.cache import CachedFrames
from adaseg_fast.data.readers.synthetic import SyntheticScenes


class _Counting(SyntheticScenes):
    reads = 0

    def __getitem__(self, index: int) -> Frame:
        self.reads += 1
        return super().__getitem__(index)


def test_frames_are_read_once_and_cannot_be_spoilt() -> None:
    scenes = _Counting(3, size=(64, 64))
    kept = CachedFrames(scenes)
    expected = SyntheticScenes(3, size=(64, 64))[2]
    for index in (2, -1, 2):
        frame = kept[index]
        assert frame.name == expected.name
        np.testing.assert_array_equal(frame.image, expected.image)
        np.testing.assert_array_equal(frame.labels, expected.labels)
        assert frame.instances is None
        frame.image[:] = 0
        frame.labels[:] = 0
    assert scenes.reads == 1
    assert len(kept) == 3 and kept.info == scenes.info


def test_numbers_out_of_range() -> None:
    kept = CachedFrames(SyntheticScenes(3, size=(64, 64)))
    for index in (3, -4):
        with pytest.raises(IndexError):
            kept[index]


def test_registry_options() -> None:
    frames = open_dataset("synthetic:2x64", "val", targets=["Car", "pole"], cache=True)
    assert isinstance(frames, CachedFrames)
    names = [frames.info.classes[number] for number in frames.info.targets]
    assert names == ["car", "pole"]
    with pytest.raises(ValueError, match="has no class 'ship'; it has"):
        open_dataset("synthetic:2x64", "val", targets=["ship"])
