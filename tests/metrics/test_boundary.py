# SPDX-License-Identifier: Apache-2.0
"""The boundary F-score against comparing every boundary pixel with every other."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given

from adaseg_fast.metrics import BoundaryF
from support.metric_cases import IMAGES, Labels, boundary_pixels, random_pair


def slow_scores(
    prediction: Labels, truth: Labels, number: int, ignore: int, tolerance: float
) -> tuple[float, float, float] | None:
    """Precision, recall, F of one class of one image; None if neither has a boundary."""
    known = truth != ignore
    reach = tolerance * math.hypot(*truth.shape)
    edges = []
    for labels in (prediction, truth):
        of_class = (labels == number).astype(np.uint8)
        edges.append({p for p in boundary_pixels(of_class, known) if of_class[p]})
    if not any(edges):
        return None

    def share(points: set, others: set) -> float:
        near = sum(any(math.dist(p, q) <= reach for q in others) for p in points)
        return near / len(points) if points else 0.0

    precision, recall = share(edges[0], edges[1]), share(edges[1], edges[0])
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


def test_by_hand() -> None:
    """A boundary moved by two pixels on a diagonal of 50: within 0.05 of it, not within 0.03."""
    truth, prediction = np.zeros((2, 30, 40), np.uint8)
    truth[:, 20:] = 1
    prediction[:, 22:] = 1
    for tolerance, wanted in ((0.05, 1.0), (0.03, 0.0)):
        metric = BoundaryF(3, tolerance=tolerance)
        metric.update(prediction, truth)
        np.testing.assert_allclose(metric.f_score(), [wanted, wanted, math.nan])
        assert metric.mean_f() == wanted


def test_found_in_one_of_two_images() -> None:
    truth = np.zeros((10, 10), np.uint8)
    truth[2:5, 2:5] = 1
    metric = BoundaryF(2)
    metric.update(truth, truth)
    metric.update(np.zeros_like(truth), truth)
    np.testing.assert_allclose(metric.f_score(), [0.5, 0.5])
    # Everywhere the same class, right or wrong: no boundary, so no image.
    metric.update(np.zeros_like(truth), np.zeros_like(truth))
    metric.update(np.ones_like(truth), np.zeros_like(truth))
    np.testing.assert_allclose(metric.f_score(), [0.5, 0.5])


def test_a_hole_without_prediction_is_a_boundary_but_no_class() -> None:
    truth = np.zeros((10, 10), np.uint8)
    prediction = truth.copy()
    prediction[4:6, 4:6] = 255
    metric = BoundaryF(1)
    metric.update(prediction, truth)
    np.testing.assert_allclose(metric.f_score(), [0.0])


@given(image=IMAGES)
def test_against_comparing_all_pixels(image) -> None:
    seed, classes, ignore, shape = image
    rng = np.random.default_rng(seed)
    tolerance = float(rng.uniform(0.05, 0.3))
    pairs = [random_pair(rng, classes, ignore, shape) for _ in range(2)]
    metric = BoundaryF(classes, ignore, tolerance=tolerance)
    for pair in pairs:
        metric.update(*pair)
    for number in range(classes):
        found = [slow_scores(*pair, number, ignore, tolerance) for pair in pairs]
        scores = [each for each in found if each is not None]
        expected = np.mean(scores, axis=0) if scores else [math.nan] * 3
        columns = (metric.precision(), metric.recall(), metric.f_score())
        np.testing.assert_allclose([column[number] for column in columns], expected)


def test_mean_over_classes() -> None:
    truth = np.zeros((12, 12), np.uint8)
    truth[:4] = 1
    truth[8:] = 2
    prediction = np.where(truth == 2, 0, truth).astype(np.uint8)
    metric = BoundaryF(4)
    metric.update(prediction, truth)
    scores = metric.f_score()
    assert scores[1] == 1 and scores[2] == 0 and np.isnan(scores[3])
    assert metric.mean_f([1, 2, 3]) == pytest.approx(0.5)
    assert metric.mean_f() == pytest.approx((scores[0] + 1) / 3)
    assert math.isnan(metric.mean_f([3]))
    with pytest.raises(ValueError, match=r"different numbers from 0 to 3, got \[4\]"):
        metric.mean_f([4])


def test_merged_parts_are_the_whole_bit_for_bit() -> None:
    rng = np.random.default_rng(5)
    pairs = [random_pair(rng, 3, 255, (30, 20)) for _ in range(7)]
    whole, first, second = (BoundaryF(3) for _ in range(3))
    for index, pair in enumerate(pairs):
        whole.update(*pair)
        (first if index % 2 else second).update(*pair)
    second.merge(first)
    names = ("a", "b", "c")
    assert second.record(names) == whole.record(names)
    record = json.loads(json.dumps(whole.record(names)))
    assert record["classes"]["a"]["images"] == 7 and record["tolerance"] == 0.0075


def test_errors() -> None:
    labels = np.zeros((3, 4), np.uint8)
    for tolerance in (0, -1, 2, math.nan):
        with pytest.raises(ValueError, match="tolerance must be above 0"):
            BoundaryF(2, tolerance=tolerance)
    metric = BoundaryF(2)
    with pytest.raises(ValueError, match=r"one shape \(H, W\)"):
        metric.update(labels, labels.T)
    with pytest.raises(TypeError, match="prediction must be uint8, got bool"):
        metric.update(labels > 0, labels)
    with pytest.raises(ValueError, match="truth must hold"):
        metric.update(labels, labels + 3)
    with pytest.raises(ValueError, match="cannot be merged"):
        metric.merge(BoundaryF(2, tolerance=0.5))
    assert np.isnan(metric.f_score()).all()


def test_an_empty_image_counts_for_nothing() -> None:
    metric = BoundaryF(2)
    metric.update(np.zeros((0, 5), np.uint8), np.zeros((0, 5), np.uint8))
    assert math.isnan(metric.mean_f())
