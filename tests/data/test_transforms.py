# SPDX-License-Identifier: Apache-2.0
"""Transforms against slices and per-pixel formulas, on frames whose pixels know where they lie."""

from __future__ import annotations

import re

import numpy as np
import pytest

from adaseg_fast.data.base import Frame
from adaseg_fast.data.transforms import (
    Augmentation,
    adjust_colors,
    flip,
    salt_and_pepper,
    square_crop,
)


def located(height: int, width: int, instances: bool = True) -> Frame:
    """Red holds the row, green the column; labels and instances follow from them."""
    row, column = np.mgrid[:height, :width]
    image = np.stack([row, column, (row + column) % 7], axis=2).astype(np.uint8)
    numbers = (1000 * row + column).astype(np.int32)
    labels = ((3 * row + column) % 11).astype(np.uint8)
    return Frame(image, labels, "located", numbers if instances else None)


def assert_consistent(frame: Frame) -> None:
    """Labels and instances lie where the image says they came from."""
    row, column = frame.image[:, :, 0].astype(int), frame.image[:, :, 1].astype(int)
    np.testing.assert_array_equal(frame.labels, (3 * row + column) % 11)
    np.testing.assert_array_equal(frame.instances, 1000 * row + column)
    for array, dtype in zip((frame.image, frame.labels, frame.instances), "BBi", strict=True):
        assert array is not None and array.dtype.char == dtype and array.flags.c_contiguous


def frozen(frame: Frame) -> Frame:
    """The frame, in arrays that raise when written to."""
    for array in (frame.image, frame.labels, frame.instances):
        if array is not None:
            array.setflags(write=False)
    return frame


@pytest.mark.parametrize(
    ("shape", "corner"), [((6, 10), (0, 2)), ((6, 11), (0, 2)), ((9, 4), (2, 0)), ((5, 5), (0, 0))]
)
def test_central_crop(shape: tuple[int, int], corner: tuple[int, int]) -> None:
    frame = frozen(located(*shape))
    side, (row, column) = min(shape), corner
    result = square_crop(frame)
    expected = frame.image[row : row + side, column : column + side]
    np.testing.assert_array_equal(result.image, expected)
    assert result.name == "located"
    assert_consistent(result)


def test_random_crop_is_largest_and_reaches_every_place() -> None:
    rng = np.random.default_rng(0)
    frame = frozen(located(6, 10))
    results = [square_crop(frame, rng) for _ in range(100)]
    for result in results:
        assert result.labels.shape == (6, 6)
        assert_consistent(result)
    assert {int(result.image[0, 0, 1]) for result in results} == {0, 1, 2, 3, 4}


def test_random_scale_keeps_its_bounds_and_reaches_every_corner() -> None:
    rng = np.random.default_rng(0)
    frame = frozen(located(20, 30))
    results = [square_crop(frame, rng, scale=(0.5, 0.9)) for _ in range(300)]
    for result in results:
        assert result.labels.shape[0] == result.labels.shape[1]
        assert_consistent(result)
    assert {result.labels.shape[0] for result in results} == set(range(10, 19))
    corners = [(*result.image[0, 0, :2], *result.image[-1, -1, :2]) for result in results]
    top, left, bottom, right = np.array(corners).T
    assert (top.min(), left.min(), bottom.max(), right.max()) == (0, 0, 19, 29)


def test_crop_has_at_least_one_pixel() -> None:
    result = square_crop(located(3, 3), np.random.default_rng(0), scale=(0.01, 0.01))
    assert result.labels.shape == (1, 1)


@pytest.mark.parametrize("scale", [(0.0, 1.0), (0.9, 0.8), (0.5, 1.1), (float("nan"), 1.0)])
def test_scale_out_of_bounds(scale: tuple[float, float]) -> None:
    message = re.escape(f"0 < low <= high <= 1, got {scale}")
    with pytest.raises(ValueError, match=message):
        square_crop(located(3, 3), np.random.default_rng(0), scale=scale)
    with pytest.raises(ValueError, match=message):
        Augmentation(scale=scale)


def test_scale_needs_a_generator() -> None:
    with pytest.raises(ValueError, match="rng must be a generator"):
        square_crop(located(3, 3), scale=(0.5, 1.0))


@pytest.mark.parametrize("shape", [(4, 7), (1, 1), (3, 2)])
def test_flip(shape: tuple[int, int]) -> None:
    frame = frozen(located(*shape))
    result = flip(frame)
    np.testing.assert_array_equal(result.image, frame.image[:, ::-1])
    assert_consistent(result)


