# SPDX-License-Identifier: Apache-2.0
"""boundary_mask by hand; test_nearest_boundary.py compares it with other oracles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adaseg_fast import backends
from support.compare import assert_same

every_backend = pytest.mark.parametrize("backend", backends.available_backends())

PICTURE = np.array([[[0, 0, 1, 1], [0, 0, 1, 9], [2, 2, 2, 9]]], np.uint8)


@every_backend
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["0111", "1111", "1111"]),
        ({"ignore_index": 9}, ["0110", "1110", "1110"]),
        ({"ignore_index": 0}, ["0001", "0011", "0011"]),
        ({"classes": [1]}, ["0111", "0111", "0010"]),
        ({"classes": [9], "ignore_index": 255}, ["0001", "0011", "0011"]),
        ({"classes": [0, 2]}, ["0110", "1110", "1111"]),
        ({"classes": []}, ["0000", "0000", "0000"]),
        ({"classes": [9], "ignore_index": 9}, ["0000", "0000", "0000"]),
        ({"classes": [-1, 1000], "ignore_index": -100}, ["0000", "0000", "0000"]),
    ],
)
def test_mask(backend: str, options: dict[str, Any], expected: list[str]) -> None:
    with backends.use_backend(backend):
        mask = backends.boundary_mask(PICTURE, **options)
    assert mask.dtype == np.bool_
    assert ["".join("01"[int(x)] for x in row) for row in mask[0]] == expected


@every_backend
@pytest.mark.parametrize("dtype", [np.int16, np.int64])
def test_labels_beyond_a_byte(backend: str, dtype: Any) -> None:
    labels = np.array([[[-100, 300, 300, 4000, -1]]], dtype)
    with backends.use_backend(backend):
        everything = backends.boundary_mask(labels, ignore_index=-100)
        chosen = backends.boundary_mask(labels, classes=[-1, 5], ignore_index=-100)
    assert everything[0, 0].tolist() == [False, False, True, True, True]
    assert chosen[0, 0].tolist() == [False, False, False, True, True]


@every_backend
def test_labels_beyond_all_classes(backend: str) -> None:
    """The largest unsigned numbers are not the negative ones of the same bits."""
    labels = np.array([[[2**64 - 1, 3, 3, 2**64 - 2]]], np.uint64)
    with backends.use_backend(backend):
        some = backends.boundary_mask(labels, ignore_index=-1)
        none = backends.boundary_mask(labels, classes=[-1, -2], ignore_index=-3)
    assert_same(some, np.array([[[True, True, True, True]]]))
    assert not none.any()
