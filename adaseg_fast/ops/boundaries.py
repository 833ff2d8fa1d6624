# SPDX-License-Identifier: Apache-2.0
"""Semantic boundaries and the sampling tensors that they ask for (sec. 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from adaseg_fast.backends import energy, specs
from adaseg_fast.ops._arrays import Call, check_devices
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
    """Pixels on a semantic boundary.

    A pixel with a 4-neighbour of another label is one (both sides are), unless either label is
    ``ignore_index``; with ``classes`` given, only if either label is one of them.

    Args:
        labels: (N, H, W) integers.
        classes: the target classes; None for all.
        ignore_index: label without a class.
    Returns:
        (N, H, W) bool.
    Raises:
        ValueError: a wrong shape. TypeError: ``labels`` is not integers.
    Gradient: none.
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
    """The boundary pixel nearest to each point of the uniform grid: b(u) of eq. (2).

    Each point is rounded to its pixel (ties to even); the distance is Euclidean in pixels, the
    smallest row and then column wins a tie. Without any boundary: the uniform grid itself. Exact;
    rows that no search reaches are not looked at.

    Args:
        labels: (N, H, W) integers.
        size: (h, w) of the grid, each at least 2.
        classes, ignore_index: as in ``boundary_mask``.
    Returns:
        (N, 2, h, w) float32, relative (row, column).
    Raises:
        ValueError: a wrong shape or size. TypeError: ``labels`` is not integers.
    Gradient: none.
    """
    nearest: Tensor = torch.ops.adaseg.nearest_boundary(labels, size, classes, ignore_index)
    return nearest


def solve_sampling(targets: Tensor, lam: float = 1.0) -> Tensor:
    """The sampling tensor that minimises eq. (2) subject to eq. (3).

    Each unordered pair of grid neighbours counts once. With ``targets`` in [0, 1] so is the
    solution.

    Args:
        targets: (N, 2, h, w) floating point: b(u), relative (row, column).
        lam: lambda of eq. (2), not negative: 0 follows the boundaries, large values the uniform
            grid.
    Returns:
        (N, 2, h, w), dtype and device of ``targets`` (16-bit types are computed in float32).
    Raises:
        ValueError: a wrong shape or ``lam``. TypeError: ``targets`` is not floating point.
    Gradient: to ``targets``, any number of times (the solution is affine in them).
    """
    solution: Tensor = torch.ops.adaseg.solve_sampling(targets, lam)
    return solution


def sampling_energy(phi: Tensor, targets: Tensor, lam: float = 1.0) -> Tensor:
    """Eq. (2) per item: the regularised loss.

    Args:
        phi: (N, 2, h, w) floating point, relative (row, column).
        targets: (N, 2, h, w) floating point: b(u).
        lam: lambda of eq. (2), not negative; each pair of neighbours counts once.
    Returns:
        (N,).
    Raises:
        ValueError: a wrong shape or ``lam``, devices that differ.
        TypeError: ``phi`` or ``targets`` is not floating point.
    Gradient: to ``phi`` and ``targets``.
    """
    energy: Tensor = torch.ops.adaseg.sampling_energy(phi, targets, lam)
    return energy


def _mask_out(labels: Tensor, classes: list[int] | None = None, ignore_index: int = 255) -> Tensor:
    specs.check_labels(labels)
    return labels.new_empty(labels.shape, dtype=torch.bool)


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
    specs.check_labels(labels)
    h, w = specs.check_size(size, least=2)
    return labels.new_empty((labels.shape[0], 2, h, w), dtype=torch.float32)


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
    specs.check_targets(targets, lam)
    return targets.new_empty(targets.shape)


def _solve_fill(out: Tensor, targets: Tensor, lam: float = 1.0, homogeneous: bool = False) -> None:
    call = Call(targets)
    call.kernels.solve_sampling(call.array(targets), call.out(out), lam, homogeneous, call.threads)
    call.finish()


def _solve_by_products(targets: Tensor, lam: float = 1.0, homogeneous: bool = False) -> Tensor:
    """On other devices: torch's matrix products, which nothing waits for.

    The factors of a size and lambda are made on first use and kept, so that a graph can be captured
    from the second call on.
    """
    out = _solve_out(targets, lam, homogeneous)
    wanted = targets.float() if targets.element_size() < 4 else targets
    _solve_rows(out[:, 0], wanted[:, 0], lam, homogeneous)
    _solve_rows(out[:, 1].mT, wanted[:, 1].mT, lam, homogeneous)
    return out


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
    specs.check_phi(phi)
    specs.check_targets(targets, lam)
    specs.check_same_shape(phi, targets)
    check_devices(phi=phi, targets=targets)
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
# homogeneous: with borders at 0, the linear part of the solution.
register(
    "solve_sampling(Tensor targets, float lam=1.0, bool homogeneous=False) -> Tensor",
    _solve_out,
    _solve_fill,
    devices=("CPU",),
)
register_elsewhere("solve_sampling", _solve_by_products)
register_autograd("solve_sampling", _Solve, inputs=1)
register_composite("sampling_energy(Tensor phi, Tensor targets, float lam=1.0) -> Tensor", _energy)
