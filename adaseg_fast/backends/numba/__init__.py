# SPDX-License-Identifier: Apache-2.0
"""The kernels compiled by Numba: for machines without the compiled module.

Each file is the twin of the one of the same name in ``csrc/cpu``, in short, plain loops, and
``geometry`` is that of ``csrc/core``; owners of pixels are the same, bit for bit. A kernel is
compiled when it is first called with arrays of its dtype, which takes seconds, and is kept on disk
where Numba keeps such things (``NUMBA_CACHE_DIR``, else beside the modules, else in the user's
cache folder). Outputs are C-contiguous; the caller has checked the shapes.
"""

from adaseg_fast.backends.numba.boundary import boundary_mask, nearest_boundary
from adaseg_fast.backends.numba.interpolate import interpolate
from adaseg_fast.backends.numba.interpolate_argmax import interpolate_argmax
from adaseg_fast.backends.numba.interpolate_backward import interpolate_backward
from adaseg_fast.backends.numba.rasterize import rasterize, triangles
from adaseg_fast.backends.numba.sample import sample, sample_backward
from adaseg_fast.backends.numba.solve import solve_sampling

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
