# SPDX-License-Identifier: Apache-2.0
"""Small random label maps for the metrics, and boundary pixels by a plain loop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Labels = NDArray[np.uint8]

IMAGES = st.tuples(
    st.integers(0, 2**32 - 1),  # seed
    st.integers(1, 4),  # classes
    st.sampled_from([200, 255]),  # ignore_index
    st.sampled_from([(1, 1), (1, 9), (6, 7), (11, 8)]),  # shape
)


def random_pair(
    rng: np.random.Generator, classes: int, ignore: int, shape: tuple[int, int]
) -> tuple[Labels, Labels]:
    """A prediction and its truth: patches of labels. Some are ignored, some have no prediction."""

    def blocks(numbers: list[int]) -> Labels:
        coarse = rng.choice(np.array(numbers, np.uint8), (-(-shape[0] // 3), -(-shape[1] // 3)))
        return coarse.repeat(3, 0).repeat(3, 1)[: shape[0], : shape[1]].copy()

    truth = blocks([*range(classes), ignore])
    prediction = blocks([*range(classes), 255])
    same = rng.random(shape) < 0.5
    prediction[same] = truth[same]
    prediction[truth == ignore] = rng.integers(0, 256)  # any value is allowed there
    return prediction, truth


def neighbours(row: int, col: int, shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
        if 0 <= r < shape[0] and 0 <= c < shape[1]:
            yield r, c


def boundary_pixels(labels: Labels, known: NDArray[np.bool_]) -> set[tuple[int, int]]:
    """Known pixels with a known neighbour of another label."""
    return {
        (r, c)
        for r, c in np.ndindex(labels.shape)
        if known[r, c]
        and any(known[n] and labels[n] != labels[r, c] for n in neighbours(r, c, labels.shape))
    }
