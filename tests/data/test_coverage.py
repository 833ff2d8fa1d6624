# SPDX-License-Identifier: Apache-2.0
"""Classes that never occur are named, and masks of 0 and 255 recognised."""

from __future__ import annotations

import numpy as np
import pytest

from adaseg_fast.data import DatasetInfo
from adaseg_fast.data.coverage import LabelCensus

PERSON = DatasetInfo("photos", ("background", "person"), ((0, 0, 0), (9, 9, 9)), (1,))


def many(count: int) -> DatasetInfo:
    return DatasetInfo("many", tuple(f"c{k}" for k in range(count)), ((0, 0, 0),) * count, ())


def test_counts_add_up() -> None:
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, 256, (5, 7), np.uint8) for _ in range(3)]
    census, other = LabelCensus(), LabelCensus()
    census.update(maps[0])
    other.update(np.stack(maps[1:]).astype(np.int64))
    census.merge(other)
    values = np.concatenate(maps).ravel()
    assert census.counts.tolist() == [int((values == k).sum()) for k in range(256)]
    assert census.pixels == 105 and census.counts.dtype == np.int64
    assert census.ignored_share == (values == 255).mean()
    assert census.absent(256) == tuple(k for k in range(256) if k not in values)


def test_many_pixels_are_counted_exactly() -> None:
    """Above 2**24, where single precision is no longer exact."""
    labels = np.zeros((4100, 4100), np.uint8)
    labels[-1, -1] = 1
    census = LabelCensus()
    census.update(labels.T[::-1])
    assert census.counts[0] == 4100**2 - 1 and census.counts[1] == 1
    assert census.absent(3) == (2,)


def test_mask_of_0_and_255_is_recognised() -> None:
    census = LabelCensus()
    census.update(np.array([[0, 0, 0, 255]], np.uint8))
    text = census.warning(PERSON, "train")
    assert text is not None
    assert text.startswith(
        "photos, train: 1 of 2 classes never occurs in the labels: person. "
        "25.0 % of the pixels are ignored (label 255). The labels are only 0 and 255"
    )
    assert "write its number (such as 1) in place of 255" in text


@pytest.mark.parametrize(("labels", "ignore"), [([0, 0], 255), ([255], 255), ([0, 3], 3)])
def test_hint_only_where_it_fits(labels: list[int], ignore: int) -> None:
    census = LabelCensus(ignore)
    census.update(labels)
    text = census.warning(PERSON)
    assert text is not None and "person" in text and "only 0 and 255" not in text
    assert f"(label {ignore})" in text


def test_no_warning_where_all_classes_occur_or_nothing_was_counted() -> None:
    census = LabelCensus()
    assert census.warning(PERSON) is None and census.ignored_share == 0
    census.update([0, 1, 255, 255, 255])
    assert census.warning(PERSON) is None and census.ignored_share == 0.6


def test_long_lists_are_cut() -> None:
    census = LabelCensus()
    census.update([0])
    text = census.warning(many(40))
    assert text is not None and "39 of 40 classes never occur " in text
    assert "c20 and 19 more." in text and "c21" not in text


def test_labels_of_other_kinds() -> None:
    census = LabelCensus()
    with pytest.raises(TypeError, match="labels must be whole numbers, got float64"):
        census.update([0.5])
    for wrong in (-1, 256):
        with pytest.raises(ValueError, match=f"labels must lie between 0 and 255, got .*{wrong}"):
            census.update([3, wrong])
    census.update(np.zeros((0, 4), np.int32))
    assert census.pixels == 0
