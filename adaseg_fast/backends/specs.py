# SPDX-License-Identifier: Apache-2.0
"""What each operation accepts, and the shape and element type of what it returns.

There is one function per operation, under the operation's name. It takes the operation's arguments,
as NumPy arrays or torch tensors, checks them and returns a ``Spec`` per output. Only ``shape`` and
``dtype`` are read, so the functions need neither torch nor the data, and sizes may be torch's
symbolic ones. A wrong shape, size or number is a ``ValueError``, a wrong dtype a ``TypeError``. The
message names the operation, the argument, what came and what is wanted.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

DIAGONALS = {"delaunay": 0, "main": 1, "anti": 2}  # as the kernels number them

MOST_THREADS = 1024  # starting many thousands fails, and aborts the process

LARGEST_SIZE = 2**30  # rows or columns: so that columns beyond the image fit 31 bits, too


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
    """(N, 2, h, w) of ``dtype``, which must be floating point."""
    rows, cols = _size("uniform_sampling_tensor", size, least=2)
    if batch_size < 0:
        raise ValueError(
            f"uniform_sampling_tensor: batch_size must not be negative, got {batch_size}"
        )
    if not _is_floating(dtype):
        raise TypeError(f"uniform_sampling_tensor: dtype must be floating point, got {dtype}")
    return Spec((batch_size, 2, rows, cols))


def resize_sampling_tensor(phi: Any, size: Sequence[int]) -> Spec:
    """(N, 2, h', w') of the type of ``phi``."""
    _phi("resize_sampling_tensor", phi)
    return Spec((phi.shape[0], 2, *_size("resize_sampling_tensor", size, least=2)))


def project_to_cover(phi: Any) -> Spec:
    """(N, 2, h, w) of the type of ``phi``."""
    _phi("project_to_cover", phi)
    return Spec(tuple(phi.shape))


def sample(
    image: Any, phi: Any, mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[Spec, list[float], list[float]]:
    """(N, C, h, w) of the image's type, floating point where it is normalised; mean and std.

    The latter are those that the kernel takes, see ``normalization``.
    """
    _phi("sample", phi, least=1)
    shape = tuple(image.shape)
    if len(shape) != 4:
        raise ValueError(f"sample: image must be (N, C, H, W), got {shape}")
    if shape[2] < 1 or shape[3] < 1:
        raise ValueError(f"sample: image must have at least one pixel, got {shape}")
    _batch("sample", "image", shape, phi)
    means, stds = normalization(mean, std, shape[1])
    spec = Spec((*shape[:2], *phi.shape[2:]), _wide_type(image) if stds else None)
    return spec, means, stds


def triangles(phi: Any, size: Sequence[int], diagonal: str) -> Spec:
    """(N, T, 3) int64 with T = 2 (h-1) (w-1)."""
    _phi("triangles", phi)
    _size("triangles", size)
    _diagonal("triangles", diagonal)
    items, _, h, w = phi.shape
    return Spec((items, 2 * (h - 1) * (w - 1), 3), "int64")


def rasterize(phi: Any, size: Sequence[int], diagonal: str) -> tuple[Spec, Spec]:
    """Faces (N, H, W) int32; weights (N, 3, H, W), float64 for such a ``phi``, else float32."""
    _phi("rasterize", phi)
    rows, cols = _size("rasterize", size)
    _diagonal("rasterize", diagonal)
    items = phi.shape[0]
    return Spec((items, rows, cols), "int32"), Spec((items, 3, rows, cols), _wide_type(phi))


def interpolate(scores: Any, phi: Any, size: Sequence[int], diagonal: str) -> Spec:
    """(N, C, H, W) of the type of ``scores``."""
    shape = _scores("interpolate", scores, phi)
    rows, cols = _size("interpolate", size)
    _diagonal("interpolate", diagonal)
    return Spec((*shape[:2], rows, cols))


def interpolate_argmax(scores: Any, phi: Any, size: Sequence[int], diagonal: str) -> Spec:
    """(N, H, W) uint8, or int32 above 256 classes."""
    items, classes, _, _ = shape = _scores("interpolate_argmax", scores, phi)
    if classes < 1:
        raise ValueError(f"interpolate_argmax: scores must hold at least one class, got {shape}")
    rows, cols = _size("interpolate_argmax", size)
    _diagonal("interpolate_argmax", diagonal)
    return Spec((items, rows, cols), "uint8" if classes <= 256 else "int32")


def boundary_mask(labels: Any) -> Spec:
    """(N, H, W) bool."""
    return Spec(_labels("boundary_mask", labels), "bool")


def nearest_boundary(labels: Any, size: Sequence[int]) -> Spec:
    """(N, 2, h, w) float32."""
    items = _labels("nearest_boundary", labels)[0]
    return Spec((items, 2, *_size("nearest_boundary", size, least=2)), "float32")


def solve_sampling(targets: Any, lam: float) -> Spec:
    """(N, 2, h, w) of the type of ``targets``."""
    _targets("solve_sampling", targets, lam)
    return Spec(tuple(targets.shape))


def sampling_energy(phi: Any, targets: Any, lam: float) -> None:
    """Checks alone: the result, (N,), has the common type of both tensors."""
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
    """The ``mean`` and ``std`` that the kernel takes: one each per channel, or two empty lists."""
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
    """Type of results that are computed: float64 from float64, else float32."""
    dtype = array.dtype
    return "float64" if dtype.itemsize == 8 and _is_floating(dtype) else "float32"


def _size(operation: str, size: Sequence[int], least: int = 1) -> tuple[int, int]:
    """Two integers from ``least`` to 2^30: rows and columns."""
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
    """(N, 2, h, w) floating point with h and w at least ``least``."""
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
    """(N, C, h, w) floating point on the grid of ``phi``, which is checked as well."""
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
    """(N, H, W) integers, at least one pixel."""
    shape = tuple(labels.shape)
    if len(shape) != 3:
        raise ValueError(f"{operation}: labels must be (N, H, W), got {shape}")
    if shape[1] < 1 or shape[2] < 1:
        raise ValueError(f"{operation}: labels must have at least one pixel, got {shape}")
    if not _is_integer(labels.dtype):
        raise TypeError(f"{operation}: labels must be integers, got {labels.dtype}")
    return shape


def _targets(operation: str, targets: Any, lam: float) -> None:
    """(N, 2, h, w) as ``phi``, and a finite weight that is not negative."""
    _phi(operation, targets, "targets")
    if not lam >= 0.0 or lam == float("inf"):
        raise ValueError(f"{operation}: lam must be a finite number, at least 0, got {lam}")


def _diagonal(operation: str, diagonal: str) -> None:
    if diagonal not in DIAGONALS:
        raise ValueError(
            f"{operation}: diagonal must be one of {', '.join(DIAGONALS)}, got {diagonal!r}"
        )
