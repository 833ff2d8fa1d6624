# SPDX-License-Identifier: Apache-2.0
"""The operations of adaptive downsampling on torch tensors, also as ``torch.ops.adaseg.*``.

Coordinates: ``phi[:, 0]`` is the row, ``phi[:, 1]`` the column, both relative in [0, 1]; pixel
(r, c) of an H x W image lies at (r / (H-1), c / (W-1)). Tensors are batch first, of any strides.
"""

from adaseg_fast.ops.boundaries import (
    boundary_mask,
    nearest_boundary,
    sampling_energy,
    solve_sampling,
)
from adaseg_fast.ops.interpolation import interpolate, interpolate_argmax, rasterize, triangles
from adaseg_fast.ops.sampling import (
    project_to_cover,
    resize_sampling_tensor,
    sample,
    uniform_sampling_tensor,
)

# Imported after the operations that it counts.
from adaseg_fast.ops import _flops  # isort: skip  # noqa: F401

__all__ = [
    "boundary_mask",
    "interpolate",
    "interpolate_argmax",
    "nearest_boundary",
    "project_to_cover",
    "rasterize",
    "resize_sampling_tensor",
    "sample",
    "sampling_energy",
    "solve_sampling",
    "triangles",
    "uniform_sampling_tensor",
]
