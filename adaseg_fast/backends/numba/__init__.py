# SPDX-License-Identifier: Apache-2.0
"""The kernels compiled by Numba: for machines without the compiled module.

There is one file per operation. ``NAME.py`` does in short, plain loops what ``csrc/cpu/NAME.cpp``
does, ``common`` holds what ``csrc/cpu/common`` holds, and ``geometry`` what ``csrc/core`` holds.
``runtime`` compiles the kernels and runs them on threads. Each pixel belongs to the same triangle
as in the C++ kernels.

A kernel is compiled when it is first called with arrays of its dtype, which takes seconds. It is
kept on disk in ``NUMBA_CACHE_DIR``, else beside the modules, else in the user's cache folder.
Outputs are C-contiguous; the caller has checked the shapes.
"""

from adaseg_fast.backends.numba.boundary_mask import boundary_mask
from adaseg_fast.backends.numba.interpolate import interpolate
from adaseg_fast.backends.numba.interpolate_argmax import interpolate_argmax
from adaseg_fast.backends.numba.interpolate_backward import interpolate_backward
from adaseg_fast.backends.numba.nearest_boundary import nearest_boundary
from adaseg_fast.backends.numba.rasterize import rasterize
from adaseg_fast.backends.numba.sample import sample, sample_backward
from adaseg_fast.backends.numba.solve_sampling import solve_sampling
from adaseg_fast.backends.numba.triangles import triangles

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
