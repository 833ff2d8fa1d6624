# SPDX-License-Identifier: Apache-2.0
"""Sampling tensors and the sampler of eq. (1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from adaseg_fast.backends import grids, specs
from adaseg_fast.ops._arrays import Call, check_devices, new
from adaseg_fast.ops._register import (
    register,
    register_autograd,
    register_composite,
    register_no_gradient,
    without_gradient,
)


def uniform_sampling_tensor(
    size: Sequence[int],
    *,
    batch_size: int = 1,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """Make the uniform sampling tensor u: u[:, 0] = i / (h-1), u[:, 1] = j / (w-1) (sec. 3).

    Args:
        size: (h, w), each at least 2.
        batch_size: N, at least 0.
        dtype: A floating-point type.
        device: Where the tensor is made, torch's default device by default.

    Returns:
        (N, 2, h, w), relative (row, column).

    Raises:
        ValueError: ``size`` is not two integers of at least 2, or ``batch_size`` is negative.
        TypeError: ``dtype`` is not floating point.

    Example:
        >>> uniform_sampling_tensor((2, 3))[0, 1]
        tensor([[0.0000, 0.5000, 1.0000],
                [0.0000, 0.5000, 1.0000]])
    """
    uniform: Tensor = torch.ops.adaseg.uniform_sampling_tensor(
        size, batch_size, dtype=dtype, device=torch.empty(0, device=device).device
    )
    return uniform


def _uniform(
    size: Sequence[int],
    batch_size: int = 1,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    dtype = torch.float32 if dtype is None else dtype
    items, _, h, w = specs.uniform_sampling_tensor(size, batch_size, dtype).shape
    rows = grids.uniform_line(torch, h, device=device)
    cols = grids.uniform_line(torch, w, device=device)
    grid = torch.stack([rows[:, None].expand(h, w), cols[None, :].expand(h, w)])
    return grid.to(dtype).expand(items, 2, h, w).contiguous()


def resize_sampling_tensor(phi: Tensor, size: Sequence[int]) -> Tensor:
    """Resize a sampling tensor bilinearly, corners aligned (sec. 3.1, Fig. 5).

    Equal neighbours stay exactly equal, so the covering constraints (3) still hold. Differentiable
    in ``phi``.

    Args:
        phi: (N, 2, h, w) floating point, h and w at least 2, relative (row, column).
        size: (h', w'), each at least 2.

    Returns:
        (N, 2, h', w'), dtype and device of ``phi``.

    Raises:
        ValueError: ``phi`` or ``size`` has a wrong shape, or ``size`` is below 2 x 2.
        TypeError: ``phi`` is not floating point.

    Example:
        >>> phi = uniform_sampling_tensor((2, 2))
        >>> torch.equal(resize_sampling_tensor(phi, (5, 9)), uniform_sampling_tensor((5, 9)))
        True
    """
    resized: Tensor = torch.ops.adaseg.resize_sampling_tensor(phi, size)
    return resized


def _resize(phi: Tensor, size: Sequence[int]) -> Tensor:
    rows, cols = specs.resize_sampling_tensor(phi, size).shape[2:]
    computed = phi.float() if phi.element_size() < 4 else phi
    return _lerp_along(_lerp_along(computed, 2, rows), 3, cols).to(phi.dtype)


def _lerp_along(phi: Tensor, dim: int, size: int) -> Tensor:
    if size == phi.shape[dim]:
        return phi
    before, share = grids.neighbours(torch, phi.shape[dim], size, device=phi.device)
    weight = share.to(phi.dtype)
    if dim == 2:
        weight = weight[:, None]
    index = before.long()
    # lerp returns an end exactly where both ends are equal; a sum of products would not.
    return torch.lerp(phi.index_select(dim, index), phi.index_select(dim, index + 1), weight)


def project_to_cover(phi: Tensor) -> Tensor:
    """Return the nearest sampling tensor that meets the covering constraints (3).

    Coordinates are clamped to [0, 1], and the border points are put on the border of the image.
    Differentiable in ``phi``, with gradient 0 for coordinates that are fixed.

    Args:
        phi: (N, 2, h, w) floating point, h and w at least 2, relative (row, column).

    Returns:
        (N, 2, h, w), dtype and device of ``phi``.

    Raises:
        ValueError: ``phi`` has a wrong shape.
        TypeError: ``phi`` is not floating point.

    Example:
        >>> project_to_cover(torch.full((1, 2, 3, 3), 0.4))[0, 0]
        tensor([[0.0000, 0.0000, 0.0000],
                [0.4000, 0.4000, 0.4000],
                [1.0000, 1.0000, 1.0000]])
    """
    projected: Tensor = torch.ops.adaseg.project_to_cover(phi)
    return projected


def _project(phi: Tensor) -> Tensor:
    n, _, h, w = specs.project_to_cover(phi).shape
    rows, cols = phi.clamp(0, 1).unbind(1)
    zero, one = phi.new_zeros((1, 1, 1)), phi.new_ones((1, 1, 1))
    rows = torch.cat([zero.expand(n, 1, w), rows[:, 1:-1], one.expand(n, 1, w)], 1)
    cols = torch.cat([zero.expand(n, h, 1), cols[:, :, 1:-1], one.expand(n, h, 1)], 2)
    return torch.stack([rows, cols], 1)


def sample(
    image: Tensor,
    phi: Tensor,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Tensor:
    """Sample each grid point from its nearest pixel (eq. 1).

    Point phi[:, :, i, j] takes pixel (rint(row * (H-1)), rint(column * (W-1))), ties to even,
    clamped to the image. Only the sampled pixels are read, whatever the strides: an (H, W, 3) image
    viewed as (1, 3, H, W) is not copied. Differentiable in a floating-point ``image``; the
    result is piecewise constant in ``phi``, which gets no gradient.

    Args:
        image: (N, C, H, W), any real dtype, at least one pixel.
        phi: (N, 2, h, w) floating point, relative (row, column).
        mean: One number per channel, in units of the image. With ``mean`` or ``std`` the result is
            (x - mean) / std.
        std: One non-zero number per channel, in units of the image.

    Returns:
        (N, C, h, w), dtype and device of ``image``. If it is normalised: float64 for a float64
        image, else float32.

    Raises:
        ValueError: A shape is wrong, batch sizes or devices differ, ``mean`` or ``std`` does not
            fit the channels, or ``phi`` holds NaN or infinity (on CUDA devices that is an error
            only with ``adaseg_fast.set_debug(True)``).
        TypeError: ``phi`` is not floating point, or no kernel reads the dtype of ``image``.

    Example:
        >>> image = torch.arange(25, dtype=torch.uint8).reshape(1, 1, 5, 5)
        >>> sample(image, uniform_sampling_tensor((2, 3)))[0, 0]
        tensor([[ 0,  2,  4],
                [20, 22, 24]], dtype=torch.uint8)
    """
    sampled: Tensor = torch.ops.adaseg.sample(image, phi, mean, std)
    return sampled


def _sample_out(
    image: Tensor, phi: Tensor, mean: list[float] | None = None, std: list[float] | None = None
) -> Tensor:
    spec, _, _ = specs.sample(image, phi, mean, std)
    check_devices("sample", image=image, phi=phi)
    return new(spec, image)


def _sample_fill(
    out: Tensor,
    image: Tensor,
    phi: Tensor,
    mean: list[float] | None = None,
    std: list[float] | None = None,
) -> None:
    means, stds = specs.normalization(mean, std, image.shape[1])
    call = Call(phi)
    call.kernels.sample(
        call.array(image), call.array(phi), call.out(out), means, stds, call.threads
    )
    call.finish()


def _sample_backward_out(
    grad: Tensor, phi: Tensor, size: Sequence[int], std: list[float] | None, dtype: torch.dtype
) -> Tensor:
    return grad.new_empty((*grad.shape[:2], *size), dtype=dtype)


def _sample_backward_fill(
    grad_image: Tensor,
    grad: Tensor,
    phi: Tensor,
    size: Sequence[int],
    std: list[float] | None,
    dtype: torch.dtype,
) -> None:
    call = Call(phi)
    call.kernels.sample_backward(
        call.array(grad), call.array(phi), call.out(grad_image), std or [], call.threads
    )
    call.finish()


class _Sample(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        phi: Tensor,
        mean: list[float] | None = None,
        std: list[float] | None = None,
    ) -> Tensor:
        ctx.save_for_backward(phi)
        ctx.size, ctx.dtype, ctx.std = image.shape[2:], image.dtype, std
        sampled: Tensor = without_gradient("sample", image, phi, mean, std)
        if not image.requires_grad:
            ctx.mark_non_differentiable(sampled)
        return sampled

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (phi,) = ctx.saved_tensors
        if not ctx.needs_input_grad[0]:
            return None, None, None, None
        grad_image = torch.ops.adaseg.sample_backward(
            grads[0], phi.detach(), ctx.size, ctx.std, ctx.dtype
        )
        return grad_image, None, None, None


register_composite(
    "uniform_sampling_tensor(SymInt[] size, SymInt batch_size=1, *, "
    "ScalarType? dtype=None, Device? device=None) -> Tensor",
    _uniform,
)
register_composite("resize_sampling_tensor(Tensor phi, SymInt[] size) -> Tensor", _resize)
register_composite("project_to_cover(Tensor phi) -> Tensor", _project)
register(
    "sample(Tensor image, Tensor phi, float[]? mean=None, float[]? std=None) -> Tensor",
    _sample_out,
    _sample_fill,
)
register_autograd("sample", _Sample, inputs=1)
register(
    "sample_backward(Tensor grad, Tensor phi, SymInt[] size, float[]? std, ScalarType dtype)"
    " -> Tensor",
    _sample_backward_out,
    _sample_backward_fill,
)
register_no_gradient("sample_backward", "sample cannot be differentiated twice")
