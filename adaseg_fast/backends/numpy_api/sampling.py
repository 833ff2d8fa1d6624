# SPDX-License-Identifier: Apache-2.0
"""Sampling tensors and the sampler of eq. (1), on NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from adaseg_fast.backends import grids, specs
from adaseg_fast.backends.numpy_api.arrays import Array, at_most, new, plain
from adaseg_fast.backends.select import kernels


def uniform_sampling_tensor(
    size: Sequence[int], *, batch_size: int = 1, dtype: DTypeLike = np.float32
) -> Array:
    """Make the uniform sampling tensor u: u[:, 0] = i / (h-1), u[:, 1] = j / (w-1) (sec. 3).

    Args:
        size: (h, w), each at least 2.
        batch_size: N, at least 0.
        dtype: A floating-point type.

    Returns:
        (N, 2, h, w), relative (row, column).

    Raises:
        ValueError: ``size`` is not two integers of at least 2, or ``batch_size`` is negative.
        TypeError: ``dtype`` is not floating point.

    Example:
        >>> uniform_sampling_tensor((2, 3))[0, 1]
        array([[0. , 0.5, 1. ],
               [0. , 0.5, 1. ]], dtype=float32)
    """
    kind = np.dtype(dtype)
    shape = specs.uniform_sampling_tensor(size, batch_size, kind).shape
    uniform = np.empty(shape, kind)
    uniform[:, 0] = grids.uniform_line(np, shape[2])[:, None]
    uniform[:, 1] = grids.uniform_line(np, shape[3])
    return uniform


def resize_sampling_tensor(phi: Array, size: Sequence[int]) -> Array:
    """Resize a sampling tensor bilinearly, corners aligned (sec. 3.1, Fig. 5).

    Equal neighbours stay exactly equal, so the covering constraints (3) are kept.

    Args:
        phi: (N, 2, h, w) floating point, h and w at least 2, relative (row, column).
        size: (h', w'), each at least 2.

    Returns:
        (N, 2, h', w') of the dtype of ``phi``.

    Raises:
        ValueError: ``phi`` or ``size`` has a wrong shape, or ``size`` is below 2 x 2.
        TypeError: ``phi`` is not floating point.

    Example:
        >>> phi = uniform_sampling_tensor((2, 2))
        >>> bool((resize_sampling_tensor(phi, (5, 9)) == uniform_sampling_tensor((5, 9))).all())
        True
    """
    rows, cols = specs.resize_sampling_tensor(phi, size).shape[2:]
    computed = phi.astype(np.float32) if phi.dtype.itemsize < 4 else phi
    resized = _lerp_along(_lerp_along(computed, 2, rows), 3, cols)
    return resized.astype(phi.dtype.newbyteorder("="))


def _lerp_along(phi: Array, axis: int, size: int) -> Array:
    if size == phi.shape[axis]:
        return phi
    before, share = grids.neighbours(np, phi.shape[axis], size)
    weight = share.astype(phi.dtype)
    if axis == 2:
        weight = weight[:, None]
    index = before.astype(np.intp)
    start, end = phi.take(index, axis), phi.take(index + 1, axis)
    # From the nearer end, so that each end is met exactly, and so is a value that both share.
    step = end - start
    lerped: Array = np.where(weight < 0.5, start + weight * step, end - (1 - weight) * step)
    return lerped


def project_to_cover(phi: Array) -> Array:
    """Return the nearest sampling tensor that meets the covering constraints (3).

    Coordinates are clamped to [0, 1], and the border points are put on the border of the image.

    Args:
        phi: (N, 2, h, w) floating point, h and w at least 2, relative (row, column).

    Returns:
        (N, 2, h, w), a new array of the dtype of ``phi``.

    Raises:
        ValueError: ``phi`` has a wrong shape.
        TypeError: ``phi`` is not floating point.

    Example:
        >>> import numpy as np
        >>> project_to_cover(np.full((1, 2, 3, 3), 0.4))[0, 0]
        array([[0. , 0. , 0. ],
               [0.4, 0.4, 0.4],
               [1. , 1. , 1. ]])
    """
    projected = new(specs.project_to_cover(phi), phi)
    np.clip(phi, 0, 1, out=projected)
    projected[:, 0, 0], projected[:, 0, -1] = 0, 1
    projected[:, 1, :, 0], projected[:, 1, :, -1] = 0, 1
    return projected


def sample(
    image: Array,
    phi: Array,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    threads: int | None = None,
) -> Array:
    """Sample each grid point from its nearest pixel (eq. 1).

    Point phi[:, :, i, j] takes pixel (rint(row * (H-1)), rint(column * (W-1))), ties to even,
    clamped to the image. Only the sampled pixels are read, from memory of any strides: an (H, W, 3)
    image viewed as (1, 3, H, W) is not copied.

    Args:
        image: (N, C, H, W), any real dtype, at least one pixel.
        phi: (N, 2, h, w) floating point, relative (row, column).
        mean: One number per channel, in units of the image. With ``mean`` or ``std`` the result is
            (x - mean) / std.
        std: One non-zero number per channel, in units of the image.
        threads: The most threads to use, 1 to 1024; all processors by default.

    Returns:
        (N, C, h, w) of the dtype of ``image``; normalised, float64 for a float64 image, else
        float32.

    Raises:
        ValueError: A shape is wrong, the batch sizes differ, ``mean`` or ``std`` does not fit the
            channels, or ``phi`` holds NaN or infinity.
        TypeError: ``phi`` is not floating point, or no kernel reads the dtype of ``image``.

    Example:
        >>> import numpy as np
        >>> image = np.arange(25, dtype=np.uint8).reshape(1, 1, 5, 5)
        >>> sample(image, uniform_sampling_tensor((2, 3)))[0, 0]
        array([[ 0,  2,  4],
               [20, 22, 24]], dtype=uint8)
    """
    spec, means, stds = specs.sample(image, phi, mean, std)
    out = new(spec, image)
    kernels().sample(plain(image), plain(phi), out, means, stds, at_most(threads))
    return out
