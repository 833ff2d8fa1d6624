# SPDX-License-Identifier: Apache-2.0
"""From scores on the sampling grid back to full resolution (sec. 3.3), on NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adaseg_fast.backends import specs
from adaseg_fast.backends.logit import two_classes
from adaseg_fast.backends.numpy_api.arrays import Array, at_most, new, plain
from adaseg_fast.backends.select import kernels


def triangles(
    phi: Array, size: Sequence[int], *, diagonal: str = "delaunay", threads: int | None = None
) -> Array:
    """List the triangles of the sampling grid as vertex numbers.

    Each cell is split along one diagonal: the Delaunay one in pixel units; in a non-convex cell the
    one that inverts no triangle; on a tie the one from (i, j) to (i+1, j+1).

    Args:
        phi: (N, 2, h, w) floating point, relative (row, column), h and w at least 2.
        size: (H, W) of the image, which decides what diagonal is Delaunay.
        diagonal: "delaunay", or one direction for all cells: "main" from (i, j) to (i+1, j+1),
            "anti" from (i, j+1) to (i+1, j).
        threads: The most threads to use, 1 to 1024; all processors by default.

    Returns:
        (N, T, 3) int64 with T = 2 (h-1) (w-1), where point (i, j) has the number i * w + j. The
        cells follow each other row by row; in a cell the triangle with the upper edge is first.

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong, or ``phi`` holds NaN or infinity.
        TypeError: ``phi`` is not floating point.

    Example:
        >>> from adaseg_fast.backends import uniform_sampling_tensor
        >>> triangles(uniform_sampling_tensor((2, 2)), (8, 8))
        array([[[0, 1, 3],
                [0, 3, 2]]])
    """
    out = new(specs.triangles(phi, size, diagonal), phi)
    rows, cols = map(int, size)  # NumPy's own integers lack bit_length
    rule = specs.DIAGONALS[diagonal]
    kernels().triangles(plain(phi), out, rows, cols, rule, at_most(threads))
    return out


def rasterize(
    phi: Array, size: Sequence[int], *, diagonal: str = "delaunay", threads: int | None = None
) -> tuple[Array, Array]:
    """Find the triangle that owns each pixel, and the pixel's barycentric weights in it.

    This serves to use one grid on several arrays. The domain is closed: with the covering
    constraints (3) every pixel has exactly one owner. Where a folded grid covers a pixel twice the
    highest triangle number wins. Coordinates outside [0, 1] are clamped.

    Args:
        phi: (N, 2, h, w) floating point, relative (row, column), h and w at least 2.
        size: (H, W) of the image.
        diagonal: How cells are split, as in ``triangles``.
        threads: The most threads to use, 1 to 1024; all processors by default.

    Returns:
        Faces (N, H, W) int32, numbers into the result of ``triangles``, -1 where (3) does not hold
        and no triangle covers the pixel; and weights (N, 3, H, W) of the triangle's corners,
        float64 for a float64 ``phi``, else float32, 0 where the face is -1.

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong, or ``phi`` holds NaN or infinity.
        TypeError: ``phi`` is not floating point.

    Example:
        >>> from adaseg_fast.backends import uniform_sampling_tensor
        >>> faces, weights = rasterize(uniform_sampling_tensor((2, 2)), (3, 3))
        >>> weights[0, :, 1, 1]  # of the middle pixel, halfway along the diagonal
        array([0.5, 0. , 0.5], dtype=float32)
    """
    spec_of_faces, spec_of_weights = specs.rasterize(phi, size, diagonal)
    faces, weights = new(spec_of_faces, phi), new(spec_of_weights, phi)
    rule = specs.DIAGONALS[diagonal]
    kernels().rasterize(plain(phi), faces, weights, rule, at_most(threads))
    return faces, weights


def interpolate(
    scores: Array,
    phi: Array,
    size: Sequence[int],
    *,
    diagonal: str = "delaunay",
    threads: int | None = None,
) -> Array:
    """Interpolate scores from the sampling grid to every pixel (sec. 3.3).

    The interpolation is barycentric on the triangles of the grid: affine functions are reproduced,
    and no value leaves the range of its triangle's corners. A corner of weight 0 does not count; of
    the others a NaN makes the value NaN, else -inf (a class that is ruled out) makes it -inf, else
    +inf makes it +inf.

    Args:
        scores: (N, C, h, w) floating point; float16 is computed in float32.
        phi: (N, 2, h, w) floating point, relative (row, column), h and w at least 2.
        size: (H, W) of the result.
        diagonal: How cells are split, as in ``triangles``.
        threads: The most threads to use, 1 to 1024; all processors by default.

    Returns:
        (N, C, H, W) of the dtype of ``scores``; 0 where (3) does not hold and no triangle covers
        the pixel.

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong, the batch sizes differ, or ``phi`` holds
            NaN or infinity.
        TypeError: ``scores`` or ``phi`` is not floating point.

    Example:
        >>> import numpy as np
        >>> from adaseg_fast.backends import uniform_sampling_tensor
        >>> scores = np.array([[[[0.0, 0.0], [4.0, 4.0]]]])
        >>> interpolate(scores, uniform_sampling_tensor((2, 2)), (5, 2))[0, 0, :, 0]
        array([0., 1., 2., 3., 4.])
    """
    out = new(specs.interpolate(scores, phi, size, diagonal), scores)
    rule = specs.DIAGONALS[diagonal]
    kernels().interpolate(plain(scores), plain(phi), out, rule, at_most(threads))
    return out


def interpolate_argmax(
    scores: Array,
    phi: Array,
    size: Sequence[int],
    *,
    diagonal: str = "delaunay",
    threads: int | None = None,
) -> Array:
    """Compute ``interpolate(scores, phi, size).argmax(1)`` without the scores at full resolution.

    The lowest class wins a tie. The result differs from that of the two steps only where the two
    best scores differ by less than 1e-5 of the largest finite score of the triangle's corners. NaN
    never wins; where every class is NaN the label is 0. A single channel is a logit: class 1 where
    its value is above 0, else class 0.

    Args:
        scores: (N, C, h, w) floating point, C at least 1.
        phi: (N, 2, h, w) floating point, relative (row, column), h and w at least 2.
        size: (H, W) of the result.
        diagonal: How cells are split, as in ``triangles``.
        threads: The most threads to use, 1 to 1024; all processors by default.

    Returns:
        (N, H, W) labels, uint8, or int32 above 256 classes. Where (3) does not hold and no triangle
        covers the pixel the label is 255, or -1 in int32.

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong, there is no class, the batch sizes
            differ, or ``phi`` holds NaN or infinity.
        TypeError: ``scores`` or ``phi`` is not floating point.

    Example:
        >>> import numpy as np
        >>> from adaseg_fast.backends import uniform_sampling_tensor
        >>> scores = np.array([[[[3.0, 0.0], [3.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]]])
        >>> interpolate_argmax(scores, uniform_sampling_tensor((2, 2)), (2, 6))
        array([[[0, 0, 0, 0, 1, 1],
                [0, 0, 0, 0, 1, 1]]], dtype=uint8)
    """
    out = new(specs.interpolate_argmax(scores, phi, size, diagonal), scores)
    rule = specs.DIAGONALS[diagonal]
    classes = plain(two_classes(np, scores))
    kernels().interpolate_argmax(classes, plain(phi), out, rule, at_most(threads))
    return out
