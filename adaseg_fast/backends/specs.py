# SPDX-License-Identifier: Apache-2.0
"""Checks the arguments of each operation, and gives the shape and element type of its outputs.

There is one function per operation, under the operation's name. It takes the operation's arguments,
as NumPy arrays or torch tensors, checks them and returns a ``Spec`` per output. Only ``shape`` and
``dtype`` are read, so the functions need neither torch nor the data, and sizes may be torch's
symbolic ones. A wrong shape, size or number is a ``ValueError``, a wrong dtype a ``TypeError``. The
message names the operation and the argument, and says what was expected and what was given.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

DIAGONALS = {"delaunay": 0, "main": 1, "anti": 2}  # as the kernels number them

MOST_THREADS = 1024  # starting many thousands fails, and aborts the process

LARGEST_SIZE = 2**30  # rows or columns: so that columns beyond the image fit in 31 bits, too


class Spec(NamedTuple):
    """An output to be allocated.

    Attributes:
        shape: Its shape.
        dtype: Name of its element type, the same in NumPy and torch; None for the type of the
            operation's first argument.
    """

    shape: tuple[int, ...]
    dtype: str | None = None


# --- The operations -------------------------------------------------------------------------------


def uniform_sampling_tensor(size: Sequence[int], batch_size: int, dtype: Any) -> Spec:
    """Check the arguments of uniform_sampling_tensor; return the Spec of its output (N, 2, h, w).

    Raises:
        ValueError: ``size`` is not two integers of at least 2, or ``batch_size`` is negative.
        TypeError: ``dtype`` is not floating point.
    """
    rows, cols = _size("uniform_sampling_tensor", size, least=2)
    if batch_size < 0:
        raise ValueError(
            f"uniform_sampling_tensor: batch_size must not be negative, got {batch_size}"
        )
    if not _is_floating(dtype):
        raise TypeError(f"uniform_sampling_tensor: dtype must be floating point, got {dtype}")
    return Spec((batch_size, 2, rows, cols))


def resize_sampling_tensor(phi: Any, size: Sequence[int]) -> Spec:
    """Check the arguments of resize_sampling_tensor; return the Spec of its output (N, 2, h', w').

    Raises:
        ValueError: ``phi`` or ``size`` has a wrong shape, or ``size`` is below 2 x 2.
        TypeError: ``phi`` is not floating point.
    """
    _phi("resize_sampling_tensor", phi)
    return Spec((phi.shape[0], 2, *_size("resize_sampling_tensor", size, least=2)))


def project_to_cover(phi: Any) -> Spec:
    """Check the arguments of project_to_cover; return the Spec of its output (N, 2, h, w).

    Raises:
        ValueError: ``phi`` has a wrong shape.
        TypeError: ``phi`` is not floating point.
    """
    _phi("project_to_cover", phi)
    return Spec(tuple(phi.shape))


def sample(
    image: Any, phi: Any, mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[Spec, list[float], list[float]]:
    """Check the arguments of sample; return the Spec of its output (N, C, h, w), mean and std.

    The output is floating point if it is normalised. Mean and std are as the kernel takes them, see
    ``normalization``.

    Raises:
        ValueError: A shape is wrong, the batch sizes differ, or ``mean`` or ``std`` does not fit
            the channels.
        TypeError: ``phi`` is not floating point.
    """
    _phi("sample", phi, least=1)
    shape = tuple(image.shape)
    if len(shape) != 4:
        raise ValueError(f"sample: image must be (N, C, H, W), got {shape}")
    if shape[2] < 1 or shape[3] < 1:
        raise ValueError(f"sample: image must have at least one pixel, got {shape}")
    if _has_channels_last(shape):
        raise ValueError(
            f"sample: image must be (N, C, H, W), got {shape}, which looks like (N, H, W, C): move "
            "its last axis behind the first, such as by permute(0, 3, 1, 2)"
        )
    _batch("sample", "image", shape, phi)
    means, stds = normalization(mean, std, shape[1])
    spec = Spec((*shape[:2], *phi.shape[2:]), _wide_type(image) if stds else None)
    return spec, means, stds


def _has_channels_last(shape: tuple[Any, ...]) -> bool:
    """Whether a shape is that of a picture with its channels last, and no sensible (N, C, H, W).

    Symbolic sizes are not looked at, because a trace would then hold for some sizes only.
    """
    if not all(type(size) is int for size in shape):
        return False
    _, channels, rows, columns = shape
    return columns in (3, 4) and channels > 16 and rows > 16


def triangles(phi: Any, size: Sequence[int], diagonal: str) -> Spec:
    """Check the arguments of triangles; return the Spec of its output (N, T, 3).

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong.
        TypeError: ``phi`` is not floating point.
    """
    _phi("triangles", phi)
    _size("triangles", size)
    _diagonal("triangles", diagonal)
    items, _, h, w = phi.shape
    return Spec((items, 2 * (h - 1) * (w - 1), 3), "int64")


def rasterize(phi: Any, size: Sequence[int], diagonal: str) -> tuple[Spec, Spec]:
    """Check the arguments of rasterize; return the Specs of faces (N, H, W) and weights.

    Weights (N, 3, H, W) are float64 if ``phi`` is float64, else float32.

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong.
        TypeError: ``phi`` is not floating point.
    """
    _phi("rasterize", phi)
    rows, cols = _size("rasterize", size)
    _diagonal("rasterize", diagonal)
    items = phi.shape[0]
    return Spec((items, rows, cols), "int32"), Spec((items, 3, rows, cols), _wide_type(phi))


def interpolate(scores: Any, phi: Any, size: Sequence[int], diagonal: str) -> Spec:
    """Check the arguments of interpolate; return the Spec of its output (N, C, H, W).

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong, or the batch sizes differ.
        TypeError: ``scores`` or ``phi`` is not floating point.
    """
    shape = _scores("interpolate", scores, phi)
    rows, cols = _size("interpolate", size)
    _diagonal("interpolate", diagonal)
    return Spec((*shape[:2], rows, cols))


def interpolate_argmax(scores: Any, phi: Any, size: Sequence[int], diagonal: str) -> Spec:
    """Check the arguments of interpolate_argmax; return the Spec of its labels (N, H, W).

    Labels are uint8, or int32 above 256 classes.

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong, there is no class, or the batch sizes
            differ.
        TypeError: ``scores`` or ``phi`` is not floating point.
    """
    items, classes, _, _ = shape = _scores("interpolate_argmax", scores, phi)
    if classes < 1:
        raise ValueError(f"interpolate_argmax: scores must hold at least one class, got {shape}")
    rows, cols = _size("interpolate_argmax", size)
    _diagonal("interpolate_argmax", diagonal)
    return Spec((items, rows, cols), "uint8" if classes <= 256 else "int32")


def boundary_mask(labels: Any) -> Spec:
    """Check the arguments of boundary_mask; return the Spec of its output (N, H, W).

    Raises:
        ValueError: ``labels`` has a wrong shape.
        TypeError: ``labels`` does not hold integers.
    """
    return Spec(_labels("boundary_mask", labels), "bool")


def nearest_boundary(labels: Any, size: Sequence[int]) -> Spec:
    """Check the arguments of nearest_boundary; return the Spec of its output (N, 2, h, w).

    Raises:
        ValueError: ``labels`` or ``size`` has a wrong shape, or ``size`` is below 2 x 2.
        TypeError: ``labels`` does not hold integers.
    """
    items = _labels("nearest_boundary", labels)[0]
    return Spec((items, 2, *_size("nearest_boundary", size, least=2)), "float32")


def solve_sampling(targets: Any, lam: float) -> Spec:
    """Check the arguments of solve_sampling; return the Spec of its output (N, 2, h, w).

    Raises:
        ValueError: ``targets`` has a wrong shape, or ``lam`` is out of range.
        TypeError: ``targets`` is not floating point.
    """
    _targets("solve_sampling", targets, lam)
    return Spec(tuple(targets.shape))


def sampling_energy(phi: Any, targets: Any, lam: float) -> None:
    """Check the arguments of sampling_energy; its output (N,) has the common type of both.

    Raises:
        ValueError: The shapes are wrong or differ, or ``lam`` is out of range.
        TypeError: ``phi`` or ``targets`` is not floating point.
    """
    _phi("sampling_energy", phi)
    _targets("sampling_energy", targets, lam)
    shapes = tuple(phi.shape), tuple(targets.shape)
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"sampling_energy: phi and targets must agree in shape, got {shapes[0]} and {shapes[1]}"
        )


def normalization(
    mean: Sequence[float] | None, std: Sequence[float] | None, channels: int
) -> tuple[list[float], list[float]]:
    """Return ``mean`` and ``std`` as the kernel takes them: a number per channel, or both empty.

    Raises:
        ValueError: A list does not hold one finite number per channel, or ``std`` holds 0.
    """
    if mean is None and std is None:
        return [], []
    means = [0.0] * channels if mean is None else list(map(float, mean))
    stds = [1.0] * channels if std is None else list(map(float, std))
    if len(means) != channels or len(stds) != channels:
        name, values = ("mean", means) if len(means) != channels else ("std", stds)
        raise ValueError(
            f"sample: {name} must hold one number per channel, "
            f"got {len(values)} for {channels} channels"
        )
    if 0.0 in stds:
        raise ValueError(f"sample: std must not be zero, got {stds}")
    if not all(map(math.isfinite, (*means, *stds))):
        raise ValueError(f"sample: mean and std must be finite, got {means} and {stds}")
    return means, stds


# --- What they share ------------------------------------------------------------------------------


def _is_floating(dtype: Any) -> bool:
    floating = getattr(dtype, "is_floating_point", None)
    return bool(dtype.kind == "f" if floating is None else floating)


def _is_integer(dtype: Any) -> bool:
    kind = getattr(dtype, "kind", None)
    if kind is not None:
        return kind in "iub"
    return not dtype.is_floating_point and not dtype.is_complex


def _wide_type(array: Any) -> str:
    """Return the type of computed results: float64 from float64, else float32."""
    dtype = array.dtype
    return "float64" if dtype.itemsize == 8 and _is_floating(dtype) else "float32"


def _size(operation: str, size: Sequence[int], least: int = 1) -> tuple[int, int]:
    """Check that a size is two integers (rows, columns) from ``least`` to 2^30; return them."""
    try:
        rows, cols = size
        if isinstance(rows, float) or isinstance(cols, float):
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(
            f"{operation}: size must be two integers (rows, columns), got {size!r}"
        ) from None
    if not hasattr(rows, "node"):  # torch's symbolic sizes stay symbolic
        rows = operator.index(rows)
    if not hasattr(cols, "node"):
        cols = operator.index(cols)
    if rows < least or cols < least:
        raise ValueError(
            f"{operation}: size must be at least {least} x {least}, got {rows} x {cols}"
        )
    for number in (rows, cols):  # a check of a symbolic size would become an assumption about it
        if isinstance(number, int) and number > LARGEST_SIZE:
            raise ValueError(f"{operation}: size must be at most 2^30 x 2^30, got {rows} x {cols}")
    return rows, cols


def _phi(operation: str, phi: Any, name: str = "phi", least: int = 2) -> None:
    """Check for (N, 2, h, w) floating point with h and w at least ``least``."""
    shape = tuple(phi.shape)
    if len(shape) != 4 or shape[1] != 2:
        raise ValueError(f"{operation}: {name} must be (N, 2, h, w), got {shape}")
    if shape[2] < least or shape[3] < least:
        raise ValueError(
            f"{operation}: {name} must be a grid of at least {least} x {least}, got {shape}"
        )
    if not _is_floating(phi.dtype):
        raise TypeError(f"{operation}: {name} must be floating point, got {phi.dtype}")


def _scores(operation: str, scores: Any, phi: Any) -> tuple[int, ...]:
    """Check ``phi``, and ``scores`` for (N, C, h, w) floating point on its grid; return N .. w."""
    _phi(operation, phi)
    shape = tuple(scores.shape)
    if len(shape) != 4 or shape[2:] != tuple(phi.shape)[2:]:
        raise ValueError(
            f"{operation}: scores must be (N, C, h, w) on the grid of phi, got {shape} with phi "
            f"{tuple(phi.shape)}; resize_sampling_tensor brings phi to the size of the scores"
        )
    if not _is_floating(scores.dtype):
        raise TypeError(f"{operation}: scores must be floating point, got {scores.dtype}")
    _batch(operation, "scores", shape, phi)
    return shape


def _batch(operation: str, name: str, shape: tuple[int, ...], phi: Any) -> None:
    if shape[0] != phi.shape[0]:
        raise ValueError(
            f"{operation}: {name} and phi must agree in batch size, "
            f"got {shape} and {tuple(phi.shape)}"
        )


def _labels(operation: str, labels: Any) -> tuple[int, ...]:
    """Check for (N, H, W) integers, at least one pixel; return the shape."""
    shape = tuple(labels.shape)
    if len(shape) != 3:
        raise ValueError(f"{operation}: labels must be (N, H, W), got {shape}")
    if shape[1] < 1 or shape[2] < 1:
        raise ValueError(f"{operation}: labels must have at least one pixel, got {shape}")
    if not _is_integer(labels.dtype):
        raise TypeError(f"{operation}: labels must be integers, got {labels.dtype}")
    return shape


def _targets(operation: str, targets: Any, lam: float) -> None:
    """Check for (N, 2, h, w) floating point, and for a finite ``lam`` that is not negative."""
    _phi(operation, targets, "targets")
    if not lam >= 0.0 or lam == float("inf"):
        raise ValueError(f"{operation}: lam must be a finite number, at least 0, got {lam}")


def _diagonal(operation: str, diagonal: str) -> None:
    if diagonal not in DIAGONALS:
        raise ValueError(
            f"{operation}: diagonal must be one of {', '.join(DIAGONALS)}, got {diagonal!r}"
        )
