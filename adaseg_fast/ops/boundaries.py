# SPDX-License-Identifier: Apache-2.0
"""Semantic boundaries and the sampling tensors that follow them (sec. 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from adaseg_fast.backends import energy, specs
from adaseg_fast.backends.select import kernels
from adaseg_fast.ops._arrays import Call, check_devices, new
from adaseg_fast.ops._register import (
    register,
    register_autograd,
    register_composite,
    register_elsewhere,
    register_no_gradient,
    without_gradient,
)


def boundary_mask(
    labels: Tensor, *, classes: Sequence[int] | None = None, ignore_index: int = 255
) -> Tensor:
    """Mark the pixels on a semantic boundary (sec. 3.1).

    A pixel with a 4-neighbour of another label is on a boundary, and so is that neighbour, unless
    either label is ``ignore_index``. With ``classes`` one of the two labels must be among them. Not
    differentiable.

    Args:
        labels: (N, H, W) integers, at least one pixel.
        classes: The target classes; None for all.
        ignore_index: The label of pixels without a class.

    Returns:
        (N, H, W) bool.

    Raises:
        ValueError: ``labels`` has a wrong shape.
        TypeError: ``labels`` does not hold integers.

    Example:
        >>> boundary_mask(torch.tensor([[[1, 1, 2, 2]]]))
        tensor([[[False,  True,  True, False]]])
    """
    mask: Tensor = torch.ops.adaseg.boundary_mask(labels, classes, ignore_index)
    return mask


def nearest_boundary(
    labels: Tensor,
    size: Sequence[int],
    *,
    classes: Sequence[int] | None = None,
    ignore_index: int = 255,
) -> Tensor:
    """Find the boundary pixel nearest to each point of the uniform grid: b(u) of eq. (2).

    Each point is rounded to its pixel (ties to even). The distance is Euclidean, in pixels; the
    smallest row and then the smallest column wins a tie. Without any boundary the result is the
    uniform grid itself. The search is exact, and does not read rows that it need not reach. Not
    differentiable.

    Args:
        labels: (N, H, W) integers, at least one pixel.
        size: (h, w) of the grid, each at least 2.
        classes: The target classes; None for all.
        ignore_index: The label of pixels without a class.

    Returns:
        (N, 2, h, w) float32, relative (row, column).

    Raises:
        ValueError: ``labels`` or ``size`` has a wrong shape, or ``size`` is below 2 x 2.
        TypeError: ``labels`` does not hold integers.

    Example:
        >>> labels = torch.zeros(1, 5, 5, dtype=torch.uint8)
        >>> labels[:, :, 3:] = 1  # the boundary: columns 2 and 3
        >>> nearest_boundary(labels, (2, 2))[0, 1]
        tensor([[0.5000, 0.7500],
                [0.5000, 0.7500]])
    """
    nearest: Tensor = torch.ops.adaseg.nearest_boundary(labels, size, classes, ignore_index)
    return nearest


def solve_sampling(targets: Tensor, lam: float = 1.0) -> Tensor:
    """Find the sampling tensor that minimises eq. (2) subject to eq. (3).

    Each unordered pair of grid neighbours counts once. Where the boundary points lie in [0, 1] so
    does the solution. Differentiable in ``targets``, any number of times: the solution is affine.

    Args:
        targets: (N, 2, h, w) floating point: the boundary points b(u), relative (row, column), as
            ``nearest_boundary`` gives them.
        lam: lambda of eq. (2), finite and at least 0. 0 follows the boundaries, a large value the
            uniform grid.

    Returns:
        (N, 2, h, w), dtype and device of ``targets`` (16-bit types are computed in float32).

    Raises:
        ValueError: ``targets`` has a wrong shape, or ``lam`` is out of range.
        TypeError: ``targets`` is not floating point.

    Example:
        >>> solve_sampling(torch.full((1, 2, 3, 3), 0.2))[0, 0]
        tensor([[0.0000, 0.0000, 0.0000],
                [0.4000, 0.4000, 0.4000],
                [1.0000, 1.0000, 1.0000]])
    """
    solution: Tensor = torch.ops.adaseg.solve_sampling(targets, lam)
    return solution


def sampling_energy(phi: Tensor, targets: Tensor, lam: float = 1.0) -> Tensor:
    """Compute the energy of eq. (2) per item: the regularised loss.

    Differentiable in ``phi`` and ``targets``.

    Args:
        phi: (N, 2, h, w) floating point, relative (row, column), h and w at least 2.
        targets: (N, 2, h, w) floating point: the boundary points b(u).
        lam: lambda of eq. (2), finite and at least 0; each pair of neighbours counts once.

    Returns:
        (N,) of the common dtype of ``phi`` and ``targets``.

    Raises:
        ValueError: The shapes are wrong or differ, devices differ, or ``lam`` is out of range.
        TypeError: ``phi`` or ``targets`` is not floating point.

    Example:
        >>> from adaseg_fast.ops import uniform_sampling_tensor
        >>> phi = uniform_sampling_tensor((2, 2))
        >>> sampling_energy(phi, phi, lam=0.5)  # four pairs of neighbours are 1 apart
        tensor([2.])
    """
    energy: Tensor = torch.ops.adaseg.sampling_energy(phi, targets, lam)
    return energy


def _mask_out(labels: Tensor, classes: list[int] | None = None, ignore_index: int = 255) -> Tensor:
    return new(specs.boundary_mask(labels), labels)


def _mask_fill(
    out: Tensor, labels: Tensor, classes: list[int] | None = None, ignore_index: int = 255
) -> None:
    call = Call(labels)
    call.kernels.boundary_mask(
        call.array(labels), call.out(out), classes, ignore_index, call.threads
    )


def _nearest_out(
    labels: Tensor, size: Sequence[int], classes: list[int] | None = None, ignore_index: int = 255
) -> Tensor:
    return new(specs.nearest_boundary(labels, size), labels)


def _nearest_fill(
    out: Tensor,
    labels: Tensor,
    size: Sequence[int],
    classes: list[int] | None = None,
    ignore_index: int = 255,
) -> None:
    call = Call(labels)
    call.kernels.nearest_boundary(
        call.array(labels), call.out(out), classes, ignore_index, call.threads
    )


@lru_cache(maxsize=64)
def _factors(
    h: int, w: int, lam: float, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, ...]:
    factors = energy.fixed_rows(h, w, lam)
    return tuple(torch.from_numpy(x.copy()).to(device=device, dtype=dtype) for x in factors)


def _solve_rows(out: Tensor, wanted: Tensor, lam: float, homogeneous: bool) -> None:
    _, h, w = wanted.shape
    down, along, inverse, pull = _factors(h, w, lam, wanted.dtype, wanted.device)
    inner = wanted[:, 1:-1] if homogeneous else wanted[:, 1:-1] + pull
    out[:, 1:-1] = down @ (down.T @ inner @ along * inverse) @ along.T
    out[:, 0] = 0.0
    out[:, -1] = 0.0 if homogeneous else 1.0


def _solve_out(targets: Tensor, lam: float = 1.0, homogeneous: bool = False) -> Tensor:
    return new(specs.solve_sampling(targets, lam), targets)


def _solve_fill(out: Tensor, targets: Tensor, lam: float = 1.0, homogeneous: bool = False) -> None:
    call = Call(targets)
    kernels().solve_sampling(call.array(targets), call.out(out), lam, homogeneous, call.threads)
    call.finish()


def _solve_by_products(targets: Tensor, lam: float = 1.0, homogeneous: bool = False) -> Tensor:
    """Solve on other devices than the CPU, by torch's matrix products, without waiting for them.

    The factors for a size and lambda are made at the first call and kept, so that a CUDA graph can
    be captured from the second call on.
    """
    out = _solve_out(targets, lam, homogeneous)
    wanted = targets.float() if targets.element_size() < 4 else targets
    _solve_rows(out[:, 0], wanted[:, 0], lam, homogeneous)
    _solve_rows(out[:, 1].mT, wanted[:, 1].mT, lam, homogeneous)
    if homogeneous:
        return out
    # A solution is a mean of targets and of the borders, 0 and 1.
    least, most = targets.amin((2, 3), keepdim=True), targets.amax((2, 3), keepdim=True)
    return out.clamp_(least.clamp(max=0.0), most.clamp(min=1.0))


class _Solve(torch.autograd.Function):
    """The solution is M targets + c with a symmetric M: the gradient is M grad."""

    @staticmethod
    def forward(ctx: Any, targets: Tensor, lam: float = 1.0, homogeneous: bool = False) -> Tensor:
        ctx.lam = lam
        solution: Tensor = without_gradient("solve_sampling", targets, lam, homogeneous)
        return solution

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return torch.ops.adaseg.solve_sampling(grads[0], ctx.lam, True), None, None


def _energy(phi: Tensor, targets: Tensor, lam: float = 1.0) -> Tensor:
    specs.sampling_energy(phi, targets, lam)
    check_devices("sampling_energy", phi=phi, targets=targets)
    dtype = torch.promote_types(phi.dtype, targets.dtype)
    if dtype.itemsize < 4:  # sums of 16 bits would lose small terms
        phi, targets = phi.float(), targets.float()
    pull = _square_sum(phi.diff(dim=2)) + _square_sum(phi.diff(dim=3))
    return torch.add(_square_sum(phi - targets), pull, alpha=lam).to(dtype)


def _square_sum(values: Tensor) -> Tensor:
    flat = values.flatten(1)
    total: Tensor = torch.linalg.vecdot(flat, flat)
    return total


register(
    "boundary_mask(Tensor labels, int[]? classes=None, int ignore_index=255) -> Tensor",
    _mask_out,
    _mask_fill,
)
register_no_gradient("boundary_mask")
register(
    "nearest_boundary(Tensor labels, SymInt[] size, int[]? classes=None, int ignore_index=255)"
    " -> Tensor",
    _nearest_out,
    _nearest_fill,
)
register_no_gradient("nearest_boundary")
# With homogeneous the borders are at 0, which gives the linear part of the solution.
register(
    "solve_sampling(Tensor targets, float lam=1.0, bool homogeneous=False) -> Tensor",
    _solve_out,
    _solve_fill,
    devices=("CPU",),
)
register_elsewhere("solve_sampling", _solve_by_products)
register_autograd("solve_sampling", _Solve, inputs=1)
register_composite("sampling_energy(Tensor phi, Tensor targets, float lam=1.0) -> Tensor", _energy)
