# SPDX-License-Identifier: Apache-2.0
"""The confusion matrix against counting pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaseg_fast.metrics import ConfusionMatrix


def slow_scores(
    predictions: list[np.ndarray], truths: list[np.ndarray], classes: int, ignore: int
) -> tuple[list[float], float]:
    """IoU of each class and accuracy, from sets of pixels."""
    pairs = [
        (int(p), int(t))
        for prediction, truth in zip(predictions, truths, strict=True)
        for p, t in zip(prediction.ravel(), truth.ravel(), strict=True)
        if t != ignore
    ]
    iou = []
    for c in range(classes):
        both = sum(p == c and t == c for p, t in pairs)
        either = sum(p == c or t == c for p, t in pairs)
        iou.append(both / either if either else math.nan)
    return iou, sum(p == t for p, t in pairs) / len(pairs) if pairs else math.nan


def random_pair(rng: np.random.Generator, classes: int, ignore: int = 255, shape=(7, 9)):
    numbers = np.arange(classes)
    prediction = rng.choice(np.append(numbers, 255).astype(np.uint8), shape)
    truth = rng.choice(np.append(numbers, ignore).astype(np.uint8), shape)
    return prediction, truth


def matrix(prediction, truth, classes: int, ignore: int = 255) -> ConfusionMatrix:
    result = ConfusionMatrix(classes, ignore)
    result.update(np.array(prediction, np.uint8), np.array(truth, np.uint8))
    return result


def test_by_hand() -> None:
    """Class 0: 2 of 4. Class 1: 1 of 2. Class 2: predicted once, never true. Class 3: absent."""
    scores = matrix([[0, 0, 0, 1, 2, 1]], [[0, 0, 1, 1, 0, 255]], 4)
    np.testing.assert_array_equal(
        scores.counts, [[2, 0, 1, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    )
    np.testing.assert_allclose(scores.iou(), [1 / 2, 1 / 2, 0, math.nan])
    assert scores.mean_iou() == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    assert scores.mean_iou([1, 2, 3]) == pytest.approx(1 / 4)
    assert scores.accuracy() == pytest.approx(3 / 5)


def test_no_class_is_an_error_of_the_true_class_alone() -> None:
    scores = matrix([0, 255, 1, 255], [0, 0, 1, 255], 2)
    np.testing.assert_array_equal(scores.counts, [[1, 0, 1], [0, 1, 0]])
    np.testing.assert_allclose(scores.iou(), [1 / 2, 1])
    assert scores.accuracy() == pytest.approx(2 / 3)


def test_whatever_is_predicted_where_truth_is_ignored_counts_nowhere() -> None:
    scores = matrix([0, 1, 77, 255], [255] * 4, 2)
    assert not scores.counts.any()


def test_nothing_counted_yet() -> None:
    scores = ConfusionMatrix(3)
    assert np.isnan(scores.iou()).all()
    assert math.isnan(scores.mean_iou()) and math.isnan(scores.accuracy())
    scores.update(np.zeros((0, 5), np.uint8), np.zeros((0, 5), np.uint8))
    assert not scores.counts.any()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    classes=st.integers(1, 6),
    ignore=st.sampled_from([200, 255]),
    images=st.integers(1, 3),
)
def test_against_counting_pixels(seed: int, classes: int, ignore: int, images: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = [random_pair(rng, classes, ignore, (2, 3)) for _ in range(images)]
    scores = ConfusionMatrix(classes, ignore)
    for prediction, truth in pairs:
        scores.update(prediction, truth)
    iou, accuracy = slow_scores(*map(list, zip(*pairs, strict=True)), classes, ignore)
    np.testing.assert_allclose(scores.iou(), iou)
    np.testing.assert_allclose(scores.accuracy(), accuracy)
    present = [value for value in iou if not math.isnan(value)]
    expected = sum(present) / len(present) if present else math.nan
    np.testing.assert_allclose(scores.mean_iou(), expected)


def test_largest_number_of_classes() -> None:
    rng = np.random.default_rng(0)
    prediction, truth = random_pair(rng, 255, shape=(40, 50))
    iou, accuracy = slow_scores([prediction], [truth], 255, 255)
    scores = matrix(prediction, truth, 255)
    np.testing.assert_allclose(scores.iou(), iou)
    assert scores.accuracy() == pytest.approx(accuracy)


def test_sum_is_the_matrix_of_all_images() -> None:
    rng = np.random.default_rng(1)
    pairs = [random_pair(rng, 4) for _ in range(3)]
    together = ConfusionMatrix(4)
    for prediction, truth in pairs:
        together.update(prediction, truth)
    first, second, third = (matrix(*pair, 4) for pair in pairs)
    before = first.counts.copy()
    np.testing.assert_array_equal((first + second + third).counts, together.counts)
    np.testing.assert_array_equal(first.counts, before)
    first += second
    np.testing.assert_array_equal((first + third).counts, together.counts)


def test_batches_strides_and_tensors() -> None:
    torch = pytest.importorskip("torch")
    prediction, truth = random_pair(np.random.default_rng(2), 5, shape=(2, 6, 8))
    expected = matrix(prediction, truth, 5).counts
    transposed = ConfusionMatrix(5)
    transposed.update(np.asfortranarray(prediction), truth)
    tensors = ConfusionMatrix(5)
    tensors.update(torch.from_numpy(prediction), torch.from_numpy(truth))
    mixed = ConfusionMatrix(5)
    mixed.update(torch.from_numpy(prediction).mT, truth.swapaxes(1, 2))
    for scores in (transposed, tensors, mixed):
        np.testing.assert_array_equal(scores.counts, expected)


@pytest.mark.parametrize(
    ("prediction", "truth", "message"),
    [
        ([0, 3], [0, 1], r"prediction must hold 0 to 2 or 255, but it holds \[3\]"),
        ([0, 9, 8], [0, 1, 1], r"prediction .* holds \[8, 9\]"),
        ([0, 1], [0, 3], r"truth must hold 0 to 2 or 200, but it holds \[3\]"),
        ([0, 1], [0, 255], r"truth .* holds \[255\]"),
        ([0, 200], [0, 1], r"prediction .* holds \[200\]"),
    ],
)
def test_values_that_are_no_class_are_refused_and_not_counted(prediction, truth, message) -> None:
    scores = ConfusionMatrix(3, ignore_index=200)
    with pytest.raises(ValueError, match=message):
        scores.update(np.array(prediction, np.uint8), np.array(truth, np.uint8))
    assert not scores.counts.any()


def test_other_shapes_and_types_are_refused() -> None:
    labels = np.zeros((3, 4), np.uint8)
    with pytest.raises(ValueError, match=r"one shape, got \(3, 4\) and \(4, 3\)"):
        ConfusionMatrix(2).update(labels, labels.T)
    with pytest.raises(TypeError, match="prediction must be uint8, got int64"):
        ConfusionMatrix(2).update(labels.astype(np.int64), labels)
    with pytest.raises(TypeError, match="truth must be uint8, got bool"):
        ConfusionMatrix(2).update(labels, labels > 0)


@pytest.mark.parametrize(("classes", "ignore"), [(0, 255), (256, 255), (3, 2), (3, 256), (3, -1)])
def test_impossible_classes(classes: int, ignore: int) -> None:
    with pytest.raises(ValueError, match=r"(num_classes|ignore_index) must be"):
        ConfusionMatrix(classes, ignore)


@pytest.mark.parametrize("classes", [[3], [-1], [1, 1]])
def test_mean_over_classes_that_do_not_exist(classes: list[int]) -> None:
    with pytest.raises(ValueError, match=r"different numbers from 0 to 2, got \["):
        ConfusionMatrix(3).mean_iou(classes)


def test_matrices_of_other_classes_cannot_be_added() -> None:
    with pytest.raises(ValueError, match=r"got \(3, 255\) and \(4, 255\)"):
        ConfusionMatrix(3) + ConfusionMatrix(4)
    with pytest.raises(TypeError):
        ConfusionMatrix(3) + 1  # type: ignore[operator]
