# SPDX-License-Identifier: Apache-2.0
"""Recall of objects against flood filling and sorting by hand."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from adaseg_fast.metrics import ObjectRecall
from support.metric_cases import IMAGES, Labels, random_pair


def slow_objects(
    prediction: Labels, truth: Labels, classes: set[int], instances: np.ndarray | None
) -> list[tuple[int, int, int]]:
    """(class, area, correct pixels) of every object, sorted."""
    objects = []
    if instances is not None:
        keys = {
            (int(n), int(t))
            for n, t in zip(instances.ravel(), truth.ravel(), strict=True)
            if n and t in classes
        }
        for number, label in keys:
            places = [p for p in np.ndindex(truth.shape)
                      if instances[p] == number and truth[p] == label]  # fmt: skip
            objects.append((label, places))
    else:
        left = {p for p in np.ndindex(truth.shape) if truth[p] in classes}
        while left:
            start = left.pop()
            places, front = [start], [start]
            while front:
                r, c = front.pop()
                for p in [(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]:
                    if p in left and truth[p] == truth[start]:
                        left.remove(p)
                        places.append(p)
                        front.append(p)
            objects.append((int(truth[start]), places))
    return sorted(
        (label, len(places), sum(bool(prediction[p] == label) for p in places))
        for label, places in objects
    )


def slow_recall(objects: list[tuple[int, int, int]], bins: int) -> list[float]:
    shared = {area: [Fraction(r, a) for _, a, r in objects if a == area] for _, area, _ in objects}
    areas = sorted(area for _, area, _ in objects)
    values = [sum(shared[area]) / len(shared[area]) for area in areas]
    size, rest = divmod(len(values), bins)
    result = []
    for number in range(bins):
        count = size + (number < rest)
        part, values = values[:count], values[count:]
        result.append(float(sum(part) / count) if count else math.nan)
    return result


def test_by_hand() -> None:
    """Class 1: areas 1, 2, 3, 4 with 1, 1, 3, 2 right. Diagonal neighbours are one object."""
    truth = np.array(
        [[1, 0, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0, 1], [1, 1, 1, 1, 0, 0, 1]], np.uint8
    )
    prediction = np.array(
        [[1, 0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 1], [1, 1, 0, 0, 0, 0, 1]], np.uint8
    )
    metric = ObjectRecall(2, classes=[1], least_area=1)
    metric.update(prediction, truth)
    assert metric.objects().tolist() == [[1, 1, 1], [1, 2, 1], [1, 3, 3], [1, 4, 2]]
    np.testing.assert_allclose(metric.recall(), [1, 1 / 2, 1, 1 / 2])
    np.testing.assert_allclose(metric.areas(2), [1.5, 3.5])
    np.testing.assert_allclose(metric.recall(2), [3 / 4, 3 / 4])


def test_instances_part_what_touches_and_join_what_is_cut() -> None:
    truth = np.array([[1, 1, 1, 0, 1, 2]], np.uint8)
    instances = np.array([[5, 5, 6, 0, 5, 5]], np.int32)
    metric = ObjectRecall(3)
    metric.update(np.array([[1, 0, 1, 0, 1, 2]], np.uint8), truth, instances)
    # Number 5 of class 1, number 6 of class 1, number 5 of class 2; the background is none.
    assert metric.objects().tolist() == [[1, 1, 1], [1, 3, 2], [2, 1, 1]]


def test_equal_areas_share_their_recall() -> None:
    """Four objects of one pixel, one of them found: no bin is better than another."""
    truth = np.array([[1, 0, 1, 0, 1, 0, 1]], np.uint8)
    for found in (0, 2, 4, 6):
        metric = ObjectRecall(2, classes=[1], least_area=1)
        prediction = np.zeros_like(truth)
        prediction[0, found] = 1
        metric.update(prediction, truth)
        np.testing.assert_allclose(metric.recall(4), [0.25] * 4)


@pytest.mark.parametrize("countable", [False, True], ids=["components", "instances"])
@given(image=IMAGES)
def test_against_flood_filling(image, countable: bool) -> None:
    seed, classes, ignore, shape = image
    rng = np.random.default_rng(seed)
    metric = ObjectRecall(classes, ignore, least_area=1)
    expected = []
    for _ in range(2):
        prediction, truth = random_pair(rng, classes, ignore, shape)
        instances = rng.integers(0, 3, shape).astype(np.int32) if countable else None
        metric.update(prediction, truth, instances)
        expected += slow_objects(prediction, truth, set(range(classes)), instances)
    assert [tuple(row) for row in metric.objects().tolist()] == sorted(expected)
    for bins in (1, 3, 4):
        np.testing.assert_allclose(metric.recall(bins), slow_recall(expected, bins))
        one = [each for each in expected if each[0] == 0]
        np.testing.assert_allclose(metric.recall(bins, [0]), slow_recall(one, bins))


def test_only_the_classes_asked_for() -> None:
    truth = np.array([[0, 1, 2, 255]], np.uint8)
    metric = ObjectRecall(3, classes=[2], least_area=1)
    metric.update(truth, truth)
    assert metric.objects().tolist() == [[2, 1, 1]]


def test_small_components_are_fragments_small_instances_are_not() -> None:
    truth = np.zeros((9, 9), np.uint8)
    truth[0, :3], truth[2:6, 2:6] = 1, 1
    metric = ObjectRecall(2, classes=[1])
    metric.update(truth, truth)
    assert metric.objects().tolist() == [[1, 16, 16]]
    metric.update(truth, truth, truth)
    assert metric.objects().tolist() == [[1, 16, 16], [1, 19, 19]]
    instances = truth * 2
    instances[0, :3] = 1
    metric = ObjectRecall(2, classes=[1])
    metric.update(truth, truth, instances)
    assert metric.objects().tolist() == [[1, 3, 3], [1, 16, 16]]


def test_no_objects() -> None:
    metric = ObjectRecall(3)
    metric.update(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8))
    metric.update(np.zeros((0, 5), np.uint8), np.zeros((0, 5), np.uint8))
    assert metric.objects().shape == (0, 3)
    assert np.isnan(metric.recall()).all() and np.isnan(metric.areas(2, [1])).all()


def test_merged_parts_are_the_whole_in_any_order() -> None:
    rng = np.random.default_rng(3)
    pairs = [random_pair(rng, 3, 255, (20, 30)) for _ in range(4)]
    whole, first, second = (ObjectRecall(3) for _ in range(3))
    for index, pair in enumerate(pairs):
        whole.update(*pair)
        (first if index % 2 else second).update(*pair)
    second.merge(first)
    names = ("a", "b", "c")
    assert repr(second.record(names)) == repr(
        whole.record(names)
    )  # repr, because NaN is not equal to NaN
    record = json.loads(json.dumps(whole.record(names)))
    assert record["all"]["objects"] == len(whole.objects())
    assert len(record["classes"]["b"]["recall"]) == 4 and len(record["all_finer"]["recall"]) == 8
    assert sum(each["objects"] for each in record["classes"].values()) == len(whole.objects())


def test_errors() -> None:
    labels = np.zeros((3, 4), np.uint8)
    metric = ObjectRecall(2)
    with pytest.raises(TypeError, match="instances must be integers, got float64"):
        metric.update(labels, labels, np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"the shape \(3, 4\) of truth, got \(4, 3\)"):
        metric.update(labels, labels, np.zeros((4, 3), int))
    with pytest.raises(ValueError, match=r"prediction must hold"):
        metric.update(labels + 2, labels)
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        metric.recall(0)
    with pytest.raises(ValueError, match=r"different numbers from 0 to 1, got \[\]"):
        ObjectRecall(2, classes=[])
    with pytest.raises(ValueError, match="least_area must be at least 1 pixel, got 0"):
        ObjectRecall(2, least_area=0)
    for other in (ObjectRecall(2, classes=[1]), ObjectRecall(2, least_area=3)):
        with pytest.raises(ValueError, match="cannot be merged"):
            metric.merge(other)
    assert not len(metric.objects())


def test_instance_numbers_that_would_be_confused_are_refused() -> None:
    truth = np.array([[1, 1]], np.uint8)
    metric = ObjectRecall(2)
    for numbers in (np.array([[1, 1 + 2**56]]), np.array([[1, 2**64 - 1]], np.uint64)):
        with pytest.raises(ValueError, match=r"instances must lie between -2\^54 and 2\^54"):
            metric.update(truth, truth, numbers)
    metric.update(truth, truth, np.array([[1, 2**54]]))
    assert len(metric.objects()) == 2


def test_recall_of_a_class_that_does_not_count_is_refused() -> None:
    metric = ObjectRecall(3, classes=[1])
    for values in (metric.recall, metric.areas):
        with pytest.raises(ValueError, match=r"objects count, \[1\], got \[2\]"):
            values(classes=[2])
