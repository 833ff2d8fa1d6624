# SPDX-License-Identifier: Apache-2.0
"""The operations on NumPy arrays, without torch, and the choice of the kernels behind them.

Coordinates: ``phi[:, 0]`` is the row, ``phi[:, 1]`` the column, both relative in [0, 1]; pixel
(r, c) of an H x W image lies at (r / (H-1), c / (W-1)). Arrays are batch first, of any strides.
"""

from adaseg_fast.backends.numpy_api import (
    boundary_mask,
    interpolate,
    interpolate_argmax,
    nearest_boundary,
    project_to_cover,
    rasterize,
    resize_sampling_tensor,
    sample,
    sampling_energy,
    solve_sampling,
    triangles,
    uniform_sampling_tensor,
)
from adaseg_fast.backends.select import (
    available_backends,
    get_backend,
    kernels,
    set_backend,
    use_backend,
)

__all__ = [
    "available_backends",
    "boundary_mask",
    "get_backend",
    "interpolate",
    "interpolate_argmax",
    "kernels",
    "nearest_boundary",
    "project_to_cover",
    "rasterize",
    "resize_sampling_tensor",
    "sample",
    "sampling_energy",
    "set_backend",
    "solve_sampling",
    "triangles",
    "uniform_sampling_tensor",
    "use_backend",
]
