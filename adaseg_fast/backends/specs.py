# SPDX-License-Identifier: Apache-2.0
"""The rules on shapes and dtypes, for NumPy arrays and torch tensors alike.

Only ``shape`` and ``dtype`` are looked at, so this module needs neither torch nor the data.
A wrong shape is a ``ValueError``, a wrong dtype a ``TypeError``.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

DIAGONALS = {"delaunay": 0, "main": 1, "anti": 2}

UNCOVERED_LABEL = 255

LARGEST_SIZE = 2**30  # rows or columns: so that columns beyond the image fit 31 bits, too


def is_floating(array: Any) -> bool:
    """Whether a NumPy array or torch tensor holds floating-point numbers."""
    floating = getattr(array.dtype, "is_floating_point", None)
    return bool(array.dtype.kind == "f" if floating is None else floating)


def is_integer(array: Any) -> bool:
    """Whether a NumPy array or torch tensor holds integers or booleans."""
    kind = getattr(array.dtype, "kind", None)
    if kind is not None:
        return kind in "iub"
    return not array.dtype.is_floating_point and not array.dtype.is_complex


def _shape(array: Any) -> tuple[int, ...]:
    return tuple(array.shape)


def check_size(size: Sequence[int], name: str = "size", least: int = 1) -> tuple[int, int]:
    """Two integers of at least ``least`` and at most 2^30: rows and columns."""
    try:
        rows, cols = size
        if isinstance(rows, float) or isinstance(cols, float):
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(f"{name} has to be two integers (rows, columns), got {size!r}") from None
    if not hasattr(rows, "node"):  # torch's symbolic sizes stay symbolic
        rows = operator.index(rows)
    if not hasattr(cols, "node"):
        cols = operator.index(cols)
    if rows < least or cols < least:
        raise ValueError(f"{name} has to be at least {least} x {least}, got {rows} x {cols}")
    for number in (rows, cols):  # of a symbolic size nothing more is to be assumed than has to be
        if isinstance(number, int) and number > LARGEST_SIZE:
            raise ValueError(f"{name} has to be at most 2^30 x 2^30, got {rows} x {cols}")
    return rows, cols


def check_phi(phi: Any, name: str = "phi", least: int = 2) -> None:
    """(N, 2, h, w) floating point with h, w >= ``least``."""
    shape = _shape(phi)
    if len(shape) != 4 or shape[1] != 2:
        raise ValueError(f"{name} has to be (N, 2, h, w), got {shape}")
    if shape[2] < least or shape[3] < least:
        raise ValueError(f"{name} has to be a grid of at least {least} x {least}, got {shape}")
    if not is_floating(phi):
        raise TypeError(f"{name} has to be floating point, got {phi.dtype}")


def check_image(image: Any, phi: Any) -> None:
    """(N, C, H, W) of any dtype, at least one pixel, batch size of ``phi``."""
    shape = _shape(image)
    if len(shape) != 4:
        raise ValueError(f"image has to be (N, C, H, W), got {shape}")
    if shape[2] < 1 or shape[3] < 1:
        raise ValueError(f"image has to have at least one pixel, got {shape}")
    _check_batch("image", shape, phi)


def check_scores(scores: Any, phi: Any, *, least_classes: int = 0) -> None:
    """(N, C, h, w) floating point on the grid of ``phi``."""
    shape = _shape(scores)
    if len(shape) != 4 or shape[2:] != _shape(phi)[2:]:
        raise ValueError(
            f"scores has to be (N, C, h, w) on the grid of phi, "
            f"got {shape} with phi {_shape(phi)}; see resize_sampling_tensor"
        )
    if shape[1] < least_classes:
        raise ValueError(f"scores has to hold at least one class, got {shape}")
    if not is_floating(scores):
        raise TypeError(f"scores has to be floating point, got {scores.dtype}")
    _check_batch("scores", shape, phi)


def check_labels(labels: Any) -> None:
    """(N, H, W) integers, at least one pixel."""
    shape = _shape(labels)
    if len(shape) != 3:
        raise ValueError(f"labels has to be (N, H, W), got {shape}")
    if shape[1] < 1 or shape[2] < 1:
        raise ValueError(f"labels has to have at least one pixel, got {shape}")
    if not is_integer(labels):
        raise TypeError(f"labels has to be integers, got {labels.dtype}")


def check_normalization(
    mean: Sequence[float] | None, std: Sequence[float] | None, channels: int
) -> tuple[list[float], list[float]]:
    """One mean and one non-zero std a channel, or neither (two empty lists)."""
    if mean is None and std is None:
        return [], []
    means = [0.0] * channels if mean is None else list(map(float, mean))
    stds = [1.0] * channels if std is None else list(map(float, std))
    if len(means) != channels:
        raise ValueError(_one_a_channel("mean", means, channels))
    if len(stds) != channels:
        raise ValueError(_one_a_channel("std", stds, channels))
    if 0.0 in stds:
        raise ValueError(f"std has to be non-zero, got {stds}")
    return means, stds


def _one_a_channel(name: str, values: list[float], channels: int) -> str:
    return f"{name} has to hold one number a channel, got {len(values)} for {channels} channels"


def check_diagonal(diagonal: str) -> int:
    """Number of a diagonal rule by its name."""
    if diagonal not in DIAGONALS:
        raise ValueError(f"diagonal has to be one of {', '.join(DIAGONALS)}, got {diagonal!r}")
    return DIAGONALS[diagonal]


def check_targets(targets: Any, lam: float) -> None:
    """A sampling tensor and a weight that is not negative."""
    check_phi(targets, "targets")
    if not lam >= 0.0 or lam == float("inf"):
        raise ValueError(f"lam has to be a finite number, not negative, got {lam}")


def check_same_shape(phi: Any, targets: Any) -> None:
    """Two sampling tensors of one shape."""
    if _shape(phi) != _shape(targets):
        raise ValueError(
            f"phi and targets have to agree in shape, got {_shape(phi)} and {_shape(targets)}"
        )


def _check_batch(name: str, shape: tuple[int, ...], phi: Any) -> None:
    if shape[0] != phi.shape[0]:
        raise ValueError(
            f"{name} and phi have to agree in batch size, got {shape} and {_shape(phi)}"
        )
