# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels of csrc/.

Every backend has the functions named here; they fill arrays that the caller has allocated. Arrays
are NumPy arrays or, for this backend only, tuples (address, type number, shape, strides in
elements).
"""

from adaseg_fast._native import (
    boundary_mask,
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
