# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels of ``csrc/``, under the names of ``protocol.Kernels``.

``dtypes`` holds the number of each element type by its name, as the kernels take it.
"""

from adaseg_fast._native import (
    boundary_mask,
    dtypes,
    interpolate,
    interpolate_argmax,
    interpolate_backward,
    nearest_boundary,
    rasterize,
    sample,
    sample_backward,
    solve_sampling,
    triangles,
)

__all__ = [
    "boundary_mask",
    "dtypes",
    "interpolate",
    "interpolate_argmax",
    "interpolate_backward",
    "nearest_boundary",
    "rasterize",
    "sample",
    "sample_backward",
    "solve_sampling",
    "triangles",
]