def test_frame_without_instances_stays_without() -> None:
    frame = located(4, 6, instances=False)
    assert square_crop(flip(frame)).instances is None


@pytest.mark.parametrize(
    ("contrast", "brightness", "gains"),
    [(1.0, 0.0, None), (1.3, 0.0, None), (0.5, -0.2, None), (1.2, 0.1, (0.8, 1.0, 1.2))],
)
def test_colors_against_the_formula(contrast, brightness, gains) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = np.stack([values, values.T, values[::-1]], axis=2)
    frame = frozen(Frame(image, np.zeros((16, 16), np.uint8), "levels"))
    result = adjust_colors(frame, contrast=contrast, brightness=brightness, gains=gains).image
    assert result.dtype == np.uint8 and result.flags.c_contiguous
    for row, column, channel in np.ndindex(image.shape):
        value = contrast * (int(image[row, column, channel]) - 127.5) + 127.5 + 255 * brightness
        value *= 1.0 if gains is None else gains[channel]
        assert result[row, column, channel] == min(max(round(value), 0), 255)


def test_salt_and_pepper() -> None:
    image = np.full((50, 60, 3), 100, np.uint8)
    frame = frozen(Frame(image, np.ones((50, 60), np.uint8), "grey"))
    result = salt_and_pepper(frame, np.random.default_rng(0), 0.1)
    assert result.labels is frame.labels
    assert (result.image == result.image[:, :, :1]).all()  # whole pixels
    black, white, same = (np.count_nonzero(result.image[:, :, 0] == v) for v in (0, 255, 100))
    assert black + white + same == 3000
    # 150 draws of each; few pixels are drawn twice.
    assert 130 <= black <= 150 and 130 <= white <= 150
    unchanged = salt_and_pepper(frame, np.random.default_rng(0), 0.0).image
    np.testing.assert_array_equal(unchanged, image)


def test_augmentation_moves_labels_along() -> None:
    augment = Augmentation(scale=(0.4, 1.0), contrast=0, brightness=0, noise=0)
    frame, rng = frozen(located(20, 30)), np.random.default_rng(1)
    results = [augment(frame, rng) for _ in range(60)]
    for result in results:
        assert_consistent(result)
    flipped = [bool(result.image[0, 0, 1] > result.image[0, -1, 1]) for result in results]
    assert 15 < sum(flipped) < 45


def test_augmentation_follows_its_seed() -> None:
    augment = Augmentation(scale=(0.4, 1.0), color=0.2)
    frame = frozen(located(20, 30))

    def run(seed: int) -> list[Frame]:
        rng = np.random.default_rng(seed)
        return [augment(frame, rng) for _ in range(5)]

    for one, other in zip(run(3), run(3), strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert any(a.image.shape != b.image.shape for a, b in zip(run(3), run(4), strict=True))


@pytest.mark.parametrize(
    ("field", "changes_channels_alike"),
    [("contrast", True), ("brightness", True), ("color", False)],
)
def test_each_amount_of_color_does_its_part(field: str, changes_channels_alike: bool) -> None:
    nothing = {"flip": 0.0, "contrast": 0.0, "brightness": 0.0, "color": 0.0, "noise": 0.0}
    frame = frozen(Frame(np.full((4, 4, 3), 60, np.uint8), np.zeros((4, 4), np.uint8), "grey"))
    same = Augmentation(**nothing)(frame, np.random.default_rng(0))
    np.testing.assert_array_equal(same.image, frame.image)
    augment = Augmentation(**{**nothing, field: 0.5})
    means = np.array([augment(frame, np.random.default_rng(i)).image[0, 0] for i in range(20)])
    assert len(set(means[:, 0])) > 10
    assert (means == means[:, :1]).all() == changes_channels_alike


def test_noise_stays_below_its_share() -> None:
    augment = Augmentation(flip=0, contrast=0, brightness=0, noise=0.2)
    frame = frozen(Frame(np.full((40, 40, 3), 60, np.uint8), np.zeros((40, 40), np.uint8), "grey"))
    rng = np.random.default_rng(0)
    shares = [(augment(frame, rng).image[:, :, 0] != 60).mean() for _ in range(40)]
    assert max(shares) <= 0.2 and max(shares) > 0.15 and min(shares) < 0.05


@pytest.mark.parametrize("field", ["flip", "contrast", "brightness", "color", "noise"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_amount_out_of_bounds(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} must lie between 0 and 1, got {value}"):
        Augmentation(**{field: value})
