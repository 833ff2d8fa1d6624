# SPDX-License-Identifier: Apache-2.0
"""From scores on the sampling grid back to the full resolution (sec. 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from adaseg_fast.backends import specs
from adaseg_fast.backends.logit import two_classes
from adaseg_fast.ops._arrays import Call, check_devices, new
from adaseg_fast.ops._register import (
    register,
    register_autograd,
    register_no_gradient,
    without_gradient,
)


def triangles(phi: Tensor, size: Sequence[int], *, diagonal: str = "delaunay") -> Tensor:
    """List the triangles of the sampling grid as vertex numbers.

    Each cell is split along one diagonal: the Delaunay one in pixel units; in a non-convex cell the
    one that inverts no triangle; on a tie the one from (i, j) to (i+1, j+1). Not differentiable.

    Args:
        phi: (N, 2, h, w) floating point, relative (row, column), h and w at least 2.
        size: (H, W) of the image, which decides what diagonal is Delaunay.
        diagonal: "delaunay", or one direction for all cells: "main" from (i, j) to (i+1, j+1),
            "anti" from (i, j+1) to (i+1, j).

    Returns:
        (N, T, 3) int64 with T = 2 (h-1) (w-1), where point (i, j) has the number i * w + j. The
        cells follow each other row by row; in a cell the triangle with the upper edge is first.

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong, or ``phi`` holds NaN or infinity (on
            CUDA devices that is an error only with ``adaseg_fast.set_debug(True)``).
        TypeError: ``phi`` is not floating point.

    Example:
        >>> from adaseg_fast.ops import uniform_sampling_tensor
        >>> triangles(uniform_sampling_tensor((2, 2)), (8, 8))
        tensor([[[0, 1, 3],
                 [0, 3, 2]]])
    """
    found: Tensor = torch.ops.adaseg.triangles(phi, size, diagonal)
    return found


def rasterize(
    phi: Tensor, size: Sequence[int], *, diagonal: str = "delaunay"
) -> tuple[Tensor, Tensor]:
    """Find the triangle that owns each pixel, and the pixel's barycentric weights in it.

    This serves to use one grid on several tensors. The domain is closed: with the covering
    constraints (3) every pixel has exactly one owner. Where a folded grid covers a pixel twice the
    highest triangle number wins. Coordinates outside [0, 1] are clamped. Not differentiable;
    ``interpolate`` is.

    Args:
        phi: (N, 2, h, w) floating point, relative (row, column), h and w at least 2.
        size: (H, W) of the image; pixel (r, c) lies at (r / (H-1), c / (W-1)).
        diagonal: How cells are split, as in ``triangles``.

    Returns:
        Faces (N, H, W) int32, numbers into the result of ``triangles``, -1 where (3) does not hold
        and no triangle covers the pixel; and weights (N, 3, H, W) of the triangle's corners,
        float64 for a float64 ``phi``, else float32, 0 where the face is -1.

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong, or ``phi`` holds NaN or infinity (on
            CUDA devices that is an error only with ``adaseg_fast.set_debug(True)``).
        TypeError: ``phi`` is not floating point.

    Example:
        >>> from adaseg_fast.ops import uniform_sampling_tensor
        >>> faces, weights = rasterize(uniform_sampling_tensor((2, 2)), (3, 3))
        >>> weights[0, :, 1, 1]  # of the middle pixel, halfway along the diagonal
        tensor([0.5000, 0.0000, 0.5000])
    """
    faces, weights = torch.ops.adaseg.rasterize(phi, size, diagonal)
    return faces, weights


def interpolate(
    scores: Tensor, phi: Tensor, size: Sequence[int], *, diagonal: str = "delaunay"
) -> Tensor:
    """Interpolate scores from the sampling grid to every pixel (sec. 3.3).

    The interpolation is barycentric on the triangles of the grid: affine functions are reproduced,
    and no value leaves the range of its triangle's corners. A corner of weight 0 does not count; of
    the others a NaN makes the value NaN, else -inf (a class that is ruled out) makes it -inf, else
    +inf makes it +inf. It equals
    ``scipy.interpolate.griddata``, which the paper uses, wherever Delaunay's triangulation keeps
    the edges of the grid. Differentiable once, in ``scores`` and ``phi``; the gradients are
    deterministic. Where a score is not finite, its channel adds nothing to the gradient of ``phi``
    from the triangles around it.

    Args:
        scores: (N, C, h, w) floating point; float16 and bfloat16 are computed in float32.
        phi: (N, 2, h, w) floating point, relative (row, column), h and w at least 2.
        size: (H, W) of the result.
        diagonal: How cells are split, as in ``triangles``.

    Returns:
        (N, C, H, W), dtype and device of ``scores``; 0 where (3) does not hold and no triangle
        covers the pixel.

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong, batch sizes or devices differ, or
            ``phi`` holds NaN or infinity (on CUDA devices that is an error only with
            ``adaseg_fast.set_debug(True)``).
        TypeError: ``scores`` or ``phi`` is not floating point.

    Example:
        >>> from adaseg_fast.ops import uniform_sampling_tensor
        >>> scores = torch.tensor([[[[0.0, 0.0], [4.0, 4.0]]]])
        >>> interpolate(scores, uniform_sampling_tensor((2, 2)), (5, 2))[0, 0, :, 0]
        tensor([0., 1., 2., 3., 4.])
    """
    values: Tensor = torch.ops.adaseg.interpolate(scores, phi, size, diagonal)
    return values


def interpolate_argmax(
    scores: Tensor, phi: Tensor, size: Sequence[int], *, diagonal: str = "delaunay"
) -> Tensor:
    """Compute ``interpolate(scores, phi, size).argmax(1)`` without the scores at full resolution.

    The lowest class wins a tie. The result differs from that of the two steps only where the two
    best scores differ by less than 1e-5 of the largest finite score of the triangle's corners. NaN
    never wins; where every class is NaN the label is 0. A single channel is a logit: class 1 where
    its value is above 0, else class 0. Not differentiable.

    Args:
        scores: (N, C, h, w) floating point, C at least 1.
        phi: (N, 2, h, w) floating point, relative (row, column), h and w at least 2.
        size: (H, W) of the result.
        diagonal: How cells are split, as in ``triangles``.

    Returns:
        (N, H, W) labels, uint8, or int32 above 256 classes. Where (3) does not hold and no triangle
        covers the pixel the label is 255, or -1 in int32.

    Raises:
        ValueError: A shape, size or ``diagonal`` is wrong, there is no class, batch sizes or
            devices differ, or ``phi`` holds NaN or infinity (on CUDA devices that is an error only
            with ``adaseg_fast.set_debug(True)``).
        TypeError: ``scores`` or ``phi`` is not floating point.

    Example:
        >>> from adaseg_fast.ops import uniform_sampling_tensor
        >>> scores = torch.tensor([[[[3.0, 0.0], [3.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]]])
        >>> interpolate_argmax(scores, uniform_sampling_tensor((2, 2)), (2, 6))
        tensor([[[0, 0, 0, 0, 1, 1],
                 [0, 0, 0, 0, 1, 1]]], dtype=torch.uint8)
    """
    labels: Tensor = torch.ops.adaseg.interpolate_argmax(scores, phi, size, diagonal)
    return labels


def _triangles_out(phi: Tensor, size: Sequence[int], diagonal: str = "delaunay") -> Tensor:
    return new(specs.triangles(phi, size, diagonal), phi)


def _triangles_fill(
    out: Tensor, phi: Tensor, size: Sequence[int], diagonal: str = "delaunay"
) -> None:
    call = Call(phi)
    rows, cols = size
    rule = specs.DIAGONALS[diagonal]
    call.kernels.triangles(call.array(phi), call.out(out), rows, cols, rule, call.threads)


def _rasterize_out(
    phi: Tensor, size: Sequence[int], diagonal: str = "delaunay"
) -> tuple[Tensor, Tensor]:
    faces, weights = specs.rasterize(phi, size, diagonal)
    return new(faces, phi), new(weights, phi)


def _rasterize_fill(
    out: tuple[Tensor, Tensor], phi: Tensor, size: Sequence[int], diagonal: str = "delaunay"
) -> None:
    call = Call(phi)
    faces, weights = out
    rule = specs.DIAGONALS[diagonal]
    call.kernels.rasterize(call.array(phi), call.out(faces), call.out(weights), rule, call.threads)


def _interpolate_out(
    scores: Tensor, phi: Tensor, size: Sequence[int], diagonal: str = "delaunay"
) -> Tensor:
    spec = specs.interpolate(scores, phi, size, diagonal)
    check_devices("interpolate", scores=scores, phi=phi)
    return new(spec, scores)


def _interpolate_fill(
    out: Tensor, scores: Tensor, phi: Tensor, size: Sequence[int], diagonal: str = "delaunay"
) -> None:
    call = Call(phi)
    rule = specs.DIAGONALS[diagonal]
    call.kernels.interpolate(call.array(scores), call.array(phi), call.out(out), rule, call.threads)
    call.finish()


def _argmax_out(
    scores: Tensor, phi: Tensor, size: Sequence[int], diagonal: str = "delaunay"
) -> Tensor:
    spec = specs.interpolate_argmax(scores, phi, size, diagonal)
    check_devices("interpolate_argmax", scores=scores, phi=phi)
    return new(spec, scores)


def _argmax_fill(
    out: Tensor, scores: Tensor, phi: Tensor, size: Sequence[int], diagonal: str = "delaunay"
) -> None:
    call = Call(phi)
    rule = specs.DIAGONALS[diagonal]
    classes = two_classes(torch, scores)  # its memory must outlive the call
    call.kernels.interpolate_argmax(
        call.array(classes), call.array(phi), call.out(out), rule, call.threads
    )


def _backward_out(
    grad: Tensor,
    scores: Tensor,
    phi: Tensor,
    to_scores: bool,
    to_phi: bool,
    diagonal: str = "delaunay",
) -> tuple[Tensor, Tensor]:
    none = (0,)
    return (
        scores.new_empty(scores.shape if to_scores else none),
        phi.new_empty(phi.shape if to_phi else none),
    )


def _backward_fill(
    out: tuple[Tensor, Tensor],
    grad: Tensor,
    scores: Tensor,
    phi: Tensor,
    to_scores: bool,
    to_phi: bool,
    diagonal: str = "delaunay",
) -> None:
    call = Call(phi)
    rule = specs.DIAGONALS[diagonal]
    call.kernels.interpolate_backward(
        call.array(grad),
        call.array(scores),
        call.array(phi),
        call.out(out[0]) if to_scores else None,
        call.out(out[1]) if to_phi else None,
        rule,
        call.threads,
    )
    call.finish()


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, phi: Tensor, size: Sequence[int], diagonal: str = "delaunay"
    ) -> Tensor:
        ctx.save_for_backward(scores, phi)
        ctx.diagonal = diagonal
        values: Tensor = without_gradient("interpolate", scores, phi, size, diagonal)
        return values

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        scores, phi = ctx.saved_tensors
        to_scores, to_phi = ctx.needs_input_grad[:2]
        grad_scores, grad_phi = torch.ops.adaseg.interpolate_backward(
            grads[0], scores, phi, to_scores, to_phi, ctx.diagonal
        )
        return grad_scores if to_scores else None, grad_phi if to_phi else None, None, None


_GRID = 'SymInt[] size, str diagonal="delaunay"'

register(f"triangles(Tensor phi, {_GRID}) -> Tensor", _triangles_out, _triangles_fill)
register_no_gradient("triangles")
register(f"rasterize(Tensor phi, {_GRID}) -> (Tensor, Tensor)", _rasterize_out, _rasterize_fill)
register_no_gradient("rasterize")
register(
    f"interpolate(Tensor scores, Tensor phi, {_GRID}) -> Tensor",
    _interpolate_out,
    _interpolate_fill,
)
register_autograd("interpolate", _Interpolate, inputs=2)
register(
    "interpolate_backward(Tensor grad, Tensor scores, Tensor phi, bool to_scores, bool to_phi, "
    'str diagonal="delaunay") -> (Tensor, Tensor)',
    _backward_out,
    _backward_fill,
)
register_no_gradient("interpolate_backward", "interpolate cannot be differentiated twice")
register(
    f"interpolate_argmax(Tensor scores, Tensor phi, {_GRID}) -> Tensor", _argmax_out, _argmax_fill
)
register_no_gradient("interpolate_argmax")
