# SPDX-License-Identifier: Apache-2.0
"""Counts the flops of the operations for ``torch.utils.flop_counter``: two per multiply-add.

The counts are those of the plain definitions, so that they depend on shapes alone and are
comparable with torch's counts for its own operations. The kernels need fewer: lines advance by one
addition per pixel, and ``interpolate_argmax`` skips classes that cannot win.

``boundary_mask``, ``nearest_boundary`` and ``triangles`` only compare integers and count as 0.
``uniform_sampling_tensor``, ``resize_sampling_tensor``, ``project_to_cover`` and
``sampling_energy`` consist of torch's elementwise operations, which torch counts as 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import register_flop_formula

Shape = Sequence[int]

# Two of the three barycentric weights are affine in row and column; the third is 1 minus both.
_PER_PIXEL = 4
# A value is the weighted sum of three corners.
_PER_VALUE = 3

_adaseg = torch.ops.adaseg


@register_flop_formula([_adaseg.interpolate, _adaseg.interpolate_argmax])
def interpolate_flops(scores: Shape, phi: Shape, size: Shape, *_: Any, **__: Any) -> int:
    """Count the weights of every pixel and the value of every class at every pixel."""
    items, classes = scores[:2]
    return 2 * items * prod(size) * (_PER_PIXEL + classes * _PER_VALUE)


@register_flop_formula(_adaseg.rasterize)
def rasterize_flops(phi: Shape, size: Shape, *_: Any, **__: Any) -> int:
    """Count the weights of every pixel."""
    return 2 * phi[0] * prod(size) * _PER_PIXEL


@register_flop_formula(_adaseg.interpolate_backward)
def interpolate_backward_flops(
    grad: Shape, scores: Shape, phi: Shape, to_scores: bool, to_phi: bool, *_: Any, **__: Any
) -> int:
    """Count the sums of gradient times weight per triangle, which both gradients use.

    For ``phi`` also count the slopes of each triangle's plane (4 per class) and their products with
    the sums, by corner and coordinate (6 per class).
    """
    items, classes, height, width = grad
    triangles = 2 * (phi[2] - 1) * (phi[3] - 1)
    sums = height * width * (_PER_PIXEL + classes * _PER_VALUE)
    motion = triangles * classes * 10
    return 2 * items * ((sums if to_scores or to_phi else 0) + (motion if to_phi else 0))


@register_flop_formula(_adaseg.sample)
def sample_flops(
    image: Shape, phi: Shape, mean: Shape | None = None, std: Shape | None = None, **_: Any
) -> int:
    """Count one multiply-add per value to normalise it, none to copy it."""
    normalised = mean is not None or std is not None
    return 2 * prod(image[:2]) * prod(phi[2:]) if normalised else 0


@register_flop_formula(_adaseg.sample_backward)
def sample_backward_flops(grad: Shape, *_: Any, **__: Any) -> int:
    """Count one multiply-add per gradient: divide by the channel's std, add to the pixel."""
    return 2 * prod(grad)


@register_flop_formula(_adaseg.solve_sampling)
def solve_sampling_flops(targets: Shape, *_: Any, **__: Any) -> int:
    """Count four matrix products per coordinate: to the basis of eigenvectors and back."""
    items, _two, h, w = targets
    rows = 2 * (h - 2) * w * (h - 2 + w)
    cols = 2 * (w - 2) * h * (w - 2 + h)
    return 2 * items * (rows + cols)
