# SPDX-License-Identifier: Apache-2.0
"""The operations on NumPy arrays: each checks, allocates and calls a kernel. torch is not imported.

Coordinates: ``phi[:, 0]`` is the row, ``phi[:, 1]`` the column, both relative in [0, 1]; pixel
(r, c) of an H x W image lies at (r / (H-1), c / (W-1)). Arrays are batch first, of any strides and
byte order. ``threads`` is the most threads to use, by default the number of processors that this
process may use. Equation and section numbers are those of Marin et al. 2019.
"""

from adaseg_fast.backends.numpy_api.boundaries import (
    boundary_mask,
    nearest_boundary,
    sampling_energy,
    solve_sampling,
)
from adaseg_fast.backends.numpy_api.interpolation import (
    interpolate,
    interpolate_argmax,
    rasterize,
    triangles,
)
from adaseg_fast.backends.numpy_api.sampling import (
    project_to_cover,
    resize_sampling_tensor,
    sample,
    uniform_sampling_tensor,
)

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
