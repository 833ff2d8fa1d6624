# SPDX-License-Identifier: Apache-2.0
"""Eq. (1): the pixel nearest to each grid point, and the transpose of that gather."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from adaseg_fast.backends.numba import geometry, runtime
from adaseg_fast.backends.numba.runtime import SOURCES, Array, Floats, kernel


class Image(NamedTuple):
    """An image where it lies in memory, whatever its strides: only the sampled pixels are read.

    Attributes:
        elements: all of its memory, as a vector.
        first: where pixel (0, 0) of channel 0 lies in it.
        strides: steps to the next channel, row and column.
        size: rows and columns.
    """

    elements: Array
    first: int
    strides: tuple[int, int, int]
    size: tuple[int, int]


def image_of(pixels: Array) -> Image:
    """An image (C, H, W) that has at least one element; it is not copied."""
    channel, down, right = (stride // pixels.itemsize for stride in pixels.strides)
    steps = channel, down, right
    spans = [(count - 1) * step for count, step in zip(pixels.shape, steps, strict=True)]
    lowest = pixels[tuple(slice(None, None, -1 if step < 0 else 1) for step in steps)]
    extent = (1 + sum(abs(span) for span in spans),)
    elements = runtime.protected(as_strided(lowest, extent, (pixels.itemsize,), writeable=False))
    first = -sum(span for span in spans if span < 0)
    return Image(elements, first, steps, (pixels.shape[1], pixels.shape[2]))


def sample(
    image: Array, phi: Array, out: Array, mean: Sequence[float], std: Sequence[float], threads: int
) -> None:
    """Pixels, or (x - mean) / std where a std is given."""
    points, patterns = runtime.finite_grid(phi), runtime.bit_patterns(image)
    if out.size == 0:
        return
    shift, scale = (np.array(x, out.dtype)[:, None, None] for x in (mean, std))

    def fill(n: int) -> None:
        pixels = np.empty(out.shape[1:], image.dtype) if std else out[n]
        gather(image_of(patterns[n]), points[n], runtime.bit_patterns(pixels))
        if std:
            with np.errstate(over="ignore", invalid="ignore"):
                np.divide(pixels.astype(out.dtype) - shift, scale, out=out[n])

    runtime.run(fill, range(len(out)), threads, out.size)


def sample_backward(
    grad: Array, phi: Array, grad_image: Array, std: Sequence[float], threads: int
) -> None:
    """Add each point's gradient, divided by std where it is given, to the pixel it was read from.

    A plane is the work of one thread, so that points that share a pixel add up in a fixed order.
    """
    points = runtime.finite_grid(phi)

    def fill(plane: tuple[int, int]) -> None:
        to = grad_image[plane]
        sums = runtime.widened(to)  # sums of sixteen bits would lose small terms
        sums[...] = 0
        values = np.asarray(grad[plane], sums.dtype)
        if std:
            values = values / sums.dtype.type(std[plane[1]])
        scatter(runtime.contiguous(values, sums.dtype), points[plane[0]], sums)
        runtime.store(sums, to)

    planes = product(range(len(grad_image)), range(grad_image.shape[1]))
    runtime.run(fill, planes, threads, grad_image.size)


@kernel
def gather(image: Image, phi: Floats, out: NDArray[Any], sources: int = SOURCES) -> None:
    """Pixels (C, h, w) at the points (2, h, w)."""
    channel, down, right = image.strides
    for i in range(phi.shape[1]):
        for j in range(phi.shape[2]):
            row = geometry.nearest_pixel(phi[0, i, j], image.size[0])
            col = geometry.nearest_pixel(phi[1, i, j], image.size[1])
            at = image.first + row * down + col * right
            for c in range(out.shape[0]):
                out[c, i, j] = image.elements[at + c * channel]


@kernel
def scatter(grad: NDArray[Any], phi: Floats, out: NDArray[Any], sources: int = SOURCES) -> None:
    """Add the gradients (h, w) of the points (2, h, w) to the pixels of a plane (H, W)."""
    for i in range(phi.shape[1]):
        for j in range(phi.shape[2]):
            row = geometry.nearest_pixel(phi[0, i, j], out.shape[0])
            col = geometry.nearest_pixel(phi[1, i, j], out.shape[1])
            out[row, col] += grad[i, j]
