# SPDX-License-Identifier: Apache-2.0
"""What the operations cost, for ``torch.utils.flop_counter``: two flops a multiply-add.

The counts are those of the definitions evaluated plainly, so that they depend on shapes alone and
compare with what torch counts for its own operations. The kernels need fewer: lines advance by one
addition a pixel, and ``interpolate_argmax`` skips classes that cannot win.

``boundary_mask``, ``nearest_boundary`` and ``triangles`` compare integers and count as nothing.
``uniform_sampling_tensor``, ``resize_sampling_tensor``, ``project_to_cover`` and
``sampling_energy`` are made of torch's elementwise operations, of which torch counts none.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import register_flop_formula

Shape = Sequence[int]

# Two of the three barycentric weights are affine in row and column; the third is what is left.
_A_PIXEL = 4
# A value is the weighted sum of three corners.
_A_VALUE = 3

_adaseg = torch.ops.adaseg


@register_flop_formula([_adaseg.interpolate, _adaseg.interpolate_argmax])
def interpolate_flops(scores: Shape, phi: Shape, size: Shape, *_: Any, **__: Any) -> int:
    """Weights of every pixel and values of every class in every pixel."""
    items, classes = scores[:2]
    return 2 * items * prod(size) * (_A_PIXEL + classes * _A_VALUE)


@register_flop_formula(_adaseg.rasterize)
def rasterize_flops(phi: Shape, size: Shape, *_: Any, **__: Any) -> int:
    """Weights of every pixel."""
    return 2 * phi[0] * prod(size) * _A_PIXEL


@register_flop_formula(_adaseg.interpolate_backward)
def interpolate_backward_flops(
    grad: Shape, scores: Shape, phi: Shape, to_scores: bool, to_phi: bool, *_: Any, **__: Any
) -> int:
    """Sums of gradient times weight a triangle, which serve both gradients.

    For ``phi`` also the slopes of each triangle's plane (4 a class) and their products with the
    sums, by corner and coordinate (6 a class).
    """
    items, classes, height, width = grad
    triangles = 2 * (phi[2] - 1) * (phi[3] - 1)
    sums = height * width * (_A_PIXEL + classes * _A_VALUE)
    motion = triangles * classes * 10
    return 2 * items * ((sums if to_scores or to_phi else 0) + (motion if to_phi else 0))


@register_flop_formula(_adaseg.sample)
def sample_flops(
    image: Shape, phi: Shape, mean: Shape | None = None, std: Shape | None = None, **_: Any
) -> int:
    """One multiply-add a value to normalise it; nothing to copy it."""
    normalised = mean is not None or std is not None
    return 2 * prod(image[:2]) * prod(phi[2:]) if normalised else 0


@register_flop_formula(_adaseg.sample_backward)
def sample_backward_flops(grad: Shape, *_: Any, **__: Any) -> int:
    """Each gradient, divided by the channel's std, is added to its pixel."""
    return 2 * prod(grad)


@register_flop_formula(_adaseg.solve_sampling)
def solve_sampling_flops(targets: Shape, *_: Any, **__: Any) -> int:
    """Into the basis where the system is diagonal and back: four matrix products a coordinate."""
    items, _two, h, w = targets
    rows = 2 * (h - 2) * w * (h - 2 + w)
    cols = 2 * (w - 2) * h * (w - 2 + h)
    return 2 * items * (rows + cols)
