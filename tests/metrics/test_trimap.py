# SPDX-License-Identifier: Apache-2.0
"""Trimap accuracy against looking at every pixel and every boundary pixel."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from scipy.ndimage import distance_transform_edt

from adaseg_fast.metrics import TrimapAccuracy
from support.metric_cases import IMAGES, Labels, boundary_pixels, random_pair


def slow_accuracy(
    pairs: list[tuple[Labels, Labels]], ignore: int, widest: int, classes: set[int] | None
) -> list[float]:
    right, total = [0] * widest, [0] * widest
    for prediction, truth in pairs:
        known = truth != ignore
        edge = boundary_pixels(truth, known)
        if classes is not None:
            edge = {
                (r, c)
                for r, c in edge
                if truth[r, c] in classes
                or any(
                    (n in edge and truth[n] in classes and truth[n] != truth[r, c])
                    for n in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1))
                )
            }
        for r, c in np.ndindex(truth.shape):
            if not known[r, c] or not edge:
                continue
            away = min(math.hypot(r - i, c - j) for i, j in edge)
            for width in range(1, widest + 1):
                if away < width:
                    total[width - 1] += 1
                    right[width - 1] += bool(prediction[r, c] == truth[r, c])
    return [a / b if b else math.nan for a, b in zip(right, total, strict=True)]


def test_by_hand() -> None:
    """One boundary between columns 2 and 3; the prediction is wrong in columns 3 and 5."""
    truth = np.array([[0, 0, 0, 1, 1, 1, 1]] * 2, np.uint8)
    prediction = np.array([[0, 0, 0, 0, 1, 0, 1]] * 2, np.uint8)
    metric = TrimapAccuracy(2, widest=5)
    metric.update(prediction, truth)
    np.testing.assert_array_equal(metric.total, [4, 4, 4, 2, 0])
    np.testing.assert_allclose(metric.accuracy(), [1 / 2, 3 / 4, 4 / 6, 5 / 7, 5 / 7])


def test_ignored_pixels_have_no_boundary_and_no_band() -> None:
    truth = np.array([[0, 255, 1, 1, 0, 0]], np.uint8)
    metric = TrimapAccuracy(2, widest=4)
    metric.update(np.zeros_like(truth), truth)
    # Boundary between columns 3 and 4; columns 0 and 2 to 5 count.
    np.testing.assert_array_equal(metric.total, [2, 2, 0, 1])
    np.testing.assert_array_equal(metric.correct, [1, 1, 0, 1])


@given(image=IMAGES)
def test_against_looking_at_every_pixel(image) -> None:
    seed, number, ignore, shape = image
    rng = np.random.default_rng(seed)
    pairs = [random_pair(rng, number, ignore, shape) for _ in range(2)]
    for classes in (None, {0}):
        metric = TrimapAccuracy(number, ignore, classes=classes and sorted(classes), widest=6)
        for pair in pairs:
            metric.update(*pair)
        expected = slow_accuracy(pairs, ignore, 6, classes)
        np.testing.assert_allclose(metric.accuracy(), expected)


def test_large_image_against_scipy() -> None:
    rng = np.random.default_rng(0)
    prediction, truth = random_pair(rng, 4, 255, (400, 300))
    truth[100:300, 50:250] = 1  # room for wide bands
    metric = TrimapAccuracy(4, widest=64)
    prediction[prediction > 3] = 0
    metric.update(prediction, truth)
    edge = np.zeros(truth.shape, bool)
    edge[tuple(zip(*boundary_pixels(truth, truth != 255), strict=True))] = True
    away = distance_transform_edt(~edge)
    for width in (1, 2, 5, 17, 64):
        band = (away < width) & (truth != 255)
        expected = (prediction == truth)[band].mean()
        assert metric.accuracy()[width - 1] == pytest.approx(expected)


def test_nothing_counted() -> None:
    metric = TrimapAccuracy(3, widest=2)
    metric.update(np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8))  # no boundary
    metric.update(np.zeros((0, 4), np.uint8), np.zeros((0, 4), np.uint8))
    assert np.isnan(metric.accuracy()).all()


def test_merged_parts_are_the_whole() -> None:
    rng = np.random.default_rng(1)
    pairs = [random_pair(rng, 3, 255, (20, 30)) for _ in range(4)]
    whole, first, second = (TrimapAccuracy(3, widest=9) for _ in range(3))
    for index, pair in enumerate(pairs):
        whole.update(*pair)
        (first if index % 2 else second).update(*pair)
    second.merge(first)
    assert second.record() == whole.record()
    assert json.loads(json.dumps(whole.record())) == whole.record()
    assert whole.record()["width"] == list(range(1, 10))


def test_errors() -> None:
    labels = np.zeros((3, 4), np.uint8)
    with pytest.raises(ValueError, match="widest must be at least 1 pixel, got 0"):
        TrimapAccuracy(2, widest=0)
    with pytest.raises(ValueError, match=r"different numbers from 0 to 1, got \[2\]"):
        TrimapAccuracy(2, classes=[2])
    with pytest.raises(ValueError, match="num_classes must be"):
        TrimapAccuracy(0)
    metric = TrimapAccuracy(2)
    with pytest.raises(ValueError, match=r"one shape \(H, W\), got \(3, 4\) and \(4, 3\)"):
        metric.update(labels, labels.T)
    with pytest.raises(ValueError, match=r"one shape \(H, W\)"):
        metric.update(labels[None], labels[None])
    with pytest.raises(TypeError, match="truth must be uint8, got int64"):
        metric.update(labels, labels.astype(np.int64))
    with pytest.raises(ValueError, match=r"prediction must hold 0 to 1 or 255, .* holds \[2\]"):
        metric.update(labels + 2, labels)
    with pytest.raises(ValueError, match=r"truth must hold 0 to 1 or 255, but it holds \[7\]"):
        metric.update(labels, labels + 7)
    assert not metric.total.any()
    with pytest.raises(ValueError, match="cannot be merged"):
        metric.merge(TrimapAccuracy(2, widest=3))
