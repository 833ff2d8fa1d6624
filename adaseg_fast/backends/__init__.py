# SPDX-License-Identifier: Apache-2.0
"""The kernels behind ``adaseg_fast.ops``, and the operations on NumPy arrays, without torch."""

from adaseg_fast.backends.numpy_api import (
    boundary_mask,
    interpolate,
    interpolate_argmax,
    nearest_boundary,
    rasterize,
    sample,
    sampling_energy,
    solve_sampling,
    triangles,
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
    "rasterize",
    "sample",
    "sampling_energy",
    "set_backend",
    "solve_sampling",
    "triangles",
    "use_backend",
]
