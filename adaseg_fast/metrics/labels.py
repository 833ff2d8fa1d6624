# SPDX-License-Identifier: Apache-2.0
"""The checks of predictions and truths that all metrics share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

NO_CLASS = 255  # predicted where there is no prediction; always an error
_LEVELS = 256


def check_kind(num_classes: int, ignore_index: int) -> None:
    """Raise ValueError unless class numbers and ``ignore_index`` fit into uint8 and differ."""
    if not 1 <= num_classes < _LEVELS:
        raise ValueError(f"num_classes must be 1 to 255, got {num_classes}")
    if not num_classes <= ignore_index < _LEVELS:
        raise ValueError(
            f"ignore_index must be {num_classes} to 255, so that it is no class; got {ignore_index}"
        )


def check_classes(classes: tuple[int, ...], num_classes: int) -> None:
    """Raise ValueError unless ``classes`` are different class numbers, at least one."""
    if (
        not classes
        or len(set(classes)) != len(classes)
        or not set(classes) <= {*range(num_classes)}
    ):
        raise ValueError(
            f"classes must be different numbers from 0 to {num_classes - 1}, got {list(classes)}"
        )


def as_labels(name: str, values: ArrayLike) -> NDArray[np.uint8]:
    """``values`` (NumPy or a CPU tensor, any shape) as an array; TypeError if not uint8."""
    array = np.asarray(values)
    if array.dtype != np.uint8:
        raise TypeError(f"{name} must be uint8, got {array.dtype}")
    return array


def label_pair(
    prediction: ArrayLike, truth: ArrayLike, num_classes: int, ignore_index: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Checked labels of one image, each (H, W).

    Raises:
        TypeError: one of the two is not uint8.
        ValueError: they are not of one shape (H, W), or hold a value that is no class; where the
            truth is ignored anything may be predicted.
    """
    predicted, true = as_labels("prediction", prediction), as_labels("truth", truth)
    if predicted.shape != true.shape or true.ndim != 2:
        raise ValueError(
            f"prediction and truth must have one shape (H, W), got {predicted.shape} "
            f"and {true.shape}"
        )
    known = true != ignore_index
    for name, values, exempt in (
        ("truth", true[known], ignore_index),
        ("prediction", predicted[known], NO_CLASS),
    ):
        wrong = np.unique(values[(values >= num_classes) & (values != exempt)])
        if wrong.size:
            raise ValueError(
                f"{name} must hold 0 to {num_classes - 1} or {exempt}, "
                f"but it holds {wrong.tolist()}"
            )
    return predicted, true
